"""A graph answers the same with any number of threads, and reads no file but its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from perennial.model.decision import from_margins
from perennial.model.engines.onnx import OnnxEngine

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(300, 40))
WEIGHTS = RNG.normal(size=(40, 3))


def graph(weights: TensorProto) -> bytes:
    """A matrix product in double precision."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["matrix", "weights"], ["scores"])],
        "model",
        [helper.make_tensor_value_info("matrix", TensorProto.DOUBLE, [None, weights.dims[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, weights.dims[1]])],
        [weights],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def product(weights: Any = WEIGHTS) -> bytes:
    return graph(onnx.numpy_helper.from_array(weights, "weights"))


def test_scores_by_what_the_graph_stands_for() -> None:
    margins = MATRIX @ WEIGHTS
    scores = OnnxEngine(product(), "predict_proba").scores(MATRIX)
    np.testing.assert_allclose(scores, margins, rtol=1e-12)
    scores = OnnxEngine(product(), "decision_function").scores(MATRIX)
    np.testing.assert_allclose(scores, from_margins(margins), rtol=1e-12)
    # A binary model has two columns of margins, the second one the positive class's.
    scores = OnnxEngine(product(WEIGHTS[:, :2]), "decision_function").scores(MATRIX)
    np.testing.assert_allclose(scores, from_margins(margins[:, 1]), rtol=1e-12)
    scores = OnnxEngine(product(WEIGHTS[:, :1]), "predict").scores(MATRIX)
    np.testing.assert_allclose(scores, margins[:, 0], rtol=1e-12)


def test_threads_change_nothing() -> None:
    large = np.random.default_rng(1).normal(size=(5000, 40))
    one, two, four = (OnnxEngine(product(), "predict_proba", count) for count in (1, 2, 4))
    assert one.scores(large).tobytes() == two.scores(large).tobytes()
    assert one.scores(large).tobytes() == four.scores(large).tobytes()


@pytest.mark.parametrize("rows", [0, 1, 255, 256, 257])
def test_any_number_of_rows(rows: int) -> None:
    scores = OnnxEngine(product(), "predict_proba").scores(MATRIX[:rows])
    assert scores.shape == (rows, 3)
    np.testing.assert_allclose(scores, MATRIX[:rows] @ WEIGHTS, rtol=1e-12)


def test_saved_and_loaded(tmp_path: Path) -> None:
    engine = OnnxEngine(product(), "predict_proba")
    engine.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    loaded = OnnxEngine.load(files, {"method": "predict_proba"}, threads=2)
    assert loaded.scores(MATRIX).tobytes() == engine.scores(MATRIX).tobytes()


@pytest.mark.parametrize("place", ["weights.bin", "below/../weights.bin", "../weights.bin", "/"])
def test_a_graph_that_points_to_a_file_is_refused(place: str, in_folder: Path) -> None:
    # With its optimisations off, onnxruntime would read the first and the third from where one
    # stands, for a graph that it was given as bytes.
    for folder in (in_folder, in_folder.parent):
        (folder / "weights.bin").write_bytes(WEIGHTS.tobytes())
    (in_folder / "below").mkdir()
    weights = TensorProto(name="weights", data_type=TensorProto.DOUBLE, dims=WEIGHTS.shape)
    weights.data_location = TensorProto.EXTERNAL
    where = str(in_folder / "weights.bin") if place == "/" else place
    weights.external_data.add(key="location", value=where)
    with pytest.raises(ValueError, match="onnxruntime does not take it"):
        OnnxEngine(graph(weights), "predict_proba")


@pytest.mark.parametrize("model", [b"", b"not a graph", product()[:-9], product()[: -len("21")]])
def test_what_is_no_graph_is_refused(model: bytes) -> None:
    with pytest.raises(ValueError, match="onnxruntime"):
        OnnxEngine(model, "predict_proba").scores(MATRIX)


def test_rows_that_the_graph_fails_on_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="onnxruntime fails"):
        OnnxEngine(product(), "predict_proba").scores(MATRIX[:, :7])


def test_it_needs_no_training_library() -> None:
    code = (
        "import sys; import perennial.model.engines.onnx; "
        "print({'sklearn', 'pandas', 'joblib', 'dvc', 'pyarrow', 'onnx', 'skl2onnx'} "
        "& set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_onnxruntime_does_not_report_its_use() -> None:
    """It does from the moment of its import; afterwards it is too late."""
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import perennial.model.engines.onnx\n"
    )
    environment = {key: text for key, text in os.environ.items() if not key.startswith("ORT_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
