"""The verdict: better, worse, no detectable difference, or why it cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perennial.review.compare.seeds import Spread
from perennial.review.paired.evidence import Difference, Evidence, gain, lacking
from perennial.review.params.compare import Compare
from perennial.review.report.wording import p_told, signed

Word = Literal["better", "worse", "no detectable difference", "cannot tell"]


@dataclass(frozen=True)
class Verdict:
    """What a reviewer reads first.

    Attributes
    ----------
    word : str
        The verdict.
    why : str
        A sentence with the figures behind it.
    """

    word: Word
    why: str

    @property
    def exit_code(self) -> int:
        """0 unless it could not be told, which is 2: a comparison reports, and judges nothing."""
        return 2 if self.word == "cannot tell" else 0


def judge(
    evidence: Evidence, spread: Spread, params: Compare, *, confidence: float, same_bundle: bool
) -> Verdict:
    """Weigh the evidence on the metric that decides.

    Parameters
    ----------
    evidence : Evidence
        What the rows say.
    spread : Spread
        What other seeds say.
    params : Compare
        The least evidence that a verdict needs.
    confidence : float
        A p-value up to 1 - confidence counts.
    same_bundle : bool
        Whether the two bundles are the same to the byte.

    Returns
    -------
    Verdict
        With its reason.
    """
    if same_bundle:
        return Verdict("no detectable difference", "the two bundles are the same, byte for byte")
    lack = lacking(evidence, params)
    if lack:
        return Verdict("cannot tell", lack)
    found = evidence.differences[evidence.primary.name]
    told = f"{sentence(found)}, p {p_told(found.p_value)}"
    if found.p_value > 1 - confidence:
        return Verdict("no detectable difference", told)
    if abs(gain(found)) <= spread.width:
        return Verdict(
            "no detectable difference",
            f"{told}, yet no more than the {spread.width:.4f} that other seeds make",
        )
    return Verdict("better" if gain(found) > 0 else "worse", told)


def sentence(found: Difference) -> str:
    """Tell a difference with its interval."""
    item = found.difference
    return (
        f"{found.metric.name} {signed(item.value)} ({signed(item.low)} to {signed(item.high)}), "
        f"{found.base:.4f} to {found.head:.4f}"
    )
