"""`perennial compare` on a real repository: same rows, a verdict with its figures, no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

#: Small samples, and sizes that end soon.
EASY = "\ncompare: {min_blocks: 2, min_positives: 1, resamples: 100, refits: 1}\n"


def compare(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = project.run("perennial", "compare", *arguments, "--json")
    assert done.returncode == code, done.stderr
    comparison = json.loads(done.stdout)
    assert isinstance(comparison, dict)
    return comparison


@pytest.fixture(scope="module")
def branches(cancer: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Main, and a branch whose model has learnt nothing, both run and committed."""
    project = cancer.copy(tmp_path_factory.mktemp("branches") / "project")
    with (project.root / "params.yaml").open("a") as file:
        file.write(EASY)
    project.dvc("repro")
    project.commit("compare small samples")
    project.run("git", "checkout", "-q", "-b", "feature", check=True)
    project.edit("params.yaml", "max_iter: 15", "max_iter: 1, min_samples_leaf: 9999")
    project.dvc("repro")
    project.commit("a poor model")
    return project


@pytest.fixture(scope="module")
def comparison(branches: Project) -> dict[str, Any]:
    return compare(branches, "main", "feature")


class TestVerdict:
    def test_a_poor_model_is_worse_and_the_other_way_round_better(
        self, branches: Project, comparison: dict[str, Any]
    ) -> None:
        assert comparison["verdict"] == "worse"
        assert comparison["primary"] in comparison["why"]
        turned = compare(branches, "feature", "main")
        assert turned["verdict"] == "better"
        ours, theirs = (side["metrics"][comparison["primary"]] for side in (comparison, turned))
        assert ours["difference"] == -theirs["difference"] < 0
        assert ours["p_value"] == theirs["p_value"] < 0.05

    def test_both_models_answer_the_same_rows(
        self, branches: Project, comparison: dict[str, Any]
    ) -> None:
        """So the base's figures are those that its own revision reports on the same test set."""
        reported = branches.run("git", "show", "main:metrics/evaluate.json", check=True)
        own = json.loads(reported.stdout)
        assert comparison["excluded_rows"] == 0
        for name in ("roc_auc", "brier"):
            assert abs(comparison["metrics"][name]["base"] - own[name]) < 1e-6

    def test_the_same_bundle_is_no_difference(self, branches: Project) -> None:
        comparison = compare(branches, "feature", "feature")
        assert comparison["verdict"] == "no detectable difference"
        assert "byte for byte" in comparison["why"]
        assert comparison["data"]["periods"] == []
        assert comparison["recipe"] == {"params": [], "packages": [], "stages": []}

    def test_a_working_tree_with_the_outputs_of_another_recipe_has_no_verdict(
        self, branches: Project, tmp_path: Path
    ) -> None:
        project = branches.copy(tmp_path / "project")
        project.edit("params.yaml", "max_iter: 1,", "max_iter: 2,")
        comparison = compare(project, "main", code=2)
        assert comparison["verdict"] == "cannot tell"
        assert "train" in comparison["why"]
        assert "dvc repro" in comparison["why"]


class TestReport:
    def test_it_names_what_was_changed(self, comparison: dict[str, Any]) -> None:
        recipe = comparison["recipe"]
        assert {item["name"]: (item["base"], item["head"]) for item in recipe["params"]} == {
            "train.params.max_iter": (15, 1),
            "train.params.min_samples_leaf": (None, 9999),
        }
        stages = dict(recipe["stages"])
        assert "train.params.max_iter" in stages["train"]
        assert "prepare" not in stages

    def test_the_default_is_the_working_tree_against_where_it_left_main(
        self, branches: Project
    ) -> None:
        comparison = compare(branches)
        main = branches.run("git", "rev-parse", "main", check=True).stdout.strip()
        assert comparison["base"]["commit"] == main
        assert comparison["head"] == {"name": "the working tree", "commit": None}

    def test_people_read_the_verdict_first(self, branches: Project) -> None:
        text = branches.run("perennial", "compare", "main", "feature", check=True).stdout
        assert text.startswith("Worse: feature (")
        assert "\x1b" not in text
        assert "-0.0000" not in text

    def test_the_checkout_is_not_touched(self, branches: Project, tmp_path: Path) -> None:
        def state() -> tuple[str, dict[str, str], str]:
            return branches.git("status", "--porcelain"), branches.hashes(), branches.git("log")

        before, page = state(), tmp_path / "report.html"
        folder = tmp_path / "plots"
        arguments = ("feature", "main", "--html", str(page), "--plots", str(folder))
        branches.run("perennial", "compare", *arguments, check=True)
        assert state() == before
        text = page.read_text(encoding="utf-8")
        assert "<h1>Better: main (" in text
        names = ["calibration.svg", "precision_recall.svg", "roc.svg", "scores.svg"]
        assert sorted(path.name for path in folder.iterdir()) == names
        # The same pictures, to the byte.
        assert all((folder / name).read_text("utf-8").strip() in text for name in names)


