"""The bar of `perennial verify`, on a fresh clone of a project with all five stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.review.verify import trace

if TYPE_CHECKING:
    from conftest import Project


def test_a_fresh_clone_of_a_finished_project_is_verified(iris: Project, tmp_path: Path) -> None:
    fresh = type(iris)(tmp_path / "fresh")
    iris.git("clone", "--quiet", str(iris.root), str(fresh.root))
    command = ("python", "-m", "perennial.cli", "verify", "--environment", "current", "--json")
    # The command is this clone's own code: Python would keep its compiled form beside it.
    done = fresh.run(*command, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout
    statuses = {check["code"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    can_record = isinstance(trace.recording_shell(tmp_path / "probe"), Path)
    assert statuses == {
        **dict.fromkeys(["PV001", "PV002", "PV007", "PV009", "PV010"], "pass"),
        # No stage opens a file that it does not declare.
        "PV011": "pass" if can_record else "not applicable",
    }
    # Every command of DVC makes a folder for its locks.
    assert fresh.git("status", "--porcelain", "--ignored") == "!! .dvc/tmp/\n"


@pytest.mark.parametrize("quick", [True, False])
def test_a_stage_that_does_not_even_parse_is_named(project: Project, quick: bool) -> None:
    project.edit("src/perennial/stages/evaluate.py", "def main", "dcf main")
    project.commit()
    done = project.run("python", "-m", "perennial.cli", "verify", *["--quick"] * quick)
    assert done.returncode == 1
    assert "- evaluate: src/perennial/stages/evaluate.py is modified" in done.stdout
    assert "could not tell, src/perennial/stages/evaluate.py, line " in done.stdout
