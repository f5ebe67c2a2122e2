"""A folder's changed files are named by their bytes, committed since or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.review.revision.changed_files import changed_files
from perennial.review.revision.checkout import Checkout

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = """\
stages:
  first:
    cmd: python -c "open('one.txt', 'w').write('1')"
    deps: [code, shared]
    outs: [one.txt]
  second:
    cmd: python -c "open('two.txt', 'w').write('2')"
    deps: [shared, landing]
    outs: [two.txt]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "code/a.py": "A = 1\n",
    "code/deep/b.py": "B = 1\n",
    "code/c.py": "C = 1\n",
    "code/kept.bak": "committed, and ignored by DVC\n",
    "shared/d.py": "D = 1\n",
    "landing/rows.csv": "1\n",
    ".gitignore": "*.log\n",
    ".gitattributes": "* text=auto eol=lf\n",
    ".dvcignore": "__pycache__\n*.bak\n",
}


@pytest.fixture(scope="module")
def finished(small_project: Callable[..., Project]) -> Project:
    """Two stages that depend on folders, one of which DVC tracks."""
    return small_project(FILES, "landing/rows.csv")


@pytest.fixture
def project(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in finished.environment().items():
        monkeypatch.setenv(name, value)
    return finished.copy(tmp_path / "project")


def named(project: Project, folder: str, stage: str = "first") -> list[str]:
    checkout = Checkout(project.root)
    return [
        name
        for candidate in checkout.stages
        for dep in candidate.deps
        if (candidate.name, dep.path) == (stage, folder)
        for name in changed_files(checkout, dep)
    ]


def test_changed_new_and_deleted_files_are_named_and_no_others(project: Project) -> None:
    assert named(project, "code") == []
    project.write("code/a.py", "A = 2\n")
    (project.root / "code/deep/b.py").unlink()
    (project.root / "code/c.py").write_bytes(b"C = 1\r\n")
    project.write("code/new.py", "")
    # git ignores it, and DVC does not.
    project.write("code/run.log", "")
    project.write("code/kept.bak", "another backup")
    project.write("code/__pycache__/a.pyc", "")
    (project.root / "code/link").symlink_to("nowhere")
    assert named(project, "code") == ["a.py", "c.py", "deep/b.py", "new.py", "run.log"]
    assert named(project, "shared") == []


def test_a_change_that_was_committed_is_still_named(project: Project) -> None:
    project.write("code/a.py", "A = 2\n")
    project.commit("code alone")
    assert named(project, "code") == ["a.py"]
    # A later commit of dvc.lock, for another stage, does not hide it.
    project.write("shared/d.py", "D = 2\n")
    project.dvc("repro", "--quiet", "--single-item", "second")
    project.commit("the second stage alone")
    assert named(project, "code") == ["a.py"]
    assert named(project, "shared") == ["d.py"]
    assert named(project, "shared", "second") == []
    project.dvc("repro", "--quiet")
    project.commit("both")
    assert named(project, "code") == []


def test_files_that_dvc_tracks_are_not_compared_with_git(project: Project) -> None:
    project.write("landing/rows.csv", "2\n")
    assert named(project, "landing", "second") == []


def test_without_a_commit_of_the_lock_nothing_is_named(project: Project) -> None:
    project.git("checkout", "--quiet", "--orphan", "fresh")
    project.git("rm", "--quiet", "--cached", "dvc.lock")
    project.git("commit", "--quiet", "--message", "no lock")
    project.write("code/a.py", "A = 2\n")
    assert named(project, "code") == []