class TestWhatCannotBeHad:
    def test_an_unknown_revision_is_an_error(self, branches: Project) -> None:
        done = branches.run("perennial", "compare", "nowhere")
        assert done.returncode == 2
        assert done.stderr.endswith(
            "perennial compare: nowhere: git knows no such revision\n"
            "  hint: git branch -a, or git fetch --tags origin "
            "'+refs/heads/*:refs/remotes/origin/*'\n"
        )

    def test_outputs_in_neither_cache_nor_remote_are_reported(
        self, branches: Project, tmp_path: Path
    ) -> None:
        bare = tmp_path / "clone"
        branches.run("git", "clone", "-q", str(branches.root), str(bare), check=True)
        elsewhere = type(branches)(bare, branches.env)
        comparison = compare(elsewhere, "origin/main", "origin/feature", "--no-rebuild", code=2)
        assert comparison["verdict"] == "cannot tell"
        assert "it lies in neither the cache nor a remote" in comparison["why"]
        assert "dvc pull" in comparison["why"]
        assert comparison["recipe"]["params"], "what git holds is compared all the same"

    def test_a_base_in_neither_cache_nor_remote_is_rebuilt_to_the_same_verdict(
        self, branches: Project, comparison: dict[str, Any], tmp_path: Path
    ) -> None:
        project = branches.copy(tmp_path / "project")
        record = yaml.safe_load(project.git("show", "main:dvc.lock"))["stages"]["export"]
        (bundle,) = (out["md5"] for out in record["outs"] if out["path"] == "models/bundle")
        (project.root / ".dvc/cache/files/md5" / bundle[:2] / bundle[2:]).unlink()
        rebuilt = compare(project, "main", "feature")
        assert rebuilt["base"].pop("rebuilt") == {"differs_in": []}
        assert rebuilt == comparison
        assert compare(project, "main", "feature") == comparison, "now it is in the cache"

    def test_a_broken_bundle_cannot_be_compared_and_the_rest_still_is(
        self, branches: Project, tmp_path: Path
    ) -> None:
        project = branches.copy(tmp_path / "project")
        project.write("models/bundle/manifest.json", "{}")
        project.dvc("commit", "--quiet", "--force")
        comparison = compare(project, "main", code=2)
        assert "its bundle cannot be loaded: " in comparison["why"]
        assert str(project.root) not in comparison["why"]
        assert comparison["recipe"]["params"]

    def test_another_target_cannot_be_compared_and_the_data_still_are(
        self, branches: Project, tmp_path: Path
    ) -> None:
        project = branches.copy(tmp_path / "project")
        project.edit("data/contract.yaml", "positive: malignant", "positive: benign")
        project.dvc("repro")
        record = yaml.safe_load(project.git("show", "main:dvc.lock"))["stages"]["export"]
        (bundle,) = (out["md5"] for out in record["outs"] if out["path"] == "models/bundle")
        (project.root / ".dvc/cache/files/md5" / bundle[:2] / bundle[2:]).unlink()
        done = project.run("perennial", "compare", "main", "--json")
        comparison = json.loads(done.stdout)
        assert "classes" in comparison["why"]
        assert comparison["data"]["labels"]
        assert "rebuilding" not in done.stderr
