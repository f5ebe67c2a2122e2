"""Every family is fitted, decided, compiled and proved; the same bytes come out each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from perennial.data.contract import Contract
from perennial.learning import pickling
from perennial.learning.deciding import fit_decision
from perennial.learning.fitting import Rows, fit
from perennial.learning.training import Trained, train_all
from perennial.model.preprocessing import Category, OneHot, TargetMean
from perennial.params.build import BuildParams
from perennial.runtime.errors import PerennialError
from perennial.stages.train import rows_of

ROOT = Path(__file__).parents[2]

FEATURES: dict[str, dict[str, Any]] = {
    "carrier": {"type": "category", "missing": 0.5},
    "x": {"type": "number", "missing": 0.5},
    "k": {"type": "integer", "missing": 0.5},
    "many": {"type": "category", "missing": 0.5},
    "flag": {"type": "boolean", "missing": 0.5},
    "when": {"type": "datetime", "missing": 0.5},
    "note": {"type": "text", "missing": 0.5},
    "last": {"type": "category"},
}
TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"type": "category", "categories": ["no", "yes"]},
    "multiclass": {"type": "category", "categories": ["low", "middle", "high"]},
    "regression": {"type": "number"},
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "HistGradientBoosting": ("sklearn.ensemble.HistGradientBoosting", {"max_iter": 5}),
    "RandomForest": ("sklearn.ensemble.RandomForest", {"n_estimators": 5}),
    "ExtraTrees": ("sklearn.ensemble.ExtraTrees", {"n_estimators": 5}),
    "GradientBoosting": ("sklearn.ensemble.GradientBoosting", {"n_estimators": 5}),
    "LGBM": ("lightgbm.LGBM", {"n_estimators": 5}),
    "XGB": ("xgboost.XGB", {"n_estimators": 5}),
}
#: What goes to an engine each; the type that skops needs somebody to confirm, too.
OTHERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "DecisionTree": ("sklearn.tree.DecisionTree", "treelite", {}),
    "MLP": ("sklearn.neural_network.MLP", "onnx", {"max_iter": 30, "tol": 1e3}),
    "KNeighbors": ("sklearn.neighbors.KNeighbors", "onnx", {}),
    "Dummy": ("sklearn.dummy.Dummy", "skops", {}),
    "ExtraTree": ("sklearn.tree.ExtraTree", "skops", {}),
}
#: An engine by name, which leaves out those that `auto` asks before.
ASKED = {"ExtraTree": {"engine": "skops", "trusted": ["sklearn.tree._tree.Tree"]}}
NATIVE = ("HistGradientBoosting", "LGBM", "XGB")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other where other tests run too."""
    with threadpool_limits(1):
        yield


def contract(task: str, order: list[str] | None = None) -> Contract:
    features = {name: FEATURES[name] for name in order or FEATURES}
    columns = {**features, "y": {**TARGETS[task], "role": "target"}}
    return Contract.model_validate({"version": 1, "name": "made", "columns": columns})


def table(task: str, rows: int, seed: int) -> pa.Table:
    """Rows of every type, a tenth of the values missing, with a target worth learning."""
    rng = np.random.default_rng(seed)

    def holed(values: Any, kind: Any) -> pa.Array:
        return pa.array(values, kind, mask=rng.random(rows) < 0.1)

    carrier, last = rng.choice(list("abcdefgh"), rows), rng.choice(["u", "v", "w"], rows)
    x, k = rng.normal(size=rows), rng.integers(-5, 50, rows)
    minutes = rng.integers(0, 80 * 365 * 24 * 60, rows) * np.timedelta64(60_000_000, "us")
    words = rng.choice(["red", "green", "blue", "warm", "cold"], (rows, 3))
    notes = np.array([" ".join(row) for row in words], dtype=object)
    score = x + (carrier > "d") * (k > 20) + (words == "red").any(axis=1) + (last == "u")
    score = score + rng.normal(size=rows) / 2
    target = {
        "binary": np.where(score > 1.2, "yes", "no"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(score, [0.3, 1.8])],
        "regression": np.exp(score / 2),
    }[task]
    return pa.table(
        {
            "carrier": holed(carrier.astype(object), pa.string()),
            "x": holed(x, pa.float64()),
            "k": holed(k, pa.int64()),
            "many": holed([f"m{i}" for i in rng.integers(0, 40, rows)], pa.string()),
            "flag": holed(rng.random(rows) < 0.5, pa.bool_()),
            "when": holed(np.datetime64("1965-01-01", "us") + minutes, pa.timestamp("us")),
            "note": holed(notes, pa.string()),
            "last": pa.array(last.astype(object), pa.string()),
            "y": target,
        }
    )


