"""A revision's files are read from git and DVC, and what it lacks is known by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.review.revision.fetch import at_commit
from perennial.review.revision.revision import NEEDED, default_base, working_tree
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project


@pytest.fixture
def at_home(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """DVC in this process sees what it sees in the project."""
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    return project


def test_a_commit_is_copied_with_its_outputs_and_its_signature(
    at_home: Project, tmp_path: Path
) -> None:
    at_home.write("models/bundle.sig", "signed")
    at_home.git("add", "--force", "models/bundle.sig")
    at_home.git("commit", "--quiet", "--message", "sign it")
    revision = at_commit(at_home.root, "HEAD", tmp_path / "copy")
    assert revision.absent == {}
    for name in NEEDED:
        assert revision.path(name).exists()
    manifest = "models/bundle/manifest.json"
    assert (revision.folder / manifest).read_bytes() == (at_home.root / manifest).read_bytes()
    assert str(revision) == f"HEAD ({at_home.git('rev-parse', '--short=7', 'HEAD').strip()})"


def test_a_file_that_a_commit_lacks_is_named_when_it_is_needed(
    at_home: Project, tmp_path: Path
) -> None:
    revision = at_commit(at_home.root, "HEAD~1", tmp_path / "copy")
    assert "data/prepared/test.parquet" in revision.absent
    with pytest.raises(PerennialError) as refused:
        revision.path("data/prepared/test.parquet")
    assert str(refused.value).startswith("HEAD~1: data/prepared/test.parquet: ")
    assert revision.path("params.yaml").is_file()


def test_the_working_tree_knows_which_stages_are_stale(at_home: Project) -> None:
    assert working_tree(at_home.root).stale == ()
    at_home.edit("params.yaml", "max_iter: 10", "max_iter: 11")
    assert working_tree(at_home.root).stale == ("train",)


def test_a_frozen_stage_is_stale_for_nobody_looks_at_its_inputs(
    at_home: Project, caplog: pytest.LogCaptureFixture
) -> None:
    # DVC warns of it through a handler whose stream another test may have closed.
    caplog.set_level("ERROR", "dvc.repo.status")
    at_home.edit("dvc.yaml", "  train:\n", "  train:\n    frozen: true\n")
    at_home.edit("params.yaml", "max_iter: 10", "max_iter: 11")
    assert working_tree(at_home.root).stale == ("train",)


def test_a_tag_that_is_called_main_is_not_the_branch(at_home: Project) -> None:
    main = at_home.git("rev-parse", "HEAD").strip()
    at_home.git("tag", "main", "HEAD~1")
    assert default_base(at_home.root) == main


def test_the_base_is_where_the_branch_left_main(at_home: Project) -> None:
    main = at_home.git("rev-parse", "HEAD").strip()
    at_home.git("checkout", "--quiet", "-b", "feature")
    at_home.git("commit", "--quiet", "--allow-empty", "--message", "more")
    assert default_base(at_home.root) == main
    at_home.git("branch", "--quiet", "-m", "main", "trunk")
    with pytest.raises(PerennialError, match="there is no branch main"):
        default_base(at_home.root)
