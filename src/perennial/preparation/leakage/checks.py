"""Every leakage check, run on prepared rows.

To add one: a module here with its function, an entry in `CHECKS`, its code in `CheckCode`
(`params/prepare.py`), and its section in `docs/checks.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from perennial.params.prepare import Checks
from perennial.preparation.leakage.constants import find_constant, find_empty
from perennial.preparation.leakage.copies import find_copies
from perennial.preparation.leakage.definition import LeakageCheck, Sample
from perennial.preparation.leakage.determination import find_determining
from perennial.preparation.leakage.duplicates import find_duplicates
from perennial.preparation.leakage.future import find_future
from perennial.preparation.leakage.identifiers import find_identifiers
from perennial.runtime import checks
from perennial.runtime.errors import PerennialError, listed

#: Every check, in the order of the report.
CHECKS: tuple[LeakageCheck, ...] = (
    LeakageCheck(
        "PL001",
        "the target copied into a feature",
        "give the column role ignored: it will not be known when the model is asked",
        find_copies,
    ),
    LeakageCheck(
        "PL002",
        "a feature that nearly determines the target",
        "find out when the value becomes known; if only with the target, give it role ignored",
        find_determining,
    ),
    LeakageCheck(
        "PL003",
        "a feature that identifies the row",
        "give the column role id or ignored; a quantity in whole numbers is of type number",
        find_identifiers,
    ),
    LeakageCheck(
        "PL004",
        "held-out rows that stand in train",
        "remove repeated rows at the source, or split by group so that copies stay together",
        find_duplicates,
    ),
    LeakageCheck(
        "PL005",
        "training rows from the future of held-out rows",
        "split by time; if it is, name the periods so that their names sort in time order",
        find_future,
        warns_under=frozenset({"random", "id", "group", "column"}),
    ),
    LeakageCheck(
        "PC001",
        "a constant feature",
        "give the column role ignored, or check how it is made",
        find_constant,
        severity="warning",
    ),
    LeakageCheck(
        "PC002",
        "a feature that is always missing",
        "give the column role ignored, or check that the source still fills it",
        find_empty,
        severity="warning",
    ),
)


@dataclass(frozen=True)
class Result(checks.Result):
    """A check's answer, weighed by how rows are split and by what `prepare.checks` accepts."""

    is_lenient: bool = False
    accepted: bool = False

    @property
    def severity(self) -> checks.Severity:
        """How much a finding weighs under this split."""
        return "warning" if self.is_lenient else self.check.severity

    @property
    def stops(self) -> bool:
        """Whether the stage must not go on."""
        return super().stops and not self.accepted

    def record(self) -> dict[str, Any]:
        """Turn it into a JSON value of `metrics/data.json`."""
        record = super().record()
        del record["page"]
        if self.findings:
            record["accepted"] = self.accepted
            record["details"] = record.pop("findings")
        return record


def run_checks(sample: Sample, limits: Checks) -> list[Result]:
    """Run every check, in the order of `CHECKS`."""
    return [
        Result(
            check,
            check.run(sample, limits),
            is_lenient=sample.method in check.warns_under,
            accepted=check.code in limits.accept,
        )
        for check in CHECKS
    ]


def refuse_findings(results: Iterable[Result]) -> None:
    """Refuse findings of severity error that are not accepted, all in one `PerennialError`."""
    stopping = [result for result in results if result.stops]
    if stopping:
        codes = ", ".join(result.check.code for result in stopping)
        findings = listed(f"{result}\n    remedy: {result.check.remedy}" for result in stopping)
        raise PerennialError(
            f"leakage: a model trained on these rows would look better than it is:{findings}",
            where="data/prepared",
            hint="follow the remedies (docs/checks.md); or, where a finding is right as it is, "
            f"set prepare.checks.accept: [{codes}] in params.yaml",
        )
