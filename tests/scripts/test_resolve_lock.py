"""`make resolve-lock` computes what is in conflict and computed; the rest is for a person."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/resolve_lock.py"

PIPELINE = """\
stages:
  add:
    cmd: python add.py
    deps: [add.py]
    params: [left, right, shift]
    outs: [total.txt]
    metrics: [{metrics/sum.json: {cache: false}}]
"""
PARAMS = "left: 1\n\n\n\nright: 1\n\n\n\nshift: 0\n"
#: `shift` leaves a small sum as it is.
CODE = """\
import json, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
total = params["left"] + params["right"]
total += params["shift"] if total > 2 else 0
pathlib.Path("total.txt").write_text(str(total))
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/sum.json").write_text(json.dumps({"sum": total}) + "\\n")
"""


def branch(project: Project, name: str, old: str, new: str, *, file: str = "params.yaml") -> None:
    """Change a file on a branch of main's, run the pipeline there, and commit."""
    project.git("switch", "--quiet", "--create", name, "main")
    project.edit(file, old, new)
    project.dvc("repro")
    project.commit(name)


@pytest.fixture(scope="module")
def branches(empty_project: type[Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A pipeline of one stage, and branches that changed its parameters. Shared: copy it."""
    project = empty_project(tmp_path_factory.mktemp("branches") / "project")
    project.root.mkdir()
    project.git("init", "--quiet", "--initial-branch", "main")
    (project.root / ".dvc").mkdir()
    for name in (".gitattributes", ".dvc/.gitignore", ".dvc/config"):
        shutil.copy(ROOT / name, project.root / name)
    for name, text in (("dvc.yaml", PIPELINE), ("params.yaml", PARAMS), ("add.py", CODE)):
        project.write(name, text)
    project.write("metrics/note.txt", "no output\n")
    project.dvc("repro")
    project.commit("main")
    branch(project, "left", "left: 1", "left: 5")
    branch(project, "right", "right: 1", "right: 7")
    return project


@pytest.fixture
def merging(branches: Project, tmp_path: Path) -> Project:
    """On `right`, with `left` merged as far as git can."""
    project = branches.copy(tmp_path / "project")
    done = project.run("git", "merge", "left")
    assert done.returncode == 1
    return project


def resolve(project: Project) -> subprocess.CompletedProcess[str]:
    return project.run("python", str(SCRIPT))


def refused(project: Project, *messages: str) -> None:
    """It says what to do first, and changes nothing."""
    before = {path: path.read_bytes() for path in project.root.glob("[a-z]*") if path.is_file()}
    status = project.git("status", "--porcelain")
    done = resolve(project)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    for message in messages:
        assert message in done.stderr
    assert project.git("status", "--porcelain") == status
    assert before == {path: path.read_bytes() for path in before}


def total(project: Project) -> int:
    return int(json.loads((project.root / "metrics/sum.json").read_text())["sum"])


def test_a_merge_of_two_experiments_is_computed(merging: Project) -> None:
    assert "UU dvc.lock" in merging.git("status", "--porcelain")
    done = resolve(merging)
    assert done.returncode == 0, done.stderr
    assert total(merging) == 12
    merging.git("commit", "--quiet", "--no-edit")
    assert merging.git("status", "--porcelain") == ""
    assert "up to date" in merging.dvc("status").stdout
    computed = (merging.root / "dvc.lock").read_bytes()
    merging.dvc("repro", "--force", "--no-run-cache")
    assert (merging.root / "dvc.lock").read_bytes() == computed, "what a run from nothing gives"


def test_without_a_merge_there_is_nothing_to_do(branches: Project) -> None:
    refused(branches, "no merge is under way", "git merge BRANCH")


def test_a_parameter_in_conflict_is_for_a_person(branches: Project, tmp_path: Path) -> None:
    project = branches.copy(tmp_path / "project")
    project.edit("params.yaml", "left: 1", "left: 3")
    project.commit("another left")
    project.run("git", "merge", "left")
    refused(project, "for you to resolve: params.yaml", "git add params.yaml")
    project.git("add", "params.yaml")
    refused(project, "staged with conflict markers: params.yaml")
    project.write("params.yaml", project.git("show", "left:params.yaml"))
    refused(project, "changed, but not staged: params.yaml")
    project.git("add", "params.yaml")
    assert resolve(project).returncode == 0
    assert total(project) == 6, "theirs, as the person decided"


def test_what_fails_is_said_and_can_be_run_again(merging: Project) -> None:
    ours, theirs = (merging.git("show", f"{side}:dvc.lock") for side in ("HEAD", "left"))
    (merging.root / "add.py").write_text("raise SystemExit('no disk')\n")
    merging.git("add", "add.py")
    done = resolve(merging)
    assert done.returncode == 2
    assert "dvc repro failed" in done.stderr
    assert [merging.git("show", f":{side}:dvc.lock") for side in (2, 3)] == [ours, theirs]
    (merging.root / "add.py").write_text(CODE)
    merging.git("add", "add.py")
    assert resolve(merging).returncode == 0
    assert total(merging) == 12


def test_two_results_are_never_mixed_into_one(branches: Project, tmp_path: Path) -> None:
    """Line by line, git could join both sides' locks into one that nobody computed."""
    project = branches.copy(tmp_path / "project")
    branch(project, "shift", "shift: 0", "shift: 100")
    project.git("switch", "--quiet", "left")
    merged = project.run("git", "merge", "--no-edit", "shift")
    assert merged.returncode == 1, "git asks"
    assert resolve(project).returncode == 0
    assert total(project) == 106


def test_data_that_the_other_side_changed_are_brought_before_anything_is_computed(
    branches: Project, tmp_path: Path
) -> None:
    """Git merges a `.dvc` file, and leaves the data beside it as they were."""
    project = branches.copy(tmp_path / "project")
    project.git("switch", "--quiet", "main")
    project.edit("dvc.yaml", "deps: [add.py]", "deps: [add.py, landed.txt]")
    project.write("landed.txt", "1\n")
    project.dvc("add", "landed.txt")
    project.dvc("repro")
    project.commit("data")
    project.git("switch", "--quiet", "--create", "newer")
    project.write("landed.txt", "2\n")
    project.dvc("add", "landed.txt")
    project.dvc("repro")
    project.commit("newer data")
    recorded = (project.root / "landed.txt.dvc").read_text()
    project.git("switch", "--quiet", "main")
    project.dvc("checkout")
    project.edit("params.yaml", "left: 1", "left: 5")
    project.dvc("repro")
    project.commit("ours")
    assert project.run("git", "merge", "newer").returncode == 1
    done = resolve(project)
    assert done.returncode == 0, done.stderr
    assert (project.root / "landed.txt").read_text() == "2\n"
    assert (project.root / "landed.txt.dvc").read_text() == recorded
    project.git("commit", "--quiet", "--no-edit")
    assert project.git("status", "--porcelain") == ""
    assert "up to date" in project.dvc("status").stdout


def test_what_no_stage_makes_is_for_a_person(branches: Project, tmp_path: Path) -> None:
    project = branches.copy(tmp_path / "project")
    for name in ("right", "left"):
        project.git("switch", "--quiet", name)
        project.write("metrics/note.txt", f"by {name}\n")
        project.commit("a note")
    # As in a clone whose .gitattributes are older.
    project.write(".git/info/attributes", "* merge\n")
    project.run("git", "merge", "right")
    assert "<<<<<<<" in (project.root / "dvc.lock").read_text()
    project.write("metrics/scratch.txt", "not an output\n")
    refused(project, "for you to resolve: metrics/note.txt", "git add metrics/note.txt")
    project.write("metrics/note.txt", "by both\n")
    project.git("add", "metrics/note.txt")
    done = resolve(project)
    assert done.returncode == 0, done.stderr
    assert project.git("show", ":metrics/note.txt") == "by both\n"
    assert "?? metrics/scratch.txt" in project.git("status", "--porcelain")


def test_the_pipeline_in_conflict_is_for_a_person(branches: Project, tmp_path: Path) -> None:
    """Deps are written by hand: which of two lists holds is nothing to compute."""
    project = branches.copy(tmp_path / "project")
    for name in ("right", "left"):
        project.git("switch", "--quiet", name)
        project.write(f"{name}.txt", "")
        project.edit("dvc.yaml", "deps: [add.py]", f"deps: [add.py, {name}.txt]")
        project.commit("a dep")
    project.run("git", "merge", "right")
    refused(project, "for you to resolve: dvc.yaml", "git add dvc.yaml")
    project.write("dvc.yaml", PIPELINE.replace("[add.py]", "[add.py, left.txt, right.txt]"))
    project.git("add", "dvc.yaml")
    assert resolve(project).returncode == 0
    assert total(project) == 12
    assert "right.txt" in project.git("show", ":dvc.lock")
    assert project.git("diff", "--name-only") == ""