def params(task: str, name: str = "HistGradientBoosting", **fields: Any) -> BuildParams:
    path, own = FAMILIES[name] if name in FAMILIES else OTHERS[name][::2]
    kind = "Regressor" if task == "regression" else "Classifier"
    section = {
        "estimator": path + kind,
        "adversarial_rows": 400,
        **fields,
        "params": {**({} if "estimator" in fields else own), **fields.get("params", {})},
    }
    split = fields.pop("split", {"method": "random"})
    section.pop("split", None)
    return BuildParams.model_validate({"prepare": {"split": split}, "train": section})


def trained(
    task: str,
    name: str = "HistGradientBoosting",
    *,
    threads: int = 1,
    order: list[str] | None = None,
    **fields: Any,
) -> Trained:
    made = contract(task, order)
    sides = [rows_of(table(task, rows, seed), made) for rows, seed in ((200, 0), (120, 1))]
    return train_all(*sides, made, params(task, name, **fields), threads=threads)


def digests(result: Trained, folder: Path) -> dict[str, str]:
    """What the stage writes, file by file."""
    pickling.dump(result.model, folder / "model.joblib")
    for name, model in (("compiled", result.compiled), ("baseline", result.linear)):
        (folder / name).mkdir(exist_ok=True)
        model.save(folder / name)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def proved(result: Trained) -> None:
    parity = result.parity
    assert (parity.breaches, parity.labels) == (0, 0)
    assert parity.largest <= 1e-6
    # All validation rows, and the adversarial ones; most of them answered.
    assert parity.rows == 120 + 400
    assert parity.refused < 200


class TestFamilies:
    @pytest.mark.parametrize("task", TARGETS)
    @pytest.mark.parametrize("name", FAMILIES)
    def test_proved_and_the_same_with_any_number_of_threads(
        self, name: str, task: str, tmp_path: Path
    ) -> None:
        results = []
        for threads in (1, 2, 4):
            result = trained(task, name, threads=threads)
            proved(result)
            results.append(digests(result, tmp_path))
        assert results[0] == results[1] == results[2]
        assert set(results[0]) == {
            "model.joblib",
            "compiled/model.tl",
            "compiled/program.json",
            "baseline/linear.json",
            "baseline/program.json",
        }

    @pytest.mark.parametrize("task", TARGETS)
    @pytest.mark.parametrize("name", OTHERS)
    def test_other_engines_alike(self, name: str, task: str, tmp_path: Path) -> None:
        engine = OTHERS[name][1]
        results = []
        for threads in (1, 2, 4):
            result = trained(task, name, threads=threads, **ASKED.get(name, {}))
            proved(result)
            results.append(digests(result, tmp_path))
        assert results[0] == results[1] == results[2]
        assert result.compiled.engine_name == engine
        standard = result.compiled.preprocessing.standard
        assert (standard is not None) == (name in {"MLP", "KNeighbors", "Dummy"})

    @pytest.mark.parametrize("name", NATIVE)
    @pytest.mark.parametrize(
        "order",
        [
            ["carrier", "many", "last", "x", "k", "flag"],
            ["x", "k", "flag", "carrier", "many", "last"],
            ["carrier", "x", "many", "k", "last", "flag"],
            ["carrier", "many", "last"],
            ["x", "k"],
        ],
    )
    def test_native_categories_wherever_they_stand(self, name: str, order: list[str]) -> None:
        result = trained("binary", name, order=order)
        proved(result)
        assert result.compiled.preprocessing.origin == order
        kinds = {
            type(step) for step in result.compiled.preprocessing.steps if step.column in {"carrier"}
        }
        assert kinds <= {Category}

    @pytest.mark.parametrize("name", FAMILIES)
    @pytest.mark.parametrize("categories", ["onehot", "target"])
    def test_other_encodings(self, name: str, categories: str) -> None:
        result = trained("multiclass", name, order=["x", "carrier", "last"], categories=categories)
        proved(result)
        kind = {"onehot": OneHot, "target": TargetMean}[categories]
        assert [type(step) for step in result.compiled.preprocessing.steps][1:] == [kind, kind]

    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    @pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
    @pytest.mark.parametrize("name", ["HistGradientBoosting", "RandomForest", "LGBM", "XGB"])
    def test_calibrated(self, name: str, calibration: str, task: str) -> None:
        result = trained(task, name, order=["x", "carrier", "k"], calibration=calibration)
        proved(result)
        curves = result.compiled.decision.calibration
        assert len(curves) == (1 if task == "binary" else 3)
        assert {type(curve).__name__.lower() for curve in curves} == {calibration}

    @pytest.mark.parametrize(
        ("name", "task", "own"),
        [
            ("HistGradientBoosting", "regression", {"loss": "poisson"}),
            ("HistGradientBoosting", "regression", {"loss": "gamma"}),
            ("HistGradientBoosting", "binary", {"class_weight": "balanced"}),
            ("LGBM", "regression", {"objective": "gamma"}),
            ("LGBM", "regression", {"objective": "poisson"}),
            ("LGBM", "multiclass", {"class_weight": "balanced"}),
            ("XGB", "regression", {"objective": "reg:gamma"}),
            ("XGB", "regression", {"objective": "count:poisson", "n_estimators": 200}),
            ("RandomForest", "multiclass", {"class_weight": "balanced"}),
        ],
    )
    def test_other_losses_and_weights(self, name: str, task: str, own: dict[str, Any]) -> None:
        proved(trained(task, name, params=own))


