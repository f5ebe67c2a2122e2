"""Parity lets no model through that answers otherwise than the fitted one, on any row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import treelite
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits

from perennial.learning.adversarial import adversarial_columns, at_split_points
from perennial.learning.compilation.thresholds import compiled_split_points
from perennial.learning.compilation.treelite import compile_
from perennial.learning.parity import Parity, prove_parity
from perennial.model import compiled as compiled_model
from perennial.model.compiled import CompiledModel
from perennial.model.decision import Decision
from perennial.model.engines.treelite import TreeliteEngine
from perennial.model.fitted import Model
from perennial.model.preprocessing import Category, Number, OneHot, Preprocessing
from perennial.runtime.errors import PerennialError

CLASSES = ["no", "yes"]
TYPES = {"carrier": "category", "x": "number", "z": "number"}
CATEGORIES = list("abcdef")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def columns(seed: int, rows: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    carrier = rng.choice([*CATEGORIES, None], rows)
    x = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows))
    return {"carrier": carrier, "x": x, "z": rng.normal(size=rows)}


def target(table: dict[str, Any]) -> Any:
    late = np.isin(table["carrier"], ["b", "e"])
    return (np.nan_to_num(table["x"], nan=1.5) + late + table["z"] / 2 > 0.7).astype(np.int64)


def fitted() -> tuple[Model, CompiledModel]:
    """A double precision model with native categories and missing values."""
    table = columns(0)
    program = Preprocessing(TYPES, [Category("carrier", CATEGORIES), Number("x"), Number("z")])
    estimator = HistGradientBoostingClassifier(max_iter=20, categorical_features=[0])
    estimator.fit(program.encode(table), target(table))
    engine, options = compile_(estimator, "binary", threads=1)
    decision = Decision(CLASSES, 0.5)
    model = Model(program, estimator, decision)
    return model, CompiledModel(program, engine, decision, "treelite", options)


def forest() -> tuple[Model, CompiledModel]:
    """A single precision model that refuses infinity."""
    table = columns(0)
    steps = [OneHot("carrier", CATEGORIES), Number("x"), Number("z")]
    program = Preprocessing(TYPES, steps, dtype="float32", finite=True)
    estimator = RandomForestClassifier(n_estimators=10, random_state=0)
    estimator.fit(program.encode(table), target(table))
    engine, options = compile_(estimator, "binary", threads=1)
    decision = Decision(CLASSES, 0.5)
    model = Model(program, estimator, decision)
    return model, CompiledModel(program, engine, decision, "treelite", options)


def trial(model: Model, compiled: CompiledModel) -> Any:
    """Rows as the stage makes them: honest, hostile, and at split points."""
    honest = model.preprocessing.encode(columns(1))
    hostile = adversarial_columns(columns(0), TYPES, 400, seed=0)
    assert isinstance(compiled.engine, TreeliteEngine)
    points = compiled_split_points(compiled.engine.model, honest.shape[1])
    sharp = at_split_points(honest, points, model.preprocessing.dtype, seed=0)
    return np.concatenate([honest, model.preprocessing.encode(hostile), sharp])


def prove(model: Model, compiled: CompiledModel, matrix: Any) -> Parity:
    return prove_parity(model, compiled, matrix, tolerance=1e-6, spread=1.0)


def as_float32(matrix: Any) -> Any:
    with np.errstate(over="ignore"):
        return matrix.astype(np.float32).astype(np.float64)


class Answering:
    """An engine that changes the rows that another one scores, or its scores."""

    def __init__(
        self,
        engine: Any,
        before: Callable[[Any], Any] = lambda matrix: matrix,
        after: Callable[[Any], Any] = lambda scores: scores,
    ) -> None:
        self._engine, self._before, self._after = engine, before, after

    def scores(self, matrix: Any) -> Any:
        return self._after(self._engine.scores(self._before(matrix)))

    def save(self, folder: Path) -> None:
        self._engine.save(folder)


def changed_trees(engine: Any, tmp_path: Path, name: str, change: Callable[[Any], Any]) -> Any:
    engine.save(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    copy = TreeliteEngine.load(files, {"link": "sigmoid"})
    for number in range(copy.model.num_tree):
        tree = copy.model.get_tree_accessor(number)
        # What treelite gives is a view of what it is about to replace.
        tree.set_field(name, change(tree.get_field(name).copy()))
    return copy


def refuse(scores: Any) -> Any:
    raise ValueError("not this row")


class TestProven:
    @pytest.mark.parametrize("make", [fitted, forest])
    def test_an_honest_compilation(
        self, make: Callable[[], tuple[Model, CompiledModel]], tmp_path: Path
    ) -> None:
        model, compiled = make()
        compiled.save(tmp_path)
        matrix = trial(model, compiled)
        parity = prove(model, compiled_model.load(tmp_path), matrix)
        assert (parity.rows, parity.breaches, parity.labels) == (len(matrix), 0, 0)
        assert parity.largest < 1e-12

    def test_infinity_that_both_refuse_is_no_difference(self) -> None:
        model, compiled = forest()
        matrix = np.zeros((10, 8))
        matrix[3, 6], matrix[5, 7] = np.inf, -1e300
        assert prove(model, compiled, matrix) == Parity(10, 2, 0.0, 0, 0)

    def test_infinity_that_both_answer_is_compared(self) -> None:
        model, compiled = fitted()
        matrix = np.zeros((4, 3))
        matrix[0, 1], matrix[1, 1] = np.inf, -np.inf
        assert prove(model, compiled, matrix).refused == 0

    def test_a_regression_differs_relative_to_its_spread(self) -> None:
        class Constant:
            def __init__(self, value: float) -> None:
                self.value = value

            def predict(self, matrix: Any) -> Any:
                return np.full(len(matrix), self.value)

            scores = predict

        program, decision = Preprocessing({"z": "number"}, [Number("z")]), Decision([])
        matrix = np.zeros((3, 1))

        def proved(expected: float, actual: float) -> Parity:
            engine: Any = Constant(actual)
            compiled = CompiledModel(program, engine, decision, "constant", {})
            model = Model(program, Constant(expected), decision)
            return prove_parity(model, compiled, matrix, tolerance=1e-3, spread=10.0)

        assert proved(1.0, 1.009).largest == pytest.approx(0.0009)
        assert proved(1000.0, 1000.9).breaches == 0
        for expected, actual in [(1.0, 1.02), (1000.0, 1002.0), (0.0, np.nan), (0.0, np.inf)]:
            with pytest.raises(PerennialError, match="3 of 3 rows differ"):
                proved(expected, actual)


class TestRejected:
    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("threshold", lambda values: np.nextafter(values, np.inf)),
            ("threshold", lambda values: values + 0.01),
            ("default_left", np.zeros_like),
            ("default_left", np.ones_like),
            ("leaf_value", lambda values: values * (1 + 1e-4)),
        ],
    )
    def test_trees_that_are_not_the_fitted_ones(
        self, name: str, change: Callable[[Any], Any], tmp_path: Path
    ) -> None:
        model, compiled = fitted()
        broken = replace(compiled, engine=changed_trees(compiled.engine, tmp_path, name, change))
        with pytest.raises(PerennialError, match="is not the fitted one"):
            prove(model, broken, trial(model, compiled))

    @pytest.mark.parametrize(
        "fault",
        [
            {"before": as_float32},
            {"before": lambda matrix: np.nan_to_num(matrix, nan=0.0)},
            {"before": lambda matrix: np.where(np.arange(3) == 0, np.nan, matrix)},
            {"after": lambda scores: scores[:, ::-1]},
            {"after": lambda scores: np.full_like(scores, np.nan)},
            {
                "after": lambda scores: np.where(
                    np.arange(len(scores))[:, None] == 7, np.nan, scores
                )
            },
            {"after": lambda scores: scores + 2e-6},
            {"after": refuse},
        ],
        ids=[
            "rounds to float32",
            "drops missing values",
            "ignores categories",
            "swaps classes",
            "NaN",
            "one NaN",
            "over the tolerance",
            "refuses",
        ],
    )
    def test_an_engine_with_a_fault(self, fault: dict[str, Any]) -> None:
        model, compiled = fitted()
        broken = replace(compiled, engine=Answering(compiled.engine, **fault))
        with pytest.raises(PerennialError, match="is not the fitted one") as caught:
            prove(model, broken, trial(model, compiled))
        assert caught.value.where == "train, engine treelite"
        assert caught.value.hint

    def test_answering_what_the_fitted_model_refuses(self) -> None:
        model, compiled = forest()
        program = replace(compiled.preprocessing, finite=False)
        broken = replace(compiled, preprocessing=program)
        lenient = Model(program, model.estimator, model.decision)
        with pytest.raises(PerennialError, match="rows differ"):
            prove(lenient, broken, trial(model, compiled))

    def test_double_precision_for_a_single_precision_model(self) -> None:
        model, compiled = forest()
        program = replace(compiled.preprocessing, dtype="float64")
        lenient = Model(program, model.estimator, model.decision)
        matrix = model.preprocessing.encode(columns(1))
        assert isinstance(compiled.engine, TreeliteEngine)
        points = compiled_split_points(compiled.engine.model, matrix.shape[1])
        sharp = at_split_points(matrix, points, "float64", seed=0)
        assert prove(model, compiled, sharp).breaches == 0
        with pytest.raises(PerennialError, match="rows differ"):
            prove(lenient, replace(compiled, preprocessing=program), sharp)

    def test_a_label_that_differs_within_the_tolerance(self) -> None:
        model, compiled = fitted()
        matrix = trial(model, compiled)
        score = float(compiled.scores(matrix)[0, 1])
        decision = Decision(CLASSES, round(score, 9))
        shift: dict[str, Any] = {"after": lambda scores: scores + np.array([5e-9, -5e-9])}
        broken = replace(compiled, engine=Answering(compiled.engine, **shift), decision=decision)
        decided = Model(model.preprocessing, model.estimator, decision)
        with pytest.raises(PerennialError, match="labels"):
            prove(decided, broken, matrix)

    @pytest.mark.parametrize(
        "other",
        [
            {"preprocessing": Preprocessing(TYPES, [Category("carrier", list("bacdef"))])},
            {"decision": Decision(CLASSES, 0.6)},
            {"decision": Decision(["yes", "no"], 0.5)},
        ],
    )
    def test_another_program_or_decision(self, other: dict[str, Any]) -> None:
        model, compiled = fitted()
        with pytest.raises(PerennialError, match="its preprocessing or its decision"):
            prove(model, replace(compiled, **other), trial(model, compiled))


def test_trees_are_really_changed_by_these_tests(tmp_path: Path) -> None:
    _, compiled = fitted()
    same = changed_trees(compiled.engine, tmp_path, "threshold", lambda values: values)
    assert isinstance(same.model, treelite.Model)
    matrix = compiled.preprocessing.encode(columns(1))
    assert same.scores(matrix).tobytes() == compiled.engine.scores(matrix).tobytes()
