"""Codes are for good, and each has its place in the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perennial.review.verify.checks import CHECKS
from perennial.runtime.checks import Check

PAGE = (Path(__file__).parents[3] / "docs/verify.md").read_text(encoding="utf-8")


def test_codes_are_numbered_without_a_gap() -> None:
    assert [check.code for check in CHECKS] == [f"PV{n:03}" for n in range(1, len(CHECKS) + 1)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_each_code_has_its_section_under_its_title(check: Check[[Any]]) -> None:
    anchor = check.page.removeprefix("docs/verify.md#")
    head = f'<a id="{anchor}"></a>\n\n## {check.code}: {check.title}\n'
    assert head in PAGE
    section = PAGE.split(head)[1].partition("\n## ")[0]
    assert "**Remedy:** " in section


def test_the_page_has_no_other_section_of_a_code() -> None:
    assert re.findall(r"^## (PV\d+)", PAGE, re.MULTILINE) == [check.code for check in CHECKS]