class TestDecided:
    def test_the_threshold_is_validations_best(self) -> None:
        result = trained("binary", calibration="sigmoid")
        validation = rows_of(table("binary", 120, 1), contract("binary"))
        positive = result.compiled.answers(validation.columns)[:, 1]

        def f1(threshold: float) -> float:
            hits = np.sum((positive >= threshold) & (validation.target == 1))
            return float(2 * hits / (np.sum(positive >= threshold) + validation.target.sum()))

        threshold = result.compiled.decision.threshold
        assert threshold is not None
        assert f1(threshold) == max(f1(score) for score in positive)
        assert result.linear.decision.threshold not in {None, threshold}

    @pytest.mark.parametrize("task", ["multiclass", "regression"])
    def test_no_threshold_for_other_tasks(self, task: str) -> None:
        assert trained(task).compiled.decision.threshold is None

    def test_validation_changes_nothing_but_the_decision(self) -> None:
        made, given = contract("binary"), params("binary", calibration="sigmoid")
        rows = rows_of(table("binary", 200, 0), made)
        model = fit(rows, made, given, 1)[0]
        trains = [
            train_all(rows, rows_of(table("binary", 100, seed), made), made, given, threads=1)
            for seed in (1, 2)
        ]
        assert trains[0].model.preprocessing == trains[1].model.preprocessing
        assert trains[0].model.decision != trains[1].model.decision
        matrix = model.preprocessing.encode(rows.columns)
        for trained_ in trains:
            np.testing.assert_array_equal(trained_.model.scores(matrix), model.scores(matrix))

    def test_without_validation_nothing_may_be_chosen_on_it(self) -> None:
        made, given = contract("binary"), params("binary", threshold={"method": "fixed"})
        rows = rows_of(table("binary", 200, 0), made)
        none = rows_of(table("binary", 100, 1).slice(0, 0), made)
        done = train_all(rows, none, made, given, threads=1)
        assert done.compiled.decision.threshold == 0.5
        assert done.parity.breaches == 0
        assert done.parity.rows >= 200
        assert done.crossfit is None
        fitted = params("binary", calibration="sigmoid")
        with pytest.raises(PerennialError, match=r"train\.calibration and train\.threshold"):
            train_all(rows, none, made, fitted, threads=1)

    def test_folds_of_validation_have_decisions_of_the_others(self) -> None:
        made, given = contract("binary"), params("binary", calibration="sigmoid")
        rows, validation = (rows_of(table("binary", 200, seed), made) for seed in (0, 1))
        done = train_all(rows, validation, made, given, threads=1)
        assert done.crossfit is not None
        matrix = done.linear.preprocessing.encode(validation.columns)
        scores = {
            "model": done.model.scores(done.model.preprocessing.encode(validation.columns)),
            "linear": done.linear.scores(matrix),
        }
        for name, decisions in done.crossfit.decisions.items():
            for fold, decision in enumerate(decisions):
                others = done.crossfit.folds != fold
                assert decision == fit_decision(
                    done.model.decision, scores[name][others], validation.target[others],
                    given.train,
                )  # fmt: skip


