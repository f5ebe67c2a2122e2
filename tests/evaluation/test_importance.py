"""What shuffling a column costs: nothing where it is not used, and each raw column as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perennial.evaluation.importance import permutation_importance

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(400, 4))
ORIGIN = ["strong", "weak", "unused", "weak"]
TARGET = 3 * MATRIX[:, 0] + MATRIX[:, 1] + MATRIX[:, 3]


def loss(matrix: NDArray[np.float64]) -> float:
    answers = 3 * matrix[:, 0] + matrix[:, 1] + matrix[:, 3]
    return float(np.mean((answers - TARGET) ** 2))


def same(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix


def importances(repeats: int = 3, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    result = permutation_importance(MATRIX, ORIGIN, same, loss, repeats=repeats, seed=seed)
    return {item.column: (item.low, item.mean, item.high) for item in result}


def test_the_most_important_comes_first_and_each_raw_column_once() -> None:
    assert list(importances()) == ["strong", "weak", "unused"]


def test_a_column_that_is_not_used_costs_exactly_nothing() -> None:
    assert importances()["unused"] == (0.0, 0.0, 0.0)


def test_the_cost_is_the_one_that_theory_gives() -> None:
    """Shuffling a column of variance 1 with coefficient b costs 2 b² of squared error."""
    result = importances(repeats=30)
    np.testing.assert_allclose(result["strong"][1], 18, rtol=0.2)
    np.testing.assert_allclose(result["weak"][1], 4, rtol=0.2)


def test_columns_of_one_raw_column_are_shuffled_by_one_order() -> None:
    twice = np.column_stack([MATRIX[:, 0], MATRIX[:, 0]])

    def differ(matrix: NDArray[np.float64]) -> float:
        return float(np.abs(matrix[:, 0] - matrix[:, 1]).max())

    (item,) = permutation_importance(twice, ["x", "x"], same, differ, repeats=2, seed=0)
    assert (item.low, item.high) == (0.0, 0.0)


def test_low_and_high_are_those_of_the_shuffles() -> None:
    for low, mean, high in importances().values():
        assert low <= mean <= high
    low, mean, high = importances(repeats=1)["strong"]
    assert low == mean == high


def test_only_the_seed_decides_and_the_matrix_stays() -> None:
    before = MATRIX.copy()
    assert importances() == importances()
    assert importances(seed=1) != importances()
    np.testing.assert_array_equal(MATRIX, before)


def test_a_row_is_answered_again_only_where_its_values_have_changed() -> None:
    matrix = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 2.0], [1.0, 3.0]])
    answered: list[int] = []

    def answer(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        answered.append(len(rows))
        return rows[:, 0]

    permutation_importance(matrix, ["constant", "other"], answer, np.sum, repeats=5, seed=0)
    whole, other = answered
    assert whole == 4
    assert 0 < other < 20
