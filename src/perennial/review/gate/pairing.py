"""Rules on the model beside the champion: changed at all, no worse, and no slice worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from perennial.evaluation.metrics.definition import Metric
from perennial.review.gate.case import Case, NoFigure
from perennial.review.gate.definition import Answer
from perennial.review.paired.evidence import Evidence, SliceDifference, lacking
from perennial.review.report.wording import signed

#: What `gate.margin` is for a metric between 0 and 1.
MARGIN = 0.01

_UNCHANGED = Answer("not applicable", "the bundle is the champion's own")


def judge_change(case: Case) -> Answer:
    """Judge whether there is anything to judge."""
    if not case.is_unchanged:
        return Answer("pass", "the bundle is not the champion's")
    told = "the bundle is the champion's own, byte for byte"
    if case.allow_unchanged:
        return Answer("not applicable", f"{told}, and --allow-unchanged lets it be")
    return Answer("could not tell", f"{told}: there is nothing to judge")


def judge_champion(case: Case) -> Answer:
    """Judge whether the primary metric is no worse than the champion's, but for the margin."""
    if case.is_unchanged:
        return _UNCHANGED
    evidence = case.evidence
    margin = margin_of(evidence.primary, case.policy.margin)
    if margin is None:
        return Answer(
            "could not tell",
            f"the policy names no gate.margin, which {evidence.primary.name} needs",
        )
    if evidence.primary.name not in evidence.differences:
        raise NoFigure(f"{evidence.primary.name} has no value on these rows")
    lack = lacking(evidence, case.compare)
    gain = None if lack else gain_of(evidence)
    if gain is None:
        return Answer("could not tell", lack or f"{evidence.primary.name} has no error here")
    return weighed(gain, evidence.primary.name, margin, level=case.level, alpha=case.policy.alpha)


@dataclass(frozen=True)
class Gain:
    """How much better than the champion the head is, by blocks."""

    value: float
    error: float
    freedom: int

    def bound(self, level: float) -> float:
        """The value that the true gain lies above, but for a chance of `level`."""
        return self.value - float(stdtrit(self.freedom, 1 - level)) * self.error


def margin_of(metric: Metric, stated: float | None) -> float | None:
    """The margin for a metric; None where nobody can know what is little."""
    if stated is not None:
        return stated
    return MARGIN if (metric.low, metric.high) == (0.0, 1.0) else None


def gain_of(evidence: Evidence) -> Gain | None:
    """Read the gain in the primary metric off the evidence.

    A percentile of a bootstrap reaches no level below one in its resamples, and looks ask for less
    than that: so the error is taken from it, and Student's t.
    """
    primary, freedom = evidence.primary, evidence.blocks - 1
    if freedom < 1 or primary.direction == "zero":
        return None
    if primary.name == "roc_auc":
        area = evidence.area
        return None if area is None else Gain(area.value, area.standard_error, freedom)
    found = evidence.differences.get(primary.name)
    if found is None:
        return None
    sign = 1 if primary.direction == "up" else -1
    return Gain(sign * found.difference.value, found.difference.standard_error, freedom)


def weighed(gain: Gain, name: str, margin: float, *, level: float, alpha: float) -> Answer:
    """Weigh a gain against the margin."""
    low, high = gain.bound(level), gain.bound(1 - alpha)
    if not np.isfinite([gain.value, gain.error, low, high]).all():
        raise NoFigure(f"the difference in {name} is no number")
    outcome: Literal["pass", "fail", "could not tell"] = "could not tell"
    if low > -margin:
        outcome = "pass"
    elif high < 0:
        outcome = "fail"
    told = (
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
    return Answer(outcome, told, figures)


def judge_slices(case: Case) -> Answer:
    """Judge whether any slice is significantly worse than the champion's."""
    if case.is_unchanged:
        return _UNCHANGED
    if not case.params.evaluate.slices:
        return Answer("not applicable", "evaluate.slices names no column")
    found = [item for item in case.evidence.slices if item.rows >= case.policy.slice_min_rows]
    return slices_weighed(found, case.policy.alpha, case.policy.slice_min_rows)


def slices_weighed(found: Sequence[SliceDifference], alpha: float, min_rows: int) -> Answer:
    """Weigh what slices lost."""
    if not found:
        return Answer("not applicable", f"no slice has {min_rows:,} rows")
    known = [item for item in found if item.p_value is not None and item.gain is not None]
    adjusted = holm([one_sided(item) for item in known])
    worse = [(item, p) for item, p in zip(known, adjusted, strict=True) if not p > alpha]
    figures = {
        "slices": len(found),
        "not_compared": len(found) - len(known),
        "worse": [
            {"column": item.column, "slice": item.value, "gain": item.gain, "adjusted_p": p}
            for item, p in worse
        ],
    }
    if worse:
        told = [f"{_name(item)} lost {signed(-(item.gain or 0.0))} ({item.measure})"
                for item, _ in worse]  # fmt: skip
        return Answer("fail", "; ".join(told), figures)
    if len(known) < len(found):
        lost = ", ".join(_name(item) for item in found if item not in known)
        return Answer("could not tell", f"too plain to be compared: {lost}", figures)
    return Answer("pass", f"none of {len(found)} slices, after Holm", figures)


def _name(item: SliceDifference) -> str:
    return f"{item.column} {item.value}"


def one_sided(item: SliceDifference) -> float:
    """The p-value of the hypothesis that a slice is no worse."""
    assert item.p_value is not None
    assert item.gain is not None
    return item.p_value / 2 if item.gain < 0 else 1 - item.p_value / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, by Holm 1979 (Scandinavian Journal of Statistics 6).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    rising = np.maximum.accumulate(np.asarray(p_values, float)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(rising, 1)
    return [float(p) for p in adjusted]
