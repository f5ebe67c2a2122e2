"""Coded checks: what a check is, what it can answer, and what several answers amount to.

Three families use it: checks of prepared data for leakage, checks of a commit (`perennial verify`)
and rules on a model (`perennial gate`). Each keeps a tuple of its checks, and says what an error
inside a check means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, Literal, ParamSpec

Subject = ParamSpec("Subject")
Severity = Literal["error", "warning"]
Status = Literal["pass", "finding", "not applicable", "could not tell"]

#: The page that documents a family's checks, by the letters that its codes begin with.
PAGES = {
    "PC": "docs/checks.md",
    "PL": "docs/checks.md",
    "PV": "docs/verify.md",
    "GT": "docs/reference/gate.md",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the stage, file or key, and what is wrong there."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Explained:
    """An answer in a sentence without its full stop, with the figures behind it."""

    status: ClassVar[Status]
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)


class Pass(Explained):
    """The check looked, and nothing is wrong."""

    status = "pass"


class Failure(Explained):
    """The check looked, and something is wrong."""

    status = "finding"


class NotApplicable(Explained):
    """There is nothing to look at: neither a pass nor a fault."""

    status = "not applicable"


class CouldNotTell(Explained):
    """The check should have looked, and something prevented it: never a pass."""

    status = "could not tell"


#: Findings, each a dataclass with a text of its own (none is a pass), or an explanation.
Answer = list[Any] | Explained


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One check, and where its code sends the reader."""

    code: str
    """Never given to another check."""
    title: str
    remedy: str
    """What to do about a finding."""
    run: Callable[Subject, Answer]
    severity: Severity = "error"
    """Whether a finding stops what comes next."""

    @property
    def page(self) -> str:
        """The section of the docs that explains it."""
        return f"{PAGES[self.code[:2]]}#{self.code.lower()}"


@dataclass(frozen=True)
class Result:
    """A check with its answer.

    >>> late = Check("PV002", "a stale dvc.lock", "dvc repro", lambda: [Finding("train", "is new")])
    >>> result = Result(late, late.run())
    >>> print(result.status, result.stops, exit_code([result]))
    finding True 1
    """

    check: Check[Any]
    answer: Answer

    @property
    def status(self) -> Status:
        """The answer in a word or two."""
        if isinstance(self.answer, Explained):
            return self.answer.status
        return "finding" if self.answer else "pass"

    @property
    def findings(self) -> list[Any]:
        """What is wrong, item by item, where the check lists it."""
        return self.answer if isinstance(self.answer, list) else []

    @property
    def reason(self) -> str | None:
        """The sentence that explains the answer, where there is one."""
        return self.answer.reason if isinstance(self.answer, Explained) else None

    @property
    def severity(self) -> Severity:
        """How much a finding weighs."""
        return self.check.severity

    @property
    def stops(self) -> bool:
        """Whether what comes next must not go on."""
        return self.status == "finding" and self.severity == "error"

    def __str__(self) -> str:
        findings = "; ".join(map(str, self.findings))
        return f"{self.check.code} {self.check.title}: {self.reason or findings or 'nothing found'}"

    def record(self) -> dict[str, Any]:
        """Turn it into a JSON value."""
        record: dict[str, Any] = {
            "code": self.check.code,
            "title": self.check.title,
            "severity": self.severity,
            "status": self.status,
            "page": self.check.page,
        }
        if self.reason is not None:
            record["reason"] = self.reason
        if self.findings:
            record["remedy"] = self.check.remedy
            record["findings"] = [asdict(finding) for finding in self.findings]
        return record


def exit_code(results: Iterable[Result]) -> int:
    """1 if a finding stops; else 2 if a check could not tell, or none passed or warned; else 0."""
    results = list(results)
    if any(result.stops for result in results):
        return 1
    statuses = {result.status for result in results}
    return 0 if statuses & {"pass", "finding"} and "could not tell" not in statuses else 2
