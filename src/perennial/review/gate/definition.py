"""What a rule of the gate is, and how it may end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from perennial.review.gate.case import Case

Outcome = Literal["pass", "fail", "not applicable", "could not tell"]

PAGE = "docs/reference/gate.md"


@dataclass(frozen=True)
class Answer:
    """How a rule ended.

    Parameters
    ----------
    outcome : str
        *Not applicable* is for what the policy does not ask: it weighs nothing. *Could not tell* is
        for what it asks and the evidence does not answer: it is never a pass.
    said : str
        Why, in a sentence without its full stop.
    figures : dict
        The figures behind it.
    """

    outcome: Outcome
    said: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One demand on a model.

    Parameters
    ----------
    code : str
        Its name for good.
    title : str
        What is demanded.
    remedy : str
        What to do where it is not met.
    judge : callable
        Its answer for a case.
    """

    code: str
    title: str
    remedy: str
    judge: Callable[[Case], Answer]

    @property
    def page(self) -> str:
        """Where the docs tell more."""
        return f"{PAGE}#{self.code.lower()}"


@dataclass(frozen=True)
class Result:
    """What a rule said."""

    rule: Rule
    answer: Answer

    def record(self) -> dict[str, Any]:
        """Turn it into a JSON value."""
        return {
            "code": self.rule.code,
            "title": self.rule.title,
            "outcome": self.answer.outcome,
            "said": self.answer.said,
            "figures": self.answer.figures,
        }


def exit_code(results: Iterable[Result]) -> int:
    """Sum rules up.

    Parameters
    ----------
    results : iterable of Result
        What they said.

    Returns
    -------
    int
        1 if one failed; else 2 if one could not tell, or none passed; else 0.
    """
    outcomes = {result.answer.outcome for result in results}
    if "fail" in outcomes:
        return 1
    return 0 if "pass" in outcomes and "could not tell" not in outcomes else 2
