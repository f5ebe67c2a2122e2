"""Plot data agree with scikit-learn, point for point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as oracle

from perennial.evaluation import curves
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import MetricError, evaluate

ROWS = 1000


def sample(ties: bool) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.Generator(np.random.PCG64(8))
    probability = generator.random(ROWS)
    if ties:
        probability = np.round(probability, 1)
    return generator.random(ROWS) < probability, probability


def three_classes() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.Generator(np.random.PCG64(8))
    table = generator.random((ROWS, 3)) + 0.01
    return generator.integers(0, 3, ROWS), table / table.sum(axis=1, keepdims=True)


BINARY: list[Callable[..., curves.Columns]] = [
    curves.roc,
    curves.precision_recall,
    curves.calibration,
    curves.score_histogram,
]
REGRESSION = [curves.regression_calibration, curves.residual_histogram]


def every_curve() -> list[curves.Columns]:
    target, probability = sample(ties=False)
    codes, table = three_classes()
    return [
        *(curve(target, probability) for curve in BINARY),
        *(curve(probability * 3, probability) for curve in REGRESSION),
        curves.confusion(target, probability, 0.5),
        curves.multiclass_roc(codes, table),
        curves.multiclass_calibration(codes, table),
        curves.multiclass_confusion(codes, table),
    ]


def test_every_curve_is_finite_columns_of_one_length() -> None:
    for columns in every_curve():
        assert len({column.shape for column in columns.values()}) == 1
        for column in columns.values():
            assert column.ndim == 1
            assert np.isfinite(column).all()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("points", [200, 5000])
def test_roc_is_scikit_learns(ties: bool, points: int) -> None:
    target, probability = sample(ties)
    ours = curves.roc(target, probability, points=points)
    false, true, thresholds = oracle.roc_curve(target, probability, drop_intermediate=False)
    at = kept(ours["threshold"], thresholds)
    assert ours["false_positive_rate"] == pytest.approx(false[at], abs=1e-15)
    assert ours["true_positive_rate"] == pytest.approx(true[at], abs=1e-15)
    if points > ROWS:
        assert len(ours["threshold"]) == len(thresholds)


def kept(ours: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Where our thresholds stand among all: each must be there, and the ends kept."""
    all_of_them = np.append(curves.ABOVE_ALL, thresholds[1:])
    at = np.flatnonzero(np.isin(all_of_them, ours))
    assert all_of_them[at].tolist() == ours.tolist()
    assert (at[0], at[-1]) == (0, len(all_of_them) - 1)
    return at


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("points", [200, 5000])
def test_precision_and_recall_are_scikit_learns(ties: bool, points: int) -> None:
    target, probability = sample(ties)
    ours = curves.precision_recall(target, probability, points=points)
    # Scikit-learn's run the other way, from the lowest threshold up.
    precision, recall, thresholds = oracle.precision_recall_curve(target, probability)
    at = kept(ours["threshold"], np.append(np.inf, thresholds[::-1]))
    assert ours["precision"] == pytest.approx(precision[::-1][at], abs=1e-15)
    assert ours["recall"] == pytest.approx(recall[::-1][at], abs=1e-15)


def test_each_point_is_what_its_threshold_decides() -> None:
    target, probability = sample(ties=True)
    curve = curves.roc(target, probability)
    for i, threshold in enumerate(curve["threshold"]):
        predicted = probability >= threshold
        assert curve["true_positive_rate"][i] == pytest.approx(predicted[target].mean())
        assert curve["false_positive_rate"][i] == pytest.approx(predicted[~target].mean())


def test_calibration_is_counted_bin_by_bin_and_adds_up_to_the_calibration_error() -> None:
    target, probability = sample(ties=False)
    curve = curves.calibration(target, probability)
    rows = np.array_split(np.argsort(probability), 10)
    assert curve["rows"].tolist() == [100] * 10
    assert curve["predicted"] == pytest.approx([probability[r].mean() for r in rows])
    assert curve["observed"] == pytest.approx([target[r].mean() for r in rows])
    # The variance of each bin's mean residual is what chance adds.
    noise = [(target - probability)[r].var(ddof=1) / len(r) for r in rows]
    squares = (curve["observed"] - curve["predicted"]) ** 2 - noise
    scores = BinaryScores(target, probability, 0.5)
    assert evaluate(scores)["calibration_error"] == pytest.approx(np.sqrt(squares.mean()))


def test_equal_probabilities_are_calibrated_in_one_bin() -> None:
    curve = curves.calibration([True, False, True, False], [0.5] * 4)
    assert {name: column.tolist() for name, column in curve.items()} == {
        "predicted": [0.5],
        "observed": [0.5],
        "rows": [4],
    }


def test_confusion_is_scikit_learns_with_the_threshold_itself_positive() -> None:
    target, probability = sample(ties=True)
    ours = curves.confusion(target, probability, 0.5)
    theirs = oracle.confusion_matrix(target, probability >= 0.5)
    assert ours["rows"].tolist() == theirs.ravel().tolist()
    assert ours["actual"].tolist() == [0, 0, 1, 1]
    assert ours["predicted"].tolist() == [0, 1, 0, 1]


