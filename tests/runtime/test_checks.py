"""What several answers amount to, and what a program reads of one."""

from __future__ import annotations

from typing import Any

import pytest

from perennial.preparation.leakage.checks import CHECKS as LEAKAGE
from perennial.review.gate.rules import RULES
from perennial.review.verify.checks import CHECKS as VERIFY
from perennial.runtime.checks import (
    PAGES,
    Check,
    CouldNotTell,
    Failure,
    Finding,
    NotApplicable,
    Pass,
    Result,
    Severity,
    exit_code,
)


def result(answer: Any, severity: Severity = "error") -> Result:
    check: Check[[]] = Check("PV001", "a title", "a remedy", lambda: answer, severity)
    return Result(check, check.run())


SOUND, FOUND = Pass("every file is there"), [Finding("train", "it differs")]
IDLE, BLIND = NotApplicable("no remote"), CouldNotTell("no network")


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([SOUND, []], 0),
        ([[], IDLE], 0),
        ([[], BLIND, IDLE], 2),
        ([BLIND, FOUND], 1),
        ([Failure("too large"), SOUND], 1),
        # Where nothing was looked at, nothing has passed.
        ([IDLE], 2),
        ([], 2),
    ],
)
def test_a_finding_decides_and_not_applicable_is_no_pass(answers: list[Any], code: int) -> None:
    assert exit_code(result(answer) for answer in answers) == code


def test_a_warning_is_a_finding_that_stops_nothing() -> None:
    warning = result(FOUND, "warning")
    assert (warning.status, warning.stops) == ("finding", False)
    assert exit_code([warning]) == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([], {"status": "pass"}),
        (SOUND, {"status": "pass", "reason": "every file is there"}),
        (
            FOUND,
            {
                "status": "finding",
                "remedy": "a remedy",
                "findings": [{"where": "train", "what": "it differs"}],
            },
        ),
        (Failure("too large"), {"status": "finding", "reason": "too large"}),
        (IDLE, {"status": "not applicable", "reason": "no remote"}),
        (BLIND, {"status": "could not tell", "reason": "no network"}),
    ],
)
def test_a_record_has_the_status_and_what_explains_it(
    answer: Any, expected: dict[str, Any]
) -> None:
    about = {"code": "PV001", "title": "a title", "severity": "error"}
    assert result(answer).record() == {**about, "page": "docs/verify.md#pv001", **expected}


def test_no_code_is_given_twice_and_every_family_has_its_page() -> None:
    codes = [check.code for check in (*LEAKAGE, *VERIFY, *RULES)]
    assert len(set(codes)) == len(codes)
    assert {code[:2] for code in codes} == set(PAGES)
