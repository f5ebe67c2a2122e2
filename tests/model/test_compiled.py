"""A compiled model lives in a folder, without pickle, and answers from there alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from perennial.learning.compilation.treelite import compile_
from perennial.model import compiled
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision, Sigmoid
from perennial.model.engines.linear import LinearEngine
from perennial.model.preprocessing import Number, Preprocessing, Standard
from perennial.runtime import jsonfile

CURVES = tuple(Sigmoid(1.5, -0.25) for _ in range(3))
CLASSES = ["setosa", "versicolor", "virginica"]


def trees() -> CompiledModel:
    matrix, target = load_iris(return_X_y=True)
    # OpenMP's threads wait for each other where other tests run too.
    with threadpool_limits(1):
        fitted = HistGradientBoostingClassifier(max_iter=5).fit(matrix, target)
    engine, options = compile_(fitted, "multiclass", threads=1)
    types = {f"x{place}": "number" for place in range(4)}
    program = Preprocessing(types, [Number(name) for name in types])
    return CompiledModel(program, engine, Decision(CLASSES, None, CURVES), "treelite", options)


def linear() -> CompiledModel:
    rng = np.random.default_rng(0)
    types = {f"x{place}": "number" for place in range(4)}
    steps = [Number(name, fill=0.1) for name in types]
    program = Preprocessing(types, steps, Standard([1.0] * 4, [3.0] * 4))
    engine = LinearEngine(rng.normal(size=(3, 4)), rng.normal(size=3), "softmax")
    return CompiledModel(program, engine, Decision(CLASSES), "linear", {"link": "softmax"})


def columns() -> dict[str, Any]:
    matrix, _ = load_iris(return_X_y=True)
    matrix[::7, 1] = np.nan
    return {f"x{place}": matrix[:, place] for place in range(4)}


@pytest.fixture(params=[trees, linear])
def model(request: pytest.FixtureRequest) -> CompiledModel:
    made: CompiledModel = request.param()
    return made


@pytest.fixture
def folder(model: CompiledModel, tmp_path: Path) -> Path:
    model.save(tmp_path)
    return tmp_path


class TestFolder:
    def test_loaded_it_answers_alike(self, model: CompiledModel, folder: Path) -> None:
        loaded = compiled.load(folder)
        assert loaded.answers(columns()).tobytes() == model.answers(columns()).tobytes()
        assert (loaded.preprocessing, loaded.decision) == (model.preprocessing, model.decision)
        assert (loaded.engine_name, loaded.options) == (model.engine_name, model.options)

    def test_saved_again_it_is_the_same_to_the_byte(self, folder: Path, tmp_path: Path) -> None:
        again = tmp_path / "again"
        again.mkdir()
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        compiled.load(folder).save(again)
        assert {path.name: path.read_bytes() for path in again.iterdir()} == files

    def test_no_answer_depends_on_threads(self, folder: Path) -> None:
        answers = {
            compiled.load(folder, threads).answers(columns()).tobytes() for threads in (1, 2, 64)
        }
        assert len(answers) == 1

    def test_no_row_depends_on_another(self, folder: Path) -> None:
        loaded, table = compiled.load(folder), columns()
        together = loaded.answers(table)
        for row in (0, 7, 149):
            alone = loaded.answers({name: values[[row]] for name, values in table.items()})
            assert alone.tobytes() == together[[row]].tobytes()

    def test_no_rows(self, folder: Path) -> None:
        none = {name: values[:0] for name, values in columns().items()}
        assert compiled.load(folder).answers(none).shape == (0, 3)

    def test_a_newer_format_is_refused_and_the_file_named(self, folder: Path) -> None:
        value = jsonfile.read(folder / compiled.FILE)
        jsonfile.write(folder / compiled.FILE, {**value, "format": compiled.FORMAT + 1})
        with pytest.raises(ValueError, match=r"^program\.json: format 2 is newer than 1"):
            compiled.load(folder)

    def test_what_a_folder_holds(self, model: CompiledModel, folder: Path) -> None:
        engine_file = {"treelite": "model.tl", "linear": "linear.json"}[model.engine_name]
        assert {path.name for path in folder.iterdir()} == {"program.json", engine_file}
        value = json.loads((folder / "program.json").read_text())
        assert set(value) == {"format", "engine", "program", "decision"}


def test_another_decision_changes_nothing_else() -> None:
    model = linear()
    other = model.with_decision(Decision(CLASSES, None, CURVES))
    matrix = model.preprocessing.encode(columns())
    np.testing.assert_array_equal(model.scores(matrix), other.scores(matrix))
    assert not np.array_equal(model.answers(columns()), other.answers(columns()))
    assert model.decision.calibration == ()


class Unsteady:
    """An engine whose last digits depend on how many rows it is asked, as a matrix product's do."""

    def scores(self, matrix: Any) -> Any:
        values = matrix[:, 0] * (1 + (len(matrix) > 1) * 4e-13)
        return values if self.is_regression else np.stack([1 - values, values], axis=1)

    def __init__(self, *, is_regression: bool) -> None:
        self.is_regression = is_regression


@pytest.mark.parametrize("engine", ["onnx", "skops"])
@pytest.mark.parametrize("classes", [[], ["no", "yes"]])
def test_a_row_has_one_answer_alone_and_among_others(engine: str, classes: list[str]) -> None:
    # Each of them lies between two answers, where a last digit decides which it is.
    steps = np.arange(1, 200) + 0.5
    middles = (3e8 + steps) / 1e9 if classes else (2**29 + steps) / 2**29
    values = middles * (1 - 2e-13)
    types = {"x": "number"}
    unsteady: Any = Unsteady(is_regression=not classes)
    decision = Decision(classes)
    made = CompiledModel(Preprocessing(types, [Number("x")]), unsteady, decision, engine, {})
    together = made.answers({"x": values})
    apart = np.concatenate([made.answers({"x": values[[row]]}) for row in range(len(values))])
    np.testing.assert_array_equal(together, apart)
    assert (decision.answers(unsteady.scores(values[:, np.newaxis])) != apart).any()
