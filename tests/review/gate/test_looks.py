"""Looks at a test set: each model once, wherever git's history has its trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from perennial.data import parquet
from perennial.review.gate.looks import Judged, Looks, count_looks, distinct, judged_in
from perennial.review.revision.hashes import md5
from perennial.review.revision.revision import Revision
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project

CONTRACT = """\
version: 1
name: t
columns:
  key: {type: text, role: id}
  x: {type: number}
  y: {type: boolean, role: target}
"""


def lock(model: str, test: str, scored: str | None = None) -> str:
    """As DVC writes it: a dependency has a hash, too, and is no output."""
    text = f"""\
schema: '2.0'
stages:
  prepare:
    cmd: python src prepare
    deps:
    - path: models/compiled
      hash: md5
      md5: another.dir
    params:
      params.yaml:
        prepare.split: {{}}
    outs:
    - path: data/prepared/test.parquet
      hash: md5
      md5: {test}
      size: 3
    - path: data/prepared/train.parquet
      hash: md5
      md5: train
      size: 3
  train:
    cmd: python src train
    outs:
    - path: models/compiled
      hash: md5
      md5: {model}.dir
      size: 3
      nfiles: 2
"""
    if scored:
        text += (
            "  evaluate:\n    cmd: python src evaluate\n    outs:\n"
            f"    - path: data/scored/test.parquet\n      hash: md5\n      md5: {scored}\n"
        )
    return text


class TestLock:
    def test_model_and_test_set_are_read_from_the_outputs(self) -> None:
        assert judged_in(lock("a", "t")) == Judged("t", frozenset({"model a.dir"}))
        judged = judged_in(lock("a", "t", "s"))
        assert judged == Judged("t", frozenset({"model a.dir", "answers s to t"}))

    def test_the_projects_own_lock_is_read(self) -> None:
        text = (Path(__file__).parents[3] / "dvc.lock").read_text(encoding="utf-8")
        judged = judged_in(text)
        assert judged is not None
        assert len(judged.test) == 32
        assert len(judged.traces) == 2

    @pytest.mark.parametrize("text", ["", "schema: '2.0'\n", "<<<<<<< HEAD\n", "stages: 3\n"])
    def test_a_lock_without_a_model_records_none(self, text: str) -> None:
        assert judged_in(text) is None


class TestDistinct:
    @staticmethod
    def count(*models: str) -> int:
        return distinct(Judged("t", frozenset(model)) for model in models)

    def test_a_model_counts_once(self) -> None:
        assert self.count("a", "a", "b", "a") == 2

    def test_those_that_answer_alike_are_one_through_others_too(self) -> None:
        """The same model in a new format, and the other way round."""
        assert self.count("am", "bm", "bn", "c") == 2
        assert self.count("am", "bn", "mn") == 1


@pytest.fixture
def repository(
    empty_project: type[Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    (tmp_path / "project").mkdir()
    project = empty_project(tmp_path / "project")
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.write(".dvc/config", "[core]\n    analytics = false\n")
    project.write(".gitignore", "/.dvc/cache\n/.dvc/tmp\n/data/prepared\n")
    project.write("dvc.yaml", "stages: {}\n")
    project.write("data/contract.yaml", CONTRACT)
    project.commit("start")
    return project


def rows(project: Project, *keys: str, kept: bool = True) -> str:
    """Make a test set, and keep it in DVC's cache; its hash."""
    path = project.root / "data/prepared/test.parquet"
    path.parent.mkdir(exist_ok=True)
    parquet.write(path, pa.table({"key": keys, "x": [0.5] * len(keys), "y": [True] * len(keys)}))
    oid = md5(path)
    if kept:
        place = project.root / f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return oid


def record(project: Project, model: str, test: str) -> None:
    project.write("dvc.lock", lock(model, test))
    project.commit(model)


def looks(project: Project) -> Looks:
    return count_looks(project.root, Revision("the tree", None, project.root, {}))


