"""A command line, asked in this process: DVC's import costs a second each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from perennial import cli

if TYPE_CHECKING:
    from conftest import Project

Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verify:
    """Run `perennial verify --json` in the project; give its exit code and its report by code."""
    monkeypatch.chdir(project.root)
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)

    def ask(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = cli.main(["verify", "--json", *arguments])
        printed = capsys.readouterr()
        assert printed.out, printed.err
        report = json.loads(printed.out)
        assert report["answer"] == {0: "yes", 1: "no", 2: "could not tell"}[code]
        return code, {check["code"]: check for check in report["checks"]} | {"report": report}

    return ask
