"""Where a model's splits lie: the values on which, and beside which, it must be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

Array = NDArray[Any]


def split_points(model: treelite.Model, features: int) -> list[Array]:
    """Collect the thresholds of a forest's numerical splits.

    Parameters
    ----------
    model : treelite.Model
        The trees.
    features : int
        Columns of the matrix.

    Returns
    -------
    list of numpy.ndarray
        Distinct thresholds of each column, ascending; without the infinite ones, which part
        missing values from all others.
    """
    places, thresholds = [np.empty(0, np.int32)], [np.empty(0)]
    for tree in trees_of(model):
        is_numerical = tree.get_field("node_type") == 1
        places.append(tree.get_field("split_index")[is_numerical])
        thresholds.append(tree.get_field("threshold")[is_numerical])
    return _by_column(np.concatenate(places), np.concatenate(thresholds), features)


def trees_of(model: treelite.Model) -> Iterator[Any]:
    """Give an accessor for each tree."""
    for number in range(model.num_tree):
        yield model.get_tree_accessor(number)


def fitted_split_points(estimator: Any, features: int) -> list[Array]:
    """Collect the thresholds of the trees that a fitted scikit-learn estimator holds, if any.

    Parameters
    ----------
    estimator : object
        A tree, an ensemble, or anything else, which has none.
    features : int
        Columns of the matrix.

    Returns
    -------
    list of numpy.ndarray
        As `split_points`.
    """
    places, thresholds = [np.empty(0, np.int32)], [np.empty(0)]
    for place, threshold in splits_of(estimator):
        places.append(place)
        thresholds.append(threshold)
    return _by_column(np.concatenate(places), np.concatenate(thresholds), features)


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


def _by_column(place: Array, threshold: Array, features: int) -> list[Array]:
    threshold = threshold.astype(np.float64)
    place, threshold = place[np.isfinite(threshold)], threshold[np.isfinite(threshold)]
    return [np.unique(threshold[place == feature]) for feature in range(features)]