def test_the_score_histogram_counts_each_row_once_and_holds_both_ends() -> None:
    ours = curves.score_histogram([True, False, True, False], [0.0, 0.1, 1.0, 0.19], bins=10)
    assert ours["low"].tolist() == [i / 10 for i in range(10)]
    assert ours["high"].tolist() == [i / 10 for i in range(1, 11)]
    assert ours["positives"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert ours["negatives"].tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("stacked", "single"),
    [
        (curves.multiclass_roc, curves.roc),
        (curves.multiclass_precision_recall, curves.precision_recall),
        (curves.multiclass_calibration, curves.calibration),
    ],
)
def test_each_class_has_the_curve_of_that_class_against_the_rest(
    stacked: Callable[..., curves.Columns], single: Callable[..., curves.Columns]
) -> None:
    codes, table = three_classes()
    ours = stacked(codes, table)
    assert set(ours["class"]) == {0, 1, 2}
    for code in range(3):
        alone = single(codes == code, table[:, code])
        assert list(ours) == ["class", *alone]
        for name, column in alone.items():
            assert np.array_equal(ours[name][ours["class"] == code], column)


def test_multiclass_confusion_is_scikit_learns() -> None:
    codes, table = three_classes()
    ours = curves.multiclass_confusion(codes, table)
    theirs = oracle.confusion_matrix(codes, table.argmax(axis=1))
    assert ours["rows"].reshape(3, 3).tolist() == theirs.tolist()
    assert ours["actual"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert ours["predicted"].tolist() == [0, 1, 2] * 3


def test_a_class_without_rows_or_predictions_still_has_its_cells() -> None:
    ours = curves.multiclass_confusion([0, 1], [[0.8, 0.2, 0.0], [0.1, 0.9, 0.0]])
    assert ours["rows"].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 0]


def test_regression_calibration_is_counted_bin_by_bin() -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    prediction = generator.normal(size=ROWS)
    target = prediction + generator.normal(size=ROWS)
    ours = curves.regression_calibration(target, prediction, bins=5)
    rows = np.array_split(np.argsort(prediction), 5)
    assert ours["rows"].tolist() == [200] * 5
    assert ours["predicted"] == pytest.approx([prediction[r].mean() for r in rows])
    assert ours["actual"] == pytest.approx([target[r].mean() for r in rows])
    assert ours["actual_low"] == pytest.approx([np.quantile(target[r], 0.1) for r in rows])
    assert ours["actual_high"] == pytest.approx([np.quantile(target[r], 0.9) for r in rows])


def test_residuals_are_prediction_less_target() -> None:
    ours = curves.residual_histogram([0.0, 0.0, 0.0], [0.0, 4.0, 3.9], bins=4)
    assert ours["low"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert ours["high"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert ours["rows"].tolist() == [1, 0, 0, 2]


def test_residuals_that_are_all_zero_have_a_histogram() -> None:
    assert curves.residual_histogram([1.0, 2.0], [1.0, 2.0], bins=3)["rows"].sum() == 2


@pytest.mark.parametrize("rows", [1, 2, 3, 199, 200, 201, 1000])
def test_thinning_keeps_the_ends_and_no_more_points_than_wanted(rows: int) -> None:
    kept_rows = curves.thinned({"x": np.arange(rows)}, 200)["x"]
    assert len(kept_rows) == min(rows, 200)
    assert (kept_rows[0], kept_rows[-1]) == (0, rows - 1)
    gaps = np.diff(kept_rows)
    assert rows == 1 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("curve", BINARY)
def test_the_order_of_rows_does_not_matter(curve: Callable[..., curves.Columns]) -> None:
    target, probability = sample(ties=True)
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(ROWS)
    moved = curve(target[shuffled], probability[shuffled])
    for name, column in curve(target, probability).items():
        assert moved[name] == pytest.approx(column, rel=1e-12)


@pytest.mark.parametrize(
    ("curve", "target"),
    [
        (curves.roc, [True, True]),
        (curves.roc, [False, False]),
        (curves.precision_recall, [False, False]),
    ],
)
def test_a_curve_that_one_class_does_not_have_is_an_error(
    curve: Callable[..., curves.Columns], target: list[bool]
) -> None:
    with pytest.raises(MetricError, match=f"{curve.__name__}: it needs positives"):
        curve(target, [0.1, 0.9])


def test_a_class_that_does_not_occur_has_no_curve_and_the_others_have_theirs() -> None:
    ours = curves.multiclass_roc([0, 1], [[0.8, 0.2, 0.0], [0.1, 0.9, 0.0]])
    assert set(ours["class"]) == {0, 1}
    assert curves.multiclass_roc([0, 0], [[0.8, 0.2, 0.0], [0.1, 0.9, 0.0]]) == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t, p: curves.roc(t, p, points=1), "points: must be at least 2, got 1"),
        (lambda t, p: curves.calibration(t, p, bins=0), "bins: must be at least 1"),
        (lambda t, p: curves.score_histogram(t, p, bins=0), "bins: must be at least 1"),
        (lambda t, p: curves.residual_histogram(p, p, bins=0), "bins: must be at least 1"),
        (lambda t, p: curves.regression_calibration(p, p, bins=0), "bins: must be at least 1"),
        (lambda t, p: curves.confusion(t, p, 1.5), "threshold: must be between"),
        (lambda t, p: curves.roc(t, p + 1), "probability: row 0 holds"),
        (lambda t, p: curves.roc(t[:-1], p), "probability: has 1000 rows where 999"),
        (lambda t, p: curves.residual_histogram(p[:-1], p), "prediction: has 1000 rows"),
        (lambda t, p: curves.multiclass_confusion([5], [[0.5, 0.5]]), "target: row 0 holds"),
    ],
)
def test_inputs_are_checked(call: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(*sample(ties=False))
