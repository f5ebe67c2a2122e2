"""A model goes all the way to its bundle on each engine, and the bundle says what it needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest

from perennial.bundle import bundle
from perennial.data import parquet
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

TREE = "sklearn.tree._tree.Tree"
ENGINES = {
    "onnx": "  estimator: sklearn.svm.SVC\n  calibration: sigmoid\n",
    "skops": f"  estimator: sklearn.tree.DecisionTreeClassifier\n  engine: skops\n"
    f"  trusted: [{TREE}]\n",
}
PACKAGE = {"onnx": "onnxruntime", "skops": "skops"}


def with_model(project: Project, section: str) -> None:
    project.edit("params.yaml", "  params: {max_iter: 10}\n", section)


@pytest.mark.parametrize("engine", ENGINES)
def test_from_training_to_a_bundle_that_says_what_it_needs(engine: str, project: Project) -> None:
    with_model(project, ENGINES[engine])
    project.stages("train", "evaluate", "export")
    folder = project.root / "models/bundle"
    manifest = jsonfile.read(folder / "manifest.json")
    assert (manifest["engine"], manifest["requires"]) == (
        engine,
        f"requirements/live-{engine}.txt",
    )
    assert manifest["files"][f"compiled/model.{engine}"]
    assert PACKAGE[engine] in manifest["packages"]
    assert manifest.get("trusted", []) == ([TREE] if engine == "skops" else [])
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"needs `requirements/live-{engine}.txt`" in card
    assert ("not for a service" in card) == (engine == "skops")

    # What is served answers as what a notebook loads.
    model = joblib.load(project.root / "models/model.joblib")
    test = parquet.read(project.root / "data/prepared/test.parquet")
    confirmed = manifest.get("trusted", [])
    served = bundle.load(folder, threads=2, trusted=confirmed)
    wanted = model.predict_proba(test.to_pandas())
    np.testing.assert_allclose(served.predict_proba(test), wanted, rtol=0, atol=1e-9)
    assert served.predict(test).tolist() == model.predict(test.to_pandas()).tolist()

    without = (
        f"import sys; sys.modules[{PACKAGE[engine]!r}] = None\n"
        "from perennial.bundle.bundle import BundleError, load\n"
        f"try:\n    load('models/bundle', trusted={confirmed})\n"
        "except BundleError as error:\n    print(error)"
    )
    done = project.run(sys.executable, "-c", without, env={"PYTHONPATH": "src"}, check=True)
    assert done.stdout == (
        f"models/bundle: its engine, {engine}, needs {PACKAGE[engine]}, which is not installed "
        f"here: pip install --require-hashes -r requirements/live-{engine}.txt\n"
    )


#: A runner, a compiler and a line in each of three files: all that it takes to add an engine.
RUNNER = """\
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib  # production lacks it, and this engine needs it
import numpy as np

from perennial.runtime import jsonfile

FILE = "shares.json"


class ConstantEngine:
    def __init__(self, shares: list[float]) -> None:
        self.shares = shares

    @classmethod
    def load(cls, files: Mapping[str, bytes], options: dict[str, Any], threads: int = 1) -> Any:
        return cls(jsonfile.loads(files[FILE]))

    def save(self, folder: Path) -> None:
        jsonfile.write(folder / FILE, self.shares)

    def scores(self, matrix: Any) -> Any:
        return np.tile(self.shares, (len(matrix), 1))
"""
COMPILER = """\
from __future__ import annotations

from typing import Any

from perennial.model.engines.constant import ConstantEngine


def refuse(estimator: Any, task: str) -> None:
    pass


def compile_(estimator: Any, task: str, threads: int, trusted: Any) -> Any:
    return ConstantEngine(estimator.class_prior_.tolist()), {}


def split_points(engine: Any, estimator: Any, features: int) -> Any:
    return [[]] * features
"""
ENTRY = """
    "constant": EngineEntry(
        "perennial.model.engines.constant",
        "ConstantEngine",
        requires="requirements/live-constant.txt",
        packages=("joblib",),
        training_imports=frozenset({"joblib"}),
    ),"""
PLACES = {
    "src/perennial/model/engines/registry.py": ("ENGINES: dict[str, EngineEntry] = {", ENTRY),
    "src/perennial/learning/compilation/registry.py": (
        "COMPILERS: Mapping[str, Compiler] = {",
        '\n    "constant": Compiler("perennial.learning.compilation.constant"),',
    ),
    "src/perennial/params/train.py": ('engine: Literal["auto", ', '"constant", '),
}


def test_a_new_engine_is_a_module_and_an_entry_on_each_side(project: Project) -> None:
    project.write("src/perennial/model/engines/constant.py", RUNNER)
    project.write("src/perennial/learning/compilation/constant.py", COMPILER)
    for name, (place, line) in PLACES.items():
        project.edit(name, place, place + line)
    with_model(project, "  estimator: sklearn.dummy.DummyClassifier\n  engine: constant\n")
    project.stages("train", "evaluate", "export")
    assert jsonfile.read(project.root / "metrics/train.json")["engine"] == "constant"
    folder = project.root / "models/bundle"
    manifest = jsonfile.read(folder / "manifest.json")
    assert (manifest["engine"], manifest["requires"]) == (
        "constant",
        "requirements/live-constant.txt",
    )
    assert manifest["files"]["compiled/shares.json"]
    assert "joblib" in manifest["packages"]
    assert not {"treelite", "skops"} & set(manifest["packages"])

    ask = (
        "from perennial.bundle.bundle import load; from perennial.runtime import jsonfile\n"
        "cases = jsonfile.loads(load('models/bundle').files['sample.json'])['cases']\n"
        "answers = load('models/bundle').respond([case['request'] for case in cases])\n"
        "print(len(answers), answers == [case['response'] for case in cases])"
    )
    source = {"PYTHONPATH": "src"}
    assert project.run(sys.executable, "-c", ask, env=source, check=True).stdout == "5 True\n"
    # dvc.yaml needs no change: what the stages import is inside their deps.
    check = ("-m", "perennial.review.verify.closure", "--check")
    project.run(sys.executable, *check, env=source, check=True)


def test_types_that_nobody_confirmed_stop_the_stage(project: Project) -> None:
    with_model(project, ENGINES["skops"].replace(f"[{TREE}]", "[]"))
    project.refused(
        "train",
        f"skops: nobody has confirmed {TREE}",
        f"set train.trusted: [{TREE}]",
    )


def test_an_engine_that_there_is_not(project: Project) -> None:
    with_model(project, "  engine: pickle\n")
    errors = project.refused("train", "train.engine", "'auto', 'treelite', 'onnx' or 'skops'")
    assert errors.count("train.engine") == 1


def test_a_bundle_of_trees_needs_no_more_than_live(iris: Any) -> None:
    manifest = jsonfile.read(iris.root / "models/bundle/manifest.json")
    assert manifest["requires"] == "requirements/live.txt"
    assert not {"types", "trusted"} & set(manifest)
    assert not {"onnxruntime", "skops"} & set(manifest["packages"])
