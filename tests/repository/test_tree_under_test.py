"""Whatever a test starts runs the code of the tree under test, installed or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
#: With -S, Python reads no site-packages, and so no editable install.
WITHOUT_INSTALLS = ("-S", "-c", "import perennial; print(*perennial.__path__)")


def test_a_process_that_a_test_starts_runs_this_trees_code(tmp_path: Path) -> None:
    command = [sys.executable, *WITHOUT_INSTALLS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / "src/perennial")


def test_a_project_runs_its_own_copy(new_iris: Project) -> None:
    done = new_iris.run("python", *WITHOUT_INSTALLS, check=True)
    assert done.stdout.strip() == str(new_iris.root / "src/perennial")