class TestHistory:
    def test_every_model_that_was_committed_is_a_look_and_this_one_too(
        self, repository: Project
    ) -> None:
        test = rows(repository, "a", "b")
        repository.write("dvc.lock", lock("first", test))
        assert looks(repository) == Looks(1)
        for model in ("first", "second", "first"):
            record(repository, model, test)
        assert looks(repository) == Looks(2)
        repository.write("dvc.lock", lock("third", test))
        assert looks(repository) == Looks(3)

    def test_other_branches_and_tags_count_and_experiments_do_not(
        self, repository: Project
    ) -> None:
        test = rows(repository, "a")
        record(repository, "main", test)
        for name in ("branch", "tag", "experiment"):
            repository.git("checkout", "--quiet", "-B", name, "main")
            record(repository, name, test)
        repository.git("tag", "kept", "tag")
        repository.git("update-ref", "refs/exps/ab/cd/brisk-name", "experiment")
        repository.git("checkout", "--quiet", "main")
        repository.git("branch", "--quiet", "-D", "tag", "experiment")
        assert looks(repository) == Looks(3)

    def test_a_merged_branch_counts_though_the_merge_kept_the_other_model(
        self, repository: Project
    ) -> None:
        test = rows(repository, "a")
        record(repository, "main", test)
        repository.git("checkout", "--quiet", "-b", "loser")
        record(repository, "loser", test)
        repository.git("checkout", "--quiet", "main")
        repository.git("merge", "--quiet", "--no-ff", "-s", "ours", "-m", "keep ours", "loser")
        repository.git("branch", "--quiet", "-D", "loser")
        assert looks(repository) == Looks(2)

    def test_models_of_another_question_do_not_count(self, repository: Project) -> None:
        test = rows(repository, "a")
        record(repository, "of y", test)
        repository.edit("data/contract.yaml", "y: {type: boolean, role: target}",
                        "y: {type: boolean}\n  z: {type: number, role: target}")  # fmt: skip
        record(repository, "of z", test)
        assert looks(repository) == Looks(1)
        record(repository, "another of z", test)
        assert looks(repository) == Looks(2)

    def test_a_contract_that_cannot_be_read_hides_no_look(self, repository: Project) -> None:
        test = rows(repository, "a")
        repository.write("data/contract.yaml", "version: 0\n")
        record(repository, "of old", test)
        repository.write("data/contract.yaml", CONTRACT)
        record(repository, "this", test)
        assert looks(repository) == Looks(2)

    def test_a_history_that_is_cut_off_is_no_history(
        self, repository: Project, tmp_path: Path
    ) -> None:
        record(repository, "first", rows(repository, "a"))
        shallow = tmp_path / "shallow"
        repository.git("clone", "--quiet", "--depth", "1", repository.root.as_uri(), str(shallow))
        with pytest.raises(PerennialError, match="cut off") as refused:
            count_looks(shallow, Revision("the tree", None, shallow, {}))
        assert "git fetch --unshallow" in str(refused.value)


class TestTestSets:
    def test_one_that_shares_a_row_counts_and_a_disjoint_one_does_not(
        self, repository: Project
    ) -> None:
        record(repository, "disjoint", rows(repository, "p", "q"))
        record(repository, "overlapping", rows(repository, "b", "c"))
        record(repository, "this", rows(repository, "a", "b"))
        assert looks(repository) == Looks(2)

    def test_one_that_cannot_be_had_is_taken_to_share_rows(self, repository: Project) -> None:
        record(repository, "lost", rows(repository, "p", "q", kept=False))
        record(repository, "this", rows(repository, "a"))
        assert looks(repository) == Looks(2, unknown=1)

    def test_one_whose_place_in_the_cache_holds_other_rows_is_taken_to_share_rows(
        self, repository: Project
    ) -> None:
        rows(repository, "p", "q")
        disjoint = (repository.root / "data/prepared/test.parquet").read_bytes()
        oid = rows(repository, "a", "b")
        record(repository, "overlapping", oid)
        record(repository, "this", rows(repository, "b", "c"))
        assert looks(repository) == Looks(2)
        (repository.root / f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}").write_bytes(disjoint)
        assert looks(repository) == Looks(2, unknown=1)

    def test_one_that_only_a_remote_has_is_fetched_and_the_cache_left_alone(
        self, repository: Project, tmp_path: Path
    ) -> None:
        oid = rows(repository, "p", "q")
        record(repository, "disjoint", oid)
        record(repository, "this", rows(repository, "a"))
        repository.write(
            ".dvc/config",
            f"[core]\n    remote = far\n['remote \"far\"']\n    url = {tmp_path / 'far'}\n",
        )
        kept = repository.root / f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}"
        far = tmp_path / f"far/files/md5/{oid[:2]}/{oid[2:]}"
        far.parent.mkdir(parents=True)
        kept.rename(far)
        assert looks(repository) == Looks(1)
        assert not kept.exists()

    def test_without_an_id_rows_are_known_by_their_values(self, repository: Project) -> None:
        repository.edit("data/contract.yaml", "role: id", "role: feature")
        record(repository, "disjoint", rows(repository, "p", "q"))
        record(repository, "overlapping", rows(repository, "b", "c"))
        record(repository, "this", rows(repository, "a", "b"))
        assert looks(repository) == Looks(2)
