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
