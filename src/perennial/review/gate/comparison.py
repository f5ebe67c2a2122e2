"""Rules on the model beside the champion: changed at all, no worse, and no slice worse.

Why so: docs/decisions.md#d43
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perennial.evaluation.difference import student
from perennial.evaluation.metrics.definition import Metric
from perennial.review.gate.case import Case, NoFigure
from perennial.review.paired.evidence import Evidence, SliceDifference, holm, lacking
from perennial.review.report.wording import signed
from perennial.runtime.checks import Answer, CouldNotTell, Explained, Failure, NotApplicable, Pass
from perennial.runtime.errors import PerennialError

#: What `gate.margin` is for a metric between 0 and 1.
MARGIN = 0.01

#: What `gate.rare_share` is for rows, and for days and groups, of which there are fewer.
RARE_ROWS = 0.01
RARE_BLOCKS = 0.05

#: Degrees of freedom of the sample that would be needed: with fewer, t is a little larger.
LARGE = 100


def _incomparable(case: Case) -> NotApplicable | None:
    """Why there is no champion to be compared with: it is the same, or answers another question."""
    if case.other_question:
        return _first_of_question(case)
    return NotApplicable("the bundle is the champion's own") if case.is_unchanged else None


def _first_of_question(case: Case) -> NotApplicable:
    other = case.other_question.replace("in the base", "in the champion")
    return NotApplicable(f"the first model of its question: {other}")


def judge_change(case: Case) -> Answer:
    """Whether the bundle is another one than the champion's."""
    if case.other_question:
        return _first_of_question(case)
    if not case.is_unchanged:
        return Pass("the bundle is not the champion's")
    same = "the bundle is the champion's own, byte for byte"
    if case.allow_unchanged:
        return NotApplicable(f"{same}, and --allow-unchanged lets it be")
    return CouldNotTell(f"{same}: there is nothing to judge")


def judge_champion(case: Case) -> Answer:
    """Whether the primary metric is at most the margin worse than the champion's, and an anchor's.

    The anchor is the former champion that the head loses most against, or the first, by policy.
    """
    nothing = _incomparable(case)
    if nothing is not None:
        return nothing
    answer = _judged(case, case.evidence)
    for other in _beside_former(case):
        answer = _stricter(answer, other)
    if case.lost:
        lost = f"{case.lost} former champions are in no cache or remote, and were not asked"
        answer = type(answer)(f"{answer.reason}; {lost}", answer.figures)
    return answer


def _judged(case: Case, evidence: Evidence) -> Explained:
    margin = margin_of(evidence.primary, case.policy.margin)
    if margin is None:
        return CouldNotTell(f"the policy names no gate.margin, which {evidence.primary.name} needs")
    name = evidence.primary.name
    is_known = name in evidence.lacking and name in case.own.values
    if name not in evidence.differences and not is_known:
        raise NoFigure(f"{name} has no value on these rows")
    lack = lacking(evidence, case.compare)
    gain = None if lack else gain_of(evidence, margin, case.policy.rare_share)
    if gain is None:
        return CouldNotTell(lack or f"{name} has no worse side")
    return weighed(gain, name, margin, level=case.level, alpha=case.policy.alpha)


def _beside_former(case: Case) -> Iterator[Explained]:
    """The answer beside the former champion that the head loses most against, if there is any."""
    answers = []
    for former in case.former:
        try:
            answer = _judged(case, case.evidence_beside(former))
        # Another question, a bundle that asks for other features, no row that it has not learnt.
        except PerennialError:
            continue
        if "gain" in answer.figures:
            answers.append((answer.figures["gain"], former, answer))
    if answers:
        _, former, answer = min(answers, key=lambda item: item[0])
        figures = {"anchor": former.name, **answer.figures}
        yield type(answer)(f"beside {former.name}, {answer.reason}", figures)


def _stricter(answer: Explained, other: Explained) -> Explained:
    """The answer of two that both have to pass."""
    order = (Failure, CouldNotTell, Pass)
    first = min(answer, other, key=lambda one: order.index(type(one)))
    figures = {**answer.figures, "beside_anchor": other.figures}
    return type(first)(f"{answer.reason}; {other.reason}", figures)