class TestSearch:
    SPACE = {"max_iter": [1, 8], "learning_rate": [0.1, 1]}

    def test_the_best_parameters_are_used(self) -> None:
        search = {"space": self.SPACE, "folds": 2}
        result = trained("binary", search=search)
        best = max(result.trials, key=lambda trial: trial.score)
        assert len(result.trials) == 4
        used = result.model.estimator.get_params()
        assert {name: used[name] for name in best.params} == best.params
        directly = trained("binary", params=best.params)
        matrix = directly.model.preprocessing.encode(
            rows_of(table("binary", 50, 5), contract("binary")).columns
        )
        np.testing.assert_array_equal(directly.model.scores(matrix), result.model.scores(matrix))
        proved(result)

    def test_threads_change_nothing(self, tmp_path: Path) -> None:
        search = {"space": self.SPACE, "folds": 2, "method": "random", "iterations": 2}
        results = []
        for threads in (1, 2):
            result = trained("binary", "HistGradientBoosting", threads=threads, search=search)
            results.append((result.trials, digests(result, tmp_path)))
        assert results[0] == results[1]

    def test_what_the_search_chooses_must_have_an_engine(self) -> None:
        search = {"space": {"zero_as_missing": [True]}, "folds": 2}
        with pytest.raises(PerennialError, match="treelite: it does not take zero_as_missing=True"):
            trained("binary", "LGBM", search=search)


class TestRefused:
    def refused(self, change: Callable[[Rows], Rows] = lambda rows: rows, **fields: Any) -> Any:
        made = contract("binary")
        rows = rows_of(table("binary", 100, 0), made)
        with pytest.raises(PerennialError) as caught:
            train_all(change(rows), rows, made, params("binary", **fields), threads=1)
        assert caught.value.hint
        return caught.value

    @pytest.mark.parametrize("name", ["HistGradientBoosting", "RandomForest", "LGBM", "XGB"])
    def test_a_value_that_the_estimator_refuses(self, name: str) -> None:
        own = {
            "HistGradientBoosting": {"learning_rate": -1.0},
            "RandomForest": {"criterion": "guess"},
            "LGBM": {"num_leaves": -3},
            "XGB": {"max_depth": -3},
        }[name]
        error = self.refused(name=name, params=own)
        assert error.where == "params.yaml: train.params"
        assert "refuses to be fitted" in error.what
        assert next(iter(own)) in error.what
        assert "\n" not in error.what

    def test_a_column_that_the_estimator_refuses(self) -> None:
        def overflowing(rows: Rows) -> Rows:
            return replace(rows, columns={**rows.columns, "x": np.full(100, 1e300)})

        with np.errstate(over="ignore", invalid="ignore"):
            error = self.refused(overflowing, name="RandomForest")
        assert "RandomForestClassifier refuses to be fitted" in error.what

    def test_margins_without_calibration(self) -> None:
        section = {"estimator": "sklearn.svm.LinearSVC"}
        with pytest.raises(PerennialError, match="LinearSVC has margins, and no prob") as caught:
            trained("binary", **section)
        assert caught.value.where == "params.yaml: train.calibration"
        result = trained("binary", **section, calibration="sigmoid")
        proved(result)
        assert result.compiled.options == {"method": "decision_function"}

    @pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
    def test_a_model_that_does_not_answer_every_row(self, kind: str) -> None:
        task = "binary" if kind == "Classifier" else "regression"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(
                PerennialError, match="does not answer the validation rows"
            ) as caught:
                trained(task, estimator=f"sklearn.neighbors.RadiusNeighbors{kind}", params={})
        assert caught.value.where == "params.yaml: train.params"

    def test_a_model_that_answers_with_no_number(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(PerennialError, match="the fitted model itself answers"):
                trained("binary", estimator="sklearn.semi_supervised.LabelPropagation")

    def test_a_lack_of_engine_is_reported_before_anything_is_fitted(self) -> None:
        def untouchable(rows: Rows) -> Rows:
            return replace(rows, columns={})

        error = self.refused(untouchable, name="LGBM", params={"linear_tree": True})
        assert "LGBMClassifier has no engine" in error.what
        assert error.hint == "leave linear_tree at its default"


SCRIPT = """
import json, sys, tempfile
from pathlib import Path
import importlib.util
specification = importlib.util.spec_from_file_location("trained", sys.argv[1])
tests = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tests)
results = {}
for name in (*tests.FAMILIES, *tests.OTHERS):
    with tempfile.TemporaryDirectory() as folder:
        result = tests.trained("binary", name, threads=2, **tests.ASKED.get(name, {}))
        results[name] = tests.digests(result, Path(folder))
print(json.dumps(results))
"""


def test_another_process_with_other_hashes_and_threads_writes_the_same(tmp_path: Path) -> None:
    here = {}
    for name in (*FAMILIES, *OTHERS):
        (tmp_path / name).mkdir()
        here[name] = digests(trained("binary", name, **ASKED.get(name, {})), tmp_path / name)
    elsewhere = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "4", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, __file__],
        env={**os.environ, **elsewhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == here
