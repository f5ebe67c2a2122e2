"""The spread between seeds comes from real refits, which are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.evaluation.metrics.definition import Metric
from perennial.review.compare.seeds import Spread, refit, seed_spread
from perennial.review.paired.answers import ask_both
from perennial.review.params.compare import Compare
from perennial.review.revision.revision import NEEDED, Revision

if TYPE_CHECKING:
    from conftest import Project

BRIER = Metric("brier", "down", 0, 1)


@pytest.fixture(scope="module")
def drawn(cancer: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A forest, whose trees its seed draws."""
    project = cancer.copy(tmp_path_factory.mktemp("drawn") / "project")
    project.edit(
        "params.yaml",
        "  params: {max_iter: 15}",
        "  estimator: sklearn.ensemble.RandomForestClassifier\n  params: {n_estimators: 5}",
    )
    project.stages("train", "evaluate", "export")
    return project


def revision(project: Project) -> Revision:
    absent = {name: "not there" for name in NEEDED if not (project.root / name).exists()}
    return Revision("here", None, project.root, absent)


def spread_of(project: Project, repository: Path, refits: int = 2) -> Spread:
    head = revision(project)
    return seed_spread(head, ask_both(head, head), BRIER, Compare(refits=refits), repository)


def test_it_is_as_wide_as_seeds_and_head_lie_apart(drawn: Project, tmp_path: Path) -> None:
    result = spread_of(drawn, tmp_path)
    own = json.loads((drawn.root / "metrics/evaluate.json").read_text())["brier"]
    values = [*result.values, own]
    assert len(result.values) == 2
    assert result.width == pytest.approx(max(values) - min(values), abs=1e-6)
    assert result.width > 0


def test_a_refit_is_kept_and_only_a_change_makes_another(drawn: Project, tmp_path: Path) -> None:
    head = revision(drawn)
    folder, failure = refit(head, 7, tmp_path)
    assert not failure
    (folder / "mark").touch()
    assert (refit(head, 7, tmp_path)[0] / "mark").exists()
    assert refit(head, 8, tmp_path)[0] != folder


def test_a_recipe_without_chance_has_no_spread(cancer: Project, tmp_path: Path) -> None:
    result = spread_of(cancer, tmp_path)
    assert result == Spread([], 0.0, "training does not depend on its seed")


def test_a_refit_that_fails_says_why(drawn: Project, tmp_path: Path) -> None:
    project = drawn.copy(tmp_path / "project")
    project.edit("params.yaml", "n_estimators: 5", "n_estimators: 0")
    head = revision(project)
    folder, failure = refit(head, 1, tmp_path / "cache")
    assert failure.startswith("train: ")
    assert "n_estimators" in failure
    assert not folder.exists()


def test_no_refits_are_made_where_none_are_wanted(cancer: Project, tmp_path: Path) -> None:
    assert spread_of(cancer, tmp_path, refits=0).why_not == "compare.refits is 0"
    assert not (tmp_path / ".perennial").exists()
