"""The verdict: better, worse, no detectable difference, or why it cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perennial.params.compare import Compare
from perennial.review.compare.evidence import Difference, Evidence
from perennial.review.compare.seeds import Spread

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


def lacking(evidence: Evidence, params: Compare) -> str:
    """Say what the evidence lacks for any verdict; nothing if it suffices."""
    if evidence.blocks < params.min_blocks:
        return (
            f"{evidence.blocks} blocks (days, groups or rows) are fewer than "
            f"compare.min_blocks ({params.min_blocks})"
        )
    if evidence.rarest is not None and evidence.rarest < params.min_positives:
        return (
            f"{evidence.rarest} rows of the rarest class are fewer than "
            f"compare.min_positives ({params.min_positives})"
        )
    if evidence.primary.name not in evidence.differences:
        return f"{evidence.primary.name} has no value on these rows"
    return ""


def gain(found: Difference) -> float:
    """The difference, turned so that above 0 is better."""
    if found.metric.direction == "zero":
        return abs(found.base) - abs(found.head)
    return found.difference.value * (1 if found.metric.direction == "up" else -1)


def sentence(found: Difference) -> str:
    """Tell a difference with its interval."""
    item = found.difference
    return (
        f"{found.metric.name} {signed(item.value)} ({signed(item.low)} to {signed(item.high)}), "
        f"{found.base:.4f} to {found.head:.4f}"
    )


def signed(value: float) -> str:
    """Four decimals and a sign, and never a minus before nought."""
    rounded = round(value, 4)
    return f"{rounded:+.4f}" if rounded else "0.0000"


def p_told(value: float) -> str:
    """A p-value, not more exact than it is."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