@dataclass(frozen=True)
class Gain:
    """How much better than the champion the head is, by blocks."""

    value: float
    """Above 0 where the head is better."""
    error: float
    """Its standard error, as observed."""
    freedom: float
    """Degrees of freedom: effective blocks - 1."""
    rare: float = RARE_BLOCKS
    """The least share of the blocks that a loss of the margin is taken to sit in."""
    unit: str = "blocks"
    weight: float = np.inf
    """Effective blocks by what moves the gain."""

    @property
    def blocks(self) -> float:
        """Effective blocks."""
        return self.freedom + 1

    def bound(self, level: float, margin: float = 0.0) -> float:
        """The value that the true gain is above, with a chance of error of `level`.

        What few blocks show of a gain has few degrees of freedom; a loss of the margin may sit in
        any, and its error is known.
        """
        freedom = self.freedom if margin else min(self.freedom, self.weight - 1)
        return self.value - student(freedom, 1 - level) * self.error_at(margin)

    def error_at(self, margin: float) -> float:
        """The standard error if the head is worse by the margin.

        That loss may sit in a rare share of the blocks, each of which then loses margin / share,
        and a sample without them shows nothing of it: the variance of blocks that lose so, of
        which the observed one knows little where they are few (the idea of a score test: Tango
        1998, Statistics in Medicine 17; the rule of three: Hanley and Lippman-Hand 1983).
        """
        unseen = margin * np.sqrt((1 - self.rare) / self.rare / self.blocks)
        return float(np.hypot(self.error, unseen))

    def blocks_needed(self, level: float, margin: float) -> int | None:
        """About how many blocks would show that the gain is above -margin, if it is this one."""
        lead = self.value + margin
        if lead <= 0 or not self.error_at(margin):
            return None
        quantile = student(max(self.freedom, LARGE), 1 - level)
        return int(np.ceil(self.blocks * (quantile * self.error_at(margin) / lead) ** 2))


def margin_of(metric: Metric, stated: float | None) -> float | None:
    """The margin for a metric; None where what is little depends on its units."""
    if stated is not None:
        return stated
    return MARGIN if (metric.low, metric.high) == (0.0, 1.0) else None


def gain_of(evidence: Evidence, margin: float, rare: float | None) -> Gain | None:
    """The gain in the primary metric, with the error by which `perennial compare` judges it.

    A percentile of a bootstrap reaches no level below one in its resamples, and looks need less
    than that: so Student's t. None where the metric's best is 0 in the middle, which has no worse
    side.
    """
    primary = evidence.primary
    measured = evidence.differences.get(primary.name)
    if measured is None or primary.direction == "zero":
        return None
    gain = measured.gain
    is_of_rows = evidence.unit == "rows"
    reach = primary.reach(gain.blocks)
    share = rare if rare is not None else RARE_ROWS / reach if is_of_rows else RARE_BLOCKS
    if is_of_rows and (primary.low, primary.high) == (0.0, 1.0):
        # A row can lose so much at most, so that the margin needs at least this share of them.
        share = max(share, margin / reach)
    freedom, share = gain.blocks - 1, min(share, 1.0)
    return Gain(gain.value, gain.standard_error, freedom, share, evidence.unit, gain.weight)


def weighed(gain: Gain, name: str, margin: float, *, level: float, alpha: float) -> Explained:
    """Weigh a gain against the margin, the loss that is accepted.

    A pass needs the bound at this look's level above -margin. A loss at the policy's alpha fails:
    with a smaller level for each look, failing would get harder.
    """
    low, high = gain.bound(level, margin), gain.bound(1 - alpha)
    if not np.isfinite([gain.value, gain.error, low, high]).all():
        raise NoFigure(f"the difference in {name} is no number")
    answer = Pass if low > -margin else Failure if high < 0 else CouldNotTell
    reason = (
        f"gain in {name} {signed(gain.value)}, at least {signed(low)} at level {level:.2g}: "
        f"{'above' if low > -margin else 'not above'} {signed(-margin)}"
    )
    if answer is Failure:
        reason += f", and at most {signed(high)} at alpha {alpha:g}: worse"
    needed = gain.blocks_needed(level, margin) if answer is CouldNotTell else None
    if needed is not None:
        reason += (
            f"; about {needed:,} {gain.unit} would do, and there are {gain.blocks:.1f} "
            f"(a loss may sit in {gain.rare:.0%} of them)"
        )
    figures = {
        "metric": name,
        "gain": gain.value,
        "standard_error": gain.error,
        "error_at_margin": gain.error_at(margin),
        "rare_share": gain.rare,
        "blocks": gain.blocks,
        "unit": gain.unit,
        "blocks_needed": needed,
        "low": low,
        "high": high,
        "level": level,
        "margin": margin,
    }
    return answer(reason, figures)


def judge_slices(case: Case) -> Answer:
    """Whether no slice is significantly worse than the champion's."""
    nothing = _incomparable(case)
    if nothing is not None:
        return nothing
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
        others = "; ".join(f"{_name(item)}, {item.lack}" for item in slices if item not in known)
        return CouldNotTell(f"not compared: {others}", figures)
    return Pass(f"none of {len(slices)} slices is worse, after Holm", figures)


def _name(item: SliceDifference) -> str:
    return f"{item.column} {item.value}"


def one_sided(item: SliceDifference) -> float:
    """The p-value of the hypothesis that a slice is no worse."""
    assert item.p_value is not None
    assert item.gain is not None
    return item.p_value / 2 if item.gain < 0 else 1 - item.p_value / 2
