"""The verdict: better, worse, different, no detectable difference, or why none can be said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perennial.review.compare.seeds import Spread
from perennial.review.paired.evidence import Difference, Evidence, lacking
from perennial.review.params.compare import Compare
from perennial.review.report.wording import p_text, signed

Word = Literal["better", "worse", "different", "no detectable difference", "cannot tell"]


@dataclass(frozen=True)
class Verdict:
    """The verdict, and a sentence with the figures behind it."""

    word: Word
    why: str

    @property
    def exit_code(self) -> int:
        """0, or 2 without a verdict: a comparison reports, and judges nothing."""
        return 2 if self.word == "cannot tell" else 0


def judge(
    evidence: Evidence, spread: Spread, params: Compare, *, confidence: float, same_bundle: bool
) -> Verdict:
    """Weigh the evidence on the metric that decides: a p-value up to 1 - confidence counts."""
    if same_bundle:
        return Verdict("no detectable difference", "the two bundles are the same, byte for byte")
    lack = lacking(evidence, params)
    if lack:
        return Verdict("cannot tell", lack)
    item = evidence.differences[evidence.primary.name]
    why = f"{sentence(item)}, p {p_text(item.p_value)}"
    if item.p_value > 1 - confidence:
        return Verdict("no detectable difference", why)
    if max(abs(item.difference.value), abs(item.gain.value)) <= spread.width:
        return Verdict(
            "no detectable difference",
            f"{why}, yet no more than the {spread.width:.4f} that other seeds make",
        )
    if item.gain.p_value > 1 - confidence:
        return Verdict("different", f"{why}, and neither is surely nearer to 0")
    return Verdict("better" if item.gain.value > 0 else "worse", why)


def sentence(item: Difference) -> str:
    """A difference with its interval."""
    gap = item.difference
    return (
        f"{item.metric.name} {signed(gap.value)} ({signed(gap.low)} to {signed(gap.high)}), "
        f"{item.base:.4f} to {item.head:.4f}"
    )
