"""The champion is what GTO's tags last put into production, else main."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.review.gate.champion import (
    MOST_FORMER,
    assigned,
    fetch_champion,
    fetch_former,
    find_champion,
    former_champions,
)
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project


@pytest.mark.parametrize(
    ("tags", "champion"),
    [
        ([], None),
        (["late@v1.0.0"], None),
        (["late#prod#1"], "late#prod#1"),
        (["late#prod#9", "late#prod#10"], "late#prod#10"),
        (["late#prod#2", "late#dev#3"], "late#prod#2"),
        (["late#prod#2", "later#prod#3", "too-late#prod#4"], "late#prod#2"),
        (["late#prod#2", "late#prod!#3"], None),
        (["late#prod#2", "late#prod!#3", "late#prod#4"], "late#prod#4"),
        (["late#prod!#1", "late#prod#2"], "late#prod#2"),
        (["late#prod#two", "late#prod", "late#prod#1"], "late#prod#1"),
    ],
)
def test_the_highest_number_is_the_last_word(tags: list[str], champion: str | None) -> None:
    assert assigned(tags, "late", "prod") == champion


@pytest.fixture
def repository(empty_project: type[Project], tmp_path: Path) -> Project:
    (tmp_path / "project").mkdir()
    project = empty_project(tmp_path / "project")
    project.git("init", "--quiet", "--initial-branch", "main")
    project.write("dvc.yaml", "stages: {}\n")
    project.commit()
    return project


def test_a_tag_comes_before_main(repository: Project) -> None:
    assert find_champion(repository.root, "late") == "refs/heads/main"
    for tag in ("other#prod#1", "main"):
        repository.git("tag", tag)
        assert find_champion(repository.root, "late") == "refs/heads/main"
    repository.git("tag", "--annotate", "late#prod#1", "--message", "it goes to work")
    assert find_champion(repository.root, "late") == "refs/tags/late#prod#1"


def test_a_branch_of_the_tags_name_does_not_take_its_place(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    project.git("tag", "iris#prod#1")
    champion = project.git("rev-parse", "HEAD").strip()
    project.git("checkout", "--quiet", "-b", "iris#prod#1", "HEAD~1")
    champion_files = fetch_champion(
        project.root, find_champion(project.root, "iris"), tmp_path / "copy", print
    )
    assert (champion_files.name, champion_files.commit) == ("iris#prod#1", champion)
    assert champion_files.path("models/bundle").is_dir()


def test_without_either_it_has_to_be_named(repository: Project) -> None:
    repository.git("branch", "--quiet", "-m", "main", "trunk")
    with pytest.raises(PerennialError, match="no branch main, origin/main"):
        find_champion(repository.root, "late")


class TestFormer:
    def test_they_are_what_the_tags_put_to_work_the_oldest_first(self, repository: Project) -> None:
        for tag in ("late#prod#2", "late#prod#10", "late#prod!#11", "late#dev#1", "later#prod#1"):
            repository.git("tag", tag)
        root = repository.root
        expected = ["refs/tags/late#prod#2", "refs/tags/late#prod#10"]
        assert former_champions(root, "late", "best") == expected
        assert former_champions(root, "late", "first") == expected[:1]
        assert former_champions(root, "late", "none") == []

    def test_without_tags_they_are_the_models_of_main(self, repository: Project) -> None:
        for number in range(MOST_FORMER + 4):
            repository.write("dvc.lock", f"schema: '2.0'\n# {number}\n")
            repository.commit(str(number))
        commits = repository.git("rev-list", "--reverse", "main", "--", "dvc.lock").split()
        expected = [commits[0], *commits[-MOST_FORMER:]]
        assert former_champions(repository.root, "late", "best") == expected

    def test_each_model_is_fetched_once_and_not_the_ones_at_hand(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in project.environment().items():
            monkeypatch.setenv(name, value)
        revs = ["HEAD", "HEAD"]
        found, lost = fetch_former(project.root, revs, (), tmp_path / "former")
        assert (len(found), lost) == (1, 0)
        assert found[0].path("models/bundle").is_dir()
        head = replace(found[0], folder=project.root)
        assert fetch_former(project.root, revs, (head,), tmp_path / "none") == ([], 0)
