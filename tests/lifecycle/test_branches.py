"""A branch is an experiment: the code that runs is the code of the tree it runs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

MAIN = str(Path(__file__).parents[2] / "src")
MARK = '    return {**headline, "detail": detail}\n'
OTHER = '    return {**headline, "accuracy": 0.25, "marker": 0.125, "detail": detail}\n'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An editable install of this repository's code, as the main checkout's environment has it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(
        # An editable install is a line in a .pth file, which ends up at the end of sys.path.
        f"import sys; sys.path.append({MAIN!r})\n"
    )
    return folder


@pytest.fixture
def editable(project: Project, installed: Path) -> Project:
    """Iris after its run, under an interpreter that has another checkout installed."""
    project.env["PYTHONPATH"] = str(installed)
    done = project.run(
        "python", "-c", "import perennial.stages.runner as s; print(s.__file__)", check=True
    )
    assert not done.stdout.startswith(str(project.root))
    return project


def mark(project: Project) -> None:
    """Change what the project's own code computes."""
    project.edit("src/perennial/evaluation/figures.py", MARK, OTHER)


def marker(project: Project) -> float | None:
    return json.loads((project.root / "metrics/evaluate.json").read_text()).get("marker")


def test_nothing_of_another_checkout_is_imported(editable: Project) -> None:
    """Even where the environment has it installed."""
    code = (
        "import runpy, sys; sys.argv = ['src', 'evaluate']\n"
        "try: runpy.run_path('src', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "for name, module in sorted(sys.modules.items()):\n"
        "    if name.partition('.')[0] == 'perennial': print(module.__file__)"
    )
    done = editable.run("python", "-c", code, check=True)
    files = [line for line in done.stdout.splitlines() if line.endswith(".py")]
    assert len(files) > 20
    assert [path for path in files if not path.startswith(str(editable.root / "src"))] == []


def test_a_clone_runs_its_own_code(editable: Project, tmp_path: Path) -> None:
    editable.git("switch", "--quiet", "--create", "idea")
    mark(editable)
    editable.commit("an idea")
    editable.git("switch", "--quiet", "main")
    editable.git("clone", "--quiet", "--branch", "idea", ".", str(tmp_path / "clone"))
    clone = type(editable)(tmp_path / "clone", dict(editable.env))
    clone.dvc("remote", "add", "--default", "origin-cache", str(editable.root / ".dvc/cache"))
    clone.dvc("pull", "--allow-missing", check=False)
    output = clone.dvc("repro").stdout
    assert "Running stage 'evaluate'" in output
    assert "Running stage 'train'" not in output
    assert marker(clone) == 0.125
    assert marker(editable) is None

    clone.commit("its run")
    changes = json.loads(clone.dvc("metrics", "diff", "origin/main", "HEAD", "--json").stdout)
    changed = changes["metrics/validation.json"]
    assert changed.keys() == {"accuracy", "marker"}
    before = json.loads((editable.root / "metrics/validation.json").read_text())["accuracy"]
    assert (changed["accuracy"]["old"], changed["accuracy"]["new"]) == (before, 0.25)
    assert changed["accuracy"]["diff"] == pytest.approx(0.25 - before)
    assert "accuracy" in clone.dvc("metrics", "diff", "origin/main").stdout


def test_queued_experiments_run_the_code_they_were_queued_with(editable: Project) -> None:
    mark(editable)
    editable.dvc("exp", "run", "--queue", "--name", "queued")
    editable.git("restore", "src")
    editable.dvc("exp", "run", "--run-all", "--jobs", "1")
    assert marker(editable) is None, "the workspace stays as it was"
    changes = json.loads(editable.dvc("metrics", "diff", "HEAD", "queued", "--json").stdout)
    assert changes["metrics/validation.json"]["marker"]["new"] == 0.125
