"""What a check is, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

Subject = TypeVar("Subject")
Status = Literal["pass", "finding", "not applicable", "could not tell"]

PAGE = "docs/verify.md"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    where: str
    what: str


@dataclass(frozen=True)
class NotApplicable:
    """Why there is nothing to look at: no pass, and no fault either."""

    reason: str


@dataclass(frozen=True)
class CannotTell:
    """Why a check that should have looked could not."""

    reason: str


Answer = list[Finding] | NotApplicable | CannotTell


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One check."""

    code: str
    title: str
    remedy: str
    find: Callable[[Subject], Answer]

    @property
    def page(self) -> str:
        """Where the docs tell more."""
        return f"{PAGE}#{self.code.lower()}"


@dataclass(frozen=True)
class Result:
    """What a check said."""

    check: Check[Any]
    answer: Answer

    @property
    def status(self) -> Status:
        """The answer in a word or two."""
        if isinstance(self.answer, NotApplicable):
            return "not applicable"
        if isinstance(self.answer, CannotTell):
            return "could not tell"
        return "finding" if self.answer else "pass"

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, if anything."""
        return self.answer if isinstance(self.answer, list) else []

    @property
    def reason(self) -> str | None:
        """Why there is no answer, where there is none."""
        return None if isinstance(self.answer, list) else self.answer.reason

    def record(self) -> dict[str, Any]:
        """Turn it into a JSON value."""
        told: dict[str, Any] = {
            "code": self.check.code,
            "title": self.check.title,
            "status": self.status,
            "page": self.check.page,
        }
        if self.reason is not None:
            told["reason"] = self.reason
        if self.findings:
            told["remedy"] = self.check.remedy
            told["findings"] = [asdict(finding) for finding in self.findings]
        return told


def exit_code(results: list[Result]) -> int:
    """Sum answers up."""
    statuses = {result.status for result in results}
    if "finding" in statuses:
        return 1
    return 2 if "could not tell" in statuses else 0
