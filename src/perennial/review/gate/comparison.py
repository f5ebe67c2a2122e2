"""Rules on the model beside the champion: changed at all, no worse, and no slice worse.

Why so: docs/decisions.md#d43
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from perennial.evaluation.metrics.definition import Metric
from perennial.review.gate.case import Case, NoFigure
from perennial.review.paired.evidence import Evidence, SliceDifference, lacking
from perennial.review.report.wording import signed
from perennial.runtime.checks import Answer, CouldNotTell, Explained, Failure, NotApplicable, Pass

#: What `gate.margin` is for a metric between 0 and 1.
MARGIN = 0.01

_UNCHANGED = NotApplicable("the bundle is the champion's own")


def judge_change(case: Case) -> Answer:
    """Whether the bundle is another one than the champion's."""
    if not case.is_unchanged:
        return Pass("the bundle is not the champion's")
    same = "the bundle is the champion's own, byte for byte"
    if case.allow_unchanged:
        return NotApplicable(f"{same}, and --allow-unchanged lets it be")
    return CouldNotTell(f"{same}: there is nothing to judge")


def judge_champion(case: Case) -> Answer:
    """Whether the primary metric is at most the margin worse than the champion's."""
    if case.is_unchanged:
        return _UNCHANGED
    evidence = case.evidence
    margin = margin_of(evidence.primary, case.policy.margin)
    if margin is None:
        return CouldNotTell(f"the policy names no gate.margin, which {evidence.primary.name} needs")
    if evidence.primary.name not in evidence.differences:
        raise NoFigure(f"{evidence.primary.name} has no value on these rows")
    lack = lacking(evidence, case.compare)
    gain = None if lack else gain_of(evidence)
    if gain is None:
        return CouldNotTell(lack or f"{evidence.primary.name} has no error here")
    return weighed(gain, evidence.primary.name, margin, level=case.level, alpha=case.policy.alpha)


@dataclass(frozen=True)
class Gain:
    """How much better than the champion the head is, by blocks."""

    value: float
    """Above 0 where the head is better."""
    error: float
    """Its standard error."""
    freedom: int
    """Degrees of freedom: blocks - 1."""

    def bound(self, level: float) -> float:
        """The value that the true gain is above, with a chance of error of `level`."""
        return self.value - float(stdtrit(self.freedom, 1 - level)) * self.error


def margin_of(metric: Metric, stated: float | None) -> float | None:
    """The margin for a metric; None where what is little depends on its units."""
    if stated is not None:
        return stated
    return MARGIN if (metric.low, metric.high) == (0.0, 1.0) else None


def gain_of(evidence: Evidence) -> Gain | None:
    """The gain in the primary metric: from DeLong by blocks for `roc_auc`, else a block bootstrap.

    A percentile of a bootstrap reaches no level below one in its resamples, and looks need less
    than that: so the error is taken from it, and Student's t. None where there is no error, or
    the metric's best is 0 in the middle, which has no worse side.
    """
    primary, freedom = evidence.primary, evidence.blocks - 1
    if freedom < 1 or primary.direction == "zero":
        return None
    if primary.name == "roc_auc":
        area = evidence.area
        return None if area is None else Gain(area.value, area.standard_error, freedom)
    measured = evidence.differences.get(primary.name)
    if measured is None:
        return None
    sign = 1 if primary.direction == "up" else -1
    return Gain(sign * measured.difference.value, measured.difference.standard_error, freedom)


def weighed(gain: Gain, name: str, margin: float, *, level: float, alpha: float) -> Explained:
    """Weigh a gain against the margin, the loss that is accepted.

    A pass needs the bound at this look's level above -margin. A loss at the policy's alpha fails:
    with a smaller level for each look, failing would get harder.
    """
    low, high = gain.bound(level), gain.bound(1 - alpha)
    if not np.isfinite([gain.value, gain.error, low, high]).all():
        raise NoFigure(f"the difference in {name} is no number")
    answer: type[Explained] = CouldNotTell
    if low > -margin:
        answer = Pass
    elif high < 0:
        answer = Failure
    reason = (
        f"gain in {name} {signed(gain.value)}, at least {signed(low)} at level {level:.2g}: "
        f"{'above' if low > -margin else 'not above'} {signed(-margin)}"
    )
    figures = {
        "metric": name,
        "gain": gain.value,
        "standard_error": gain.error,
        "blocks": gain.freedom + 1,
        "low": low,
        "level": level,
        "margin": margin,
    }
    return answer(reason, figures)


def judge_slices(case: Case) -> Answer:
    """Whether no slice is significantly worse than the champion's."""
    if case.is_unchanged:
        return _UNCHANGED
    if not case.params.evaluate.slices:
        return NotApplicable("evaluate.slices names no column")
    slices = [item for item in case.evidence.slices if item.rows >= case.policy.slice_min_rows]
    return slices_weighed(slices, case.policy.alpha, case.policy.slice_min_rows)


def slices_weighed(slices: Sequence[SliceDifference], alpha: float, min_rows: int) -> Explained:
    """Fail if any slice of `min_rows` is worse; *could not tell* if one could not be compared.

    Alpha is the chance that any slice is called worse while none is. It stays the same with each
    look: a smaller one would let more losses pass.
    """
    if not slices:
        return NotApplicable(f"no slice has {min_rows:,} rows")
    known = [item for item in slices if item.p_value is not None and item.gain is not None]
    adjusted = holm([one_sided(item) for item in known])
    worse = [(item, p) for item, p in zip(known, adjusted, strict=True) if not p > alpha]
    figures = {
        "slices": len(slices),
        "not_compared": len(slices) - len(known),
        "worse": [
            {"column": item.column, "slice": item.value, "gain": item.gain, "adjusted_p": p}
            for item, p in worse
        ],
    }
    if worse:
        losses = [f"{_name(item)} lost {signed(-(item.gain or 0.0))} ({item.measure})"
                  for item, _ in worse]  # fmt: skip
        return Failure("; ".join(losses), figures)
    if len(known) < len(slices):
        others = ", ".join(_name(item) for item in slices if item not in known)
        return CouldNotTell(f"too plain to be compared: {others}", figures)
    return Pass(f"none of {len(slices)} slices, after Holm", figures)


def _name(item: SliceDifference) -> str:
    return f"{item.column} {item.value}"


def one_sided(item: SliceDifference) -> float:
    """The p-value of the hypothesis that a slice is no worse."""
    assert item.p_value is not None
    assert item.gain is not None
    return item.p_value / 2 if item.gain < 0 else 1 - item.p_value / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, by Holm 1979 (Scandinavian Journal of Statistics 6).

    Rejecting those up to alpha has a chance of at most alpha for a wrong one among them, whatever
    their dependence. scipy has Benjamini and Hochberg's, which bounds another rate.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    rising = pd.Series(p_values, dtype=float).sort_values()
    adjusted = (rising * np.arange(len(rising), 0, -1)).cummax().clip(upper=1)
    return list(adjusted.sort_index().tolist())
