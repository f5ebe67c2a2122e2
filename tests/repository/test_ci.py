"""`.ci/run` rebuilds from what git and the remote have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

SCRIPT = (Path(__file__).parents[2] / ".ci/run").read_text(encoding="utf-8")
ROWS = "data/landing/rows.csv"


@pytest.fixture
def landed(new_iris: Project, tmp_path: Path) -> Project:
    """Rows that DVC tracks; cloned, with neither rows nor a remote."""
    origin = new_iris.copy(tmp_path / "origin")
    origin.write("data/landing/.gitignore", "/*\n!/.gitignore\n!/*.dvc\n")
    origin.git("rm", "--quiet", "--cached", ROWS)
    origin.dvc("add", ROWS)
    origin.commit("leave the rows to DVC")
    origin.dvc("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    origin.dvc("push")
    fresh = type(origin)(tmp_path / "fresh")
    origin.git("clone", "--quiet", str(origin.root), str(fresh.root))
    (fresh.root / ".venv").mkdir()
    (fresh.root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    return fresh


def pull(project: Project) -> tuple[int, str]:
    """Run the step alone, as the script does."""
    start = SCRIPT.index("pull() {")
    function = SCRIPT[start : SCRIPT.index("\n}\n", start) + 3]
    done = project.run("bash", "-c", f"set -euo pipefail\n{function}pull")
    return done.returncode, done.stdout


def test_landed_rows_come_from_the_remote_before_the_rebuild(landed: Project) -> None:
    store = str(landed.root.parent / "store")
    landed.dvc("remote", "add", "--local", "--default", "store", store)
    assert pull(landed)[0] == 0
    assert (landed.root / ROWS).is_file()
    assert SCRIPT.index('step "pull" pull') < SCRIPT.index('step "rebuild" make repro')


def test_rows_that_the_remote_lacks_end_it(landed: Project) -> None:
    empty = str(landed.root.parent / "empty")
    landed.dvc("remote", "add", "--local", "--default", "store", empty)
    assert pull(landed)[0] != 0


def test_without_a_remote_or_landed_rows_there_is_nothing_to_pull(
    landed: Project, new_iris: Project
) -> None:
    assert pull(landed) == (0, "no remote is configured: there is nothing to pull from\n")
    assert pull(new_iris) == (0, "no .dvc file is committed: there is nothing to pull\n")
