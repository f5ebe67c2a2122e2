"""Thresholds of a model's splits: the values on and beside which parity is proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

Array = NDArray[Any]


def compiled_split_points(model: treelite.Model, features: int) -> list[Array]:
    """Distinct finite thresholds of a forest's numerical splits, ascending, for each column.

    The infinite ones separate missing values from all others.
    """
    return _by_column(_numerical_splits(model), features)


def _numerical_splits(model: treelite.Model) -> Iterator[tuple[Array, Array]]:
    for tree in trees_of(model):
        is_numerical = tree.get_field("node_type") == 1
        yield tree.get_field("split_index")[is_numerical], tree.get_field("threshold")[is_numerical]


def trees_of(model: treelite.Model) -> Iterator[Any]:
    """Give an accessor for each tree."""
    for number in range(model.num_tree):
        yield model.get_tree_accessor(number)


def fitted_split_points(estimator: Any, features: int) -> list[Array]:
    """As `compiled_split_points`, of the trees, if any, in a fitted scikit-learn estimator."""
    return _by_column(splits_of(estimator), features)


def splits_of(estimator: Any) -> Iterator[tuple[Array, Array]]:
    """Give column and threshold of each numerical split, tree by tree."""
    if hasattr(estimator, "tree_"):
        tree = estimator.tree_
        is_split = tree.children_left >= 0
        yield tree.feature[is_split], tree.threshold[is_split]
    for predictor in _flat(getattr(estimator, "_predictors", [])):
        nodes = predictor.nodes[(predictor.nodes["is_leaf"] == 0)]
        nodes = nodes[nodes["is_categorical"] == 0]
        yield nodes["feature_idx"], nodes["num_threshold"]
    for name in ("estimators_", "estimator_"):
        for part in _flat(getattr(estimator, name, [])):
            yield from splits_of(part)


def _flat(parts: Any) -> Iterator[Any]:
    if isinstance(parts, list | np.ndarray):
        for part in parts:
            yield from _flat(part)
    else:
        yield parts


def _by_column(splits: Iterable[tuple[Array, Array]], features: int) -> list[Array]:
    columns, thresholds = [np.empty(0, np.int32)], [np.empty(0)]
    for column, threshold in splits:
        columns.append(column)
        thresholds.append(threshold)
    column, threshold = np.concatenate(columns), np.concatenate(thresholds).astype(np.float64)
    column, threshold = column[np.isfinite(threshold)], threshold[np.isfinite(threshold)]
    return [np.unique(threshold[column == feature]) for feature in range(features)]
