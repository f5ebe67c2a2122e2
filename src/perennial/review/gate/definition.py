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
    """How a rule ended."""

    outcome: Outcome
    said: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One demand on a model."""

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
    """Sum rules up."""
    outcomes = {result.answer.outcome for result in results}
    if "fail" in outcomes:
        return 1
    return 0 if "pass" in outcomes and "could not tell" not in outcomes else 2
