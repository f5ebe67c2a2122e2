"""`perennial.open` gives data, figures and models of any revision, and changes no file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest

import perennial
import perennial.notebook
from perennial.data.contract import read_contract
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project

SRC = Path(__file__).parents[1] / "src"


@pytest.fixture(scope="module")
def changed(iris: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Iris, whose working tree differs from its one commit in every file that can be asked for."""
    project = iris.copy(tmp_path_factory.mktemp("changed") / "project")
    project.edit("params.yaml", "max_iter: 10", "max_iter: 3")
    project.edit("data/contract.yaml", "A plant.", "A flower.")
    test = project.root / "data/prepared/test.parquet"
    rows = pd.read_parquet(test, dtype_backend="pyarrow")
    test.unlink()
    rows.head(7).to_parquet(test, index=False)
    project.write("metrics/data.json", '{"rows": 7}\n')
    return project


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file but those of git and DVC themselves."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "tmp"} & set(path.relative_to(folder).parts)
    }


def ask_everything(project: perennial.notebook.Project) -> list[Any]:
    frames = [project.split(name) for name in ("train", "validation", "test")]
    return [frames, project.contract, project.params, project.metrics("data"), project.bundle()]


def test_a_commit_is_read_as_it_was_committed(iris: Project, changed: Project) -> None:
    project = perennial.open("HEAD", changed.root)
    for name in ("train", "validation", "test"):
        path = iris.root / f"data/prepared/{name}.parquet"
        pd.testing.assert_frame_equal(
            project.split(name), pd.read_parquet(path, dtype_backend="pyarrow")
        )
    assert project.contract == read_contract(iris.root / "data/contract.yaml")
    assert project.params["train"]["params"] == {"max_iter": 10}
    assert project.metrics("data") == jsonfile.read(iris.root / "metrics/data.json")


def test_the_working_tree_is_read_as_it_is(changed: Project) -> None:
    project = perennial.open(repository=changed.root)
    assert len(project.split("test")) == 7
    assert project.contract.description == "A flower."
    assert project.params["train"]["params"] == {"max_iter": 3}
    assert project.metrics("data") == {"rows": 7}


def test_both_models_answer_as_the_files_do(iris: Project) -> None:
    project = perennial.open("main", iris.root)
    rows = project.split("test")
    expected = joblib.load(iris.root / "models/model.joblib").predict_proba(rows)
    np.testing.assert_array_equal(project.model().predict_proba(rows), expected)
    served = perennial.load(iris.root / "models/bundle").predict_proba(rows)
    np.testing.assert_array_equal(project.bundle().predict_proba(rows), served)


@pytest.mark.parametrize("rev", [None, "HEAD"])
def test_no_file_of_the_tree_is_touched(changed: Project, rev: str | None) -> None:
    before = state(changed.root)
    ask_everything(perennial.open(rev, changed.root))
    assert state(changed.root) == before


def test_a_notebook_may_lie_in_a_folder_of_its_own(
    changed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(changed.root / "data")
    assert len(perennial.open().split("test")) == 7
    assert len(perennial.open("HEAD").split("test")) > 7


def test_what_is_in_the_cache_need_not_be_in_the_tree(project: Project) -> None:
    rows = perennial.open(repository=project.root).split("train")
    (project.root / "data/prepared/train.parquet").unlink()
    pd.testing.assert_frame_equal(perennial.open(repository=project.root).split("train"), rows)


def refusal(ask: Callable[[], Any]) -> str:
    with pytest.raises(PerennialError) as refused:
        ask()
    return str(refused.value)


class TestRefusals:
    def test_an_unknown_revision(self, iris: Project) -> None:
        assert refusal(lambda: perennial.open("v9", iris.root)).startswith(
            "v9: git knows no such revision\n  hint: "
        )

    def test_a_folder_outside_a_project(self, tmp_path: Path) -> None:
        message = refusal(lambda: perennial.open(repository=tmp_path))
        assert message == f"{tmp_path}: not inside a project of DVC"

    def test_an_unknown_split(self, iris: Project) -> None:
        message = refusal(lambda: perennial.open(repository=iris.root).split("tset"))
        assert message == "no split 'tset'\n  hint: one of train, validation, test"

    @pytest.mark.parametrize("rev", ["HEAD~1", None])
    def test_what_was_never_made(self, iris: Project, new_iris: Project, rev: str | None) -> None:
        root = new_iris.root if rev is None else iris.root
        opened = perennial.open(rev, root)
        for ask in (lambda: opened.split("test"), opened.model, opened.bundle):
            assert ": no such file\n  hint: dvc repro" in refusal(ask)

    def test_what_neither_the_cache_nor_a_remote_has(self, project: Project) -> None:
        shutil.rmtree(project.root / ".dvc/cache")
        opened = perennial.open("HEAD", project.root)
        for ask in (lambda: opened.split("test"), opened.model, opened.bundle):
            message = refusal(ask)
            assert " at HEAD: in neither the cache nor a remote\n  hint: dvc pull" in message

    def test_a_pickle_that_dvc_lock_does_not_record(self, project: Project) -> None:
        path = project.root / "models/model.joblib"
        path.unlink()
        # Loading it would run code: here, one that ends the process.
        path.write_bytes(b"cos\n_exit\n(I1\ntR.")
        message = refusal(perennial.open(repository=project.root).model)
        assert message.startswith("models/model.joblib at the working tree: not the file that")

    def test_a_pickle_of_other_code(self, project: Project) -> None:
        path = project.root / "models/model.joblib"
        recorded = (project.root / "dvc.lock").read_text()
        old = perennial.notebook.md5(path.read_bytes())
        path.unlink()
        path.write_bytes(b"cperennial.no_longer\nModel\n.")
        assert old in recorded
        project.write("dvc.lock", recorded.replace(old, perennial.notebook.md5(path.read_bytes())))
        message = refusal(perennial.open(repository=project.root).model)
        assert "pickled by other code than is here: No module named" in message
        assert "hint: open(...).bundle()" in message


def test_the_package_imports_nothing_until_it_is_asked() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r}); import perennial\n"
        "assert not [name for name in sys.modules if name.startswith('perennial.')]\n"
        "perennial.load\n"
        "assert not {'pandas', 'dvc', 'pyarrow'} & set(sys.modules)\n"
        "try: perennial.save\n"
        "except AttributeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'perennial' has no attribute 'save'\n"
