"""Every check, run; and what they said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from perennial.params.prepare import Checks
from perennial.preparation.leakage.constants import find_constant, find_empty
from perennial.preparation.leakage.copies import find_copies
from perennial.preparation.leakage.definition import Check, Detail, NotApplicable, Sample, Severity
from perennial.preparation.leakage.determination import find_determining
from perennial.preparation.leakage.duplicates import find_duplicates
from perennial.preparation.leakage.future import find_future
from perennial.preparation.leakage.identifiers import find_identifiers
from perennial.runtime.errors import PerennialError, listed

Status = Literal["pass", "finding", "not applicable"]

#: Every check, in the order of the report.
CHECKS: tuple[Check, ...] = (
    Check(
        "PL001",
        "the target copied into a feature",
        "error",
        "give the column role ignored: it will not be known when the model is asked",
        find_copies,
    ),
    Check(
        "PL002",
        "a feature that nearly determines the target",
        "error",
        "find out when the value becomes known; if only with the target, give it role ignored",
        find_determining,
    ),
    Check(
        "PL003",
        "a feature that identifies the row",
        "error",
        "give the column role id or ignored; a quantity in whole numbers is of type number",
        find_identifiers,
    ),
    Check(
        "PL004",
        "held-out rows that stand in train",
        "error",
        "remove repeated rows at the source, or split by group so that copies stay together",
        find_duplicates,
    ),
    Check(
        "PL005",
        "training rows from the future of held-out rows",
        "error",
        "split by time; if it is, name the periods so that their names sort in time order",
        find_future,
        lenient=frozenset({"random", "id", "group"}),
    ),
    Check(
        "PC001",
        "a constant feature",
        "warning",
        "give the column role ignored, or check how it is made",
        find_constant,
    ),
    Check(
        "PC002",
        "a feature that is always missing",
        "warning",
        "give the column role ignored, or check that the source still fills it",
        find_empty,
    ),
)


@dataclass(frozen=True)
class Result:
    """What a check said.

    Parameters
    ----------
    check : Check
        The check.
    severity : "error" or "warning"
        How much a finding weighs under this split.
    details : tuple of Detail
        What was found.
    reason : str or None
        Why the check is not applicable, if it is not.
    accepted : bool
        Whether `prepare.checks.accept` names it.
    """

    check: Check
    severity: Severity
    details: tuple[Detail, ...]
    reason: str | None
    accepted: bool

    @property
    def status(self) -> Status:
        """The answer in a word or two."""
        if self.reason is not None:
            return "not applicable"
        return "finding" if self.details else "pass"

    @property
    def stops(self) -> bool:
        """Whether the stage must not go on."""
        return bool(self.details) and self.severity == "error" and not self.accepted

    def __str__(self) -> str:
        found = "; ".join(f"{detail.name}: {detail.text}" for detail in self.details)
        return f"{self.check.code} {self.check.title}: {self.reason or found or 'nothing found'}"

    def record(self) -> dict[str, Any]:
        """Turn it into a JSON value."""
        told: dict[str, Any] = {
            "code": self.check.code,
            "title": self.check.title,
            "severity": self.severity,
            "status": self.status,
        }
        if self.reason is not None:
            told["reason"] = self.reason
        if self.details:
            told["accepted"] = self.accepted
            told["remedy"] = self.check.remedy
            told["details"] = [asdict(detail) for detail in self.details]
        return told


def run_checks(sample: Sample, limits: Checks) -> list[Result]:
    """Run every check.

    Parameters
    ----------
    sample : Sample
        The sides.
    limits : Checks
        The limits, and the codes that are accepted.

    Returns
    -------
    list of Result
        One for each of `CHECKS`, in order.
    """
    return [_run(check, sample, limits) for check in CHECKS]


def refuse_findings(results: Iterable[Result]) -> None:
    """Stop on findings of severity error that are not accepted.

    Parameters
    ----------
    results : iterable of Result
        What the checks said.

    Raises
    ------
    PerennialError
        With every such finding, its figures, its remedy, and how to accept it.
    """
    stopping = [result for result in results if result.stops]
    if stopping:
        codes = ", ".join(result.check.code for result in stopping)
        found = listed(f"{result}\n    remedy: {result.check.remedy}" for result in stopping)
        raise PerennialError(
            f"leakage: a model trained on these rows would look better than it is:{found}",
            where="data/prepared",
            hint="follow the remedies (docs/checks.md); or, where a finding is right as it is, "
            f"set prepare.checks.accept: [{codes}] in params.yaml",
        )


def _run(check: Check, sample: Sample, limits: Checks) -> Result:
    found = check.find(sample, limits)
    severity: Severity = "warning" if sample.method in check.lenient else check.severity
    accepted = check.code in limits.accept
    if isinstance(found, NotApplicable):
        return Result(check, severity, (), found.reason, accepted)
    return Result(check, severity, tuple(found), None, accepted)
