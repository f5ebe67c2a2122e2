"""Experiments with DVC's own commands, from the first idea to the merge of two and its review."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
EASY = "\ncompare: {min_blocks: 2, min_positives: 1, resamples: 100, refits: 0}\n"


@pytest.fixture(scope="module")
def tried(iris: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """On a branch: an experiment in the workspace, and a queue of two, run. Shared: copy it."""
    project = iris.copy(tmp_path_factory.mktemp("experiments") / "project")
    (project.root / "scripts").mkdir()
    for name in ("review", "resolve_lock.py"):
        shutil.copy(ROOT / "scripts" / name, project.root / "scripts")
    with (project.root / "params.yaml").open("a") as file:
        file.write(EASY)
    project.commit("compare small samples")
    project.git("switch", "--quiet", "--create", "idea")
    project.dvc("exp", "run", "--name", "brief", "--set-param", "export.samples=4")
    project.git("restore", ".")
    for name, change in (("fewer", "train.params.max_iter=5"), ("quick", "evaluate.resamples=150")):
        project.dvc("exp", "run", "--queue", "--name", name, "--set-param", change)
    project.dvc("exp", "run", "--run-all", "--jobs", "1")
    for name in ("fewer", "quick"):
        project.dvc("exp", "branch", name, f"idea-{name}")
    return project


@pytest.fixture(scope="module")
def shown(tried: Project) -> dict[str, Any]:
    """What `dvc exp show` has of each experiment, by name."""
    (base,) = (
        each
        for each in json.loads(tried.dvc("exp", "show", "--json").stdout)
        if each["experiments"]
    )
    return {entry["revs"][0]["name"]: entry["revs"][0]["data"] for entry in base["experiments"]}


@pytest.fixture(scope="module")
def merged(tried: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Both queued ideas in one branch. Shared: copy it."""
    project = tried.copy(tmp_path_factory.mktemp("merged") / "project")
    project.git("switch", "--quiet", "idea-quick")
    assert project.run("git", "merge", "idea-fewer").returncode == 1
    project.run("python", "scripts/resolve_lock.py", check=True)
    project.git("commit", "--quiet", "--no-edit")
    return project


def params(project: Project, revision: str) -> Any:
    return yaml.safe_load(project.git("show", f"{revision}:params.yaml"))


def metrics(project: Project, revision: str, name: str = "validation") -> Any:
    return json.loads(project.git("show", f"{revision}:metrics/{name}.json"))


def test_an_experiment_leaves_the_branch_as_it_was(tried: Project) -> None:
    assert tried.git("status", "--porcelain") == ""
    assert tried.git("rev-parse", "idea") == tried.git("rev-parse", "main")


def test_the_figures_shown_are_those_of_each_experiments_own_branch(
    tried: Project, shown: dict[str, Any]
) -> None:
    assert shown.keys() == {"brief", "fewer", "quick"}
    for name in ("fewer", "quick"):
        figures = shown[name]["metrics"]["metrics/validation.json"]["data"]
        assert figures.items() <= metrics(tried, f"idea-{name}").items()
        assert (
            shown[name]["params"]["params.yaml"]["data"]["train"]
            == (params(tried, f"idea-{name}")["train"])
        )
    assert params(tried, "idea-fewer")["train"]["params"] == {"max_iter": 5}
    assert params(tried, "idea-quick")["evaluate"]["resamples"] == 150


def test_a_difference_to_main_is_that_of_the_committed_figures(tried: Project) -> None:
    changes = json.loads(tried.dvc("metrics", "diff", "main", "idea-fewer", "--json").stdout)
    change = changes["metrics/validation.json"]["log_loss"]
    old, new = (metrics(tried, revision)["log_loss"] for revision in ("main", "idea-fewer"))
    assert (change["old"], change["new"]) == (old, new)
    assert old != new


def test_compare_knows_an_experiments_branch(tried: Project) -> None:
    """Its bundle is in the cache, though it was built in a folder of the queue's."""
    done = tried.run("perennial", "compare", "main", "idea-fewer", "--json", check=True)
    report = json.loads(done.stdout)
    assert report["verdict"] == "worse", report["why"]
    same = tried.run("perennial", "compare", "main", "main", "--json", check=True)
    assert json.loads(same.stdout)["verdict"] == "no detectable difference"


def test_a_merge_of_two_has_both_and_the_result_of_both(merged: Project) -> None:
    both = params(merged, "HEAD")
    assert both["train"]["params"] == {"max_iter": 5}
    assert both["evaluate"]["resamples"] == 150
    assert merged.git("status", "--porcelain") == ""
    assert "up to date" in merged.dvc("status").stdout
    both, fewer, quick = (metrics(merged, revision) for revision in ("HEAD", "idea-fewer", "HEAD^"))
    assert both["log_loss"] == fewer["log_loss"] != quick["log_loss"]
    assert both["detail"] != fewer["detail"], "resamples are for the intervals"


class TestReview:
    def test_is_the_gates_word_and_the_comparison(self, merged: Project, tmp_path: Path) -> None:
        project = merged.copy(tmp_path / "project")
        done = project.run("scripts/review", env={"BASE": "main"})
        gate = project.run("perennial", "gate", "--md", "--allow-unchanged")
        assert done.returncode == gate.returncode
        comment = (project.root / ".review/comment.md").read_text()
        assert "gate" in comment.lower()
        assert "train.params.max\\_iter" in comment
        assert "No DVC remote is configured" in comment
        assert "not what the code" not in comment
        assert "Traceback" not in done.stderr
        assert ".review" not in project.git("status", "--porcelain")

    def test_says_what_stood_in_its_way(self, merged: Project, tmp_path: Path) -> None:
        project = merged.copy(tmp_path / "project")
        comment = project.root / ".review/comment.md"
        assert project.run("scripts/review").returncode == 2
        assert "no revision `origin/main`" in comment.read_text()
        project.dvc("remote", "add", "--default", "far", str(tmp_path / "nowhere"))
        shutil.rmtree(project.root / ".dvc/cache")
        project.write("src/__main__.py", "raise SystemExit(3)\n")
        done = project.run("scripts/review", env={"BASE": "main"})
        assert done.returncode == 2
        assert "the pipeline did not run to its end" in comment.read_text()
        assert "did not give everything" in comment.read_text()
