"""Compile fitted estimators to what an engine runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

from perennial.contract import Task
from perennial.engines.linear import LinearEngine
from perennial.engines.treelite import TreeliteEngine
from perennial.errors import PerennialError
from perennial.estimators import KEY, family, reason, settings

Array = NDArray[Any]

#: Families whose trees treelite takes.
TREES = (
    ("sklearn", "HistGradientBoosting"),
    ("sklearn", "RandomForest"),
    ("sklearn", "ExtraTrees"),
    ("sklearn", "GradientBoosting"),
    ("lightgbm", "LGBM"),
    ("xgboost", "XGB"),
)

#: Significant digits of a linear model's coefficients. A BLAS rounds the last digits differently
#: from processor to processor; these are the same on all of them.
DIGITS = 6

_LINKS = {
    "identity": "identity",
    "identity_multiclass": "probability",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "exponential": "exponential",
}


_MEND = (
    "take scikit-learn's HistGradientBoosting, RandomForest, ExtraTrees or GradientBoosting, "
    "LightGBM's LGBM or XGBoost's XGB models"
)

#: Settings of which treelite's importers do not know, or whose output no engine has, by library:
#: each with the test of a value that can be served.
_SERVED: dict[str, dict[str, Callable[[Any], bool]]] = {
    "sklearn": {"loss": lambda value: value != "exponential"},
    "lightgbm": {
        "linear_tree": lambda value: not value,
        "objective": lambda value: value not in {"multiclassova", "multiclass_ova", "ova", "ovr"},
        "reg_sqrt": lambda value: not value,
        "sigmoid": lambda value: value == 1,
        "zero_as_missing": lambda value: not value,
    },
    "xgboost": {
        "booster": lambda value: value in {None, "gbtree", "dart"},
        "missing": lambda value: value != value,  # noqa: PLR0124  NaN
        "objective": lambda value: value != "binary:hinge",
    },
}

#: What LightGBM takes for zero: its own constant, a float32.
_LIGHTGBM_ZERO = float(np.float32(1e-35))


def refuse_without_engine(estimator: Any) -> None:
    """Refuse an estimator that could be fitted, but not served.

    Parameters
    ----------
    estimator : object
        Not fitted.

    Raises
    ------
    PerennialError
        If no engine runs its family, or one of its settings.
    """
    if family(estimator) not in TREES:
        raise _no_engine(estimator, "no engine takes its kind")
    served = _SERVED.get(family(estimator)[0], {})
    for name, value in settings(estimator).items():
        if name in served and not served[name](value):
            raise _no_engine(
                estimator, f"no engine takes {name}={value!r}", mend=f"leave {name} at its default"
            )


def compile_trees(
    estimator: Any, task: Task, threads: int
) -> tuple[TreeliteEngine, dict[str, Any]]:
    """Compile fitted trees for treelite.

    Parameters
    ----------
    estimator : object
        A fitted estimator of a family in `TREES`.
    task : str
        What it was fitted for.
    threads : int
        Threads that the engine may use.

    Returns
    -------
    engine : TreeliteEngine
        What runs them.
    options : dict
        What `perennial.compiled` needs to load it again.

    Raises
    ------
    PerennialError
        If no engine takes the estimator as it was fitted; the message says why.
    """
    try:
        model = _imported(estimator)
    except (treelite.TreeliteError, ValueError, NotImplementedError, KeyError) as error:
        raise _no_engine(estimator, f"treelite refuses it: {reason(error)}") from None
    post = model.get_header_accessor().get_field("postprocessor")
    link = _LINKS.get(str(post))
    if link is None:
        raise _no_engine(estimator, f"its output is of a kind ({post}) that no engine has")
    if link == "identity" and task != "regression":
        link = "probability"
    return TreeliteEngine(model, link, threads), {"link": link}


def _imported(estimator: Any) -> treelite.Model:
    library, _ = family(estimator)
    if library == "lightgbm":
        return _without_tiny(treelite.frontend.from_lightgbm(estimator.booster_))
    if library == "xgboost":
        return _from_base_score(treelite.frontend.from_xgboost(estimator.get_booster()))
    with warnings.catch_warnings():
        # Its importer casts the NaN among a column's categories to an integer; missing values are
        # routed apart, and parity is proved on them.
        warnings.filterwarnings("ignore", "invalid value encountered in cast", RuntimeWarning)
        return treelite.sklearn.import_model(estimator)


def _without_tiny(model: treelite.Model) -> treelite.Model:
    # LightGBM reads a value of up to 1e-35 on either side as zero. One of its thresholds says so,
    # except for the value that lies on it.
    for tree in _trees(model):
        threshold = tree.get_field("threshold")
        if (threshold == -_LIGHTGBM_ZERO).any():
            below = np.nextafter(-_LIGHTGBM_ZERO, -np.inf)
            tree.set_field("threshold", np.where(threshold == -_LIGHTGBM_ZERO, below, threshold))
    return model


def _from_base_score(model: treelite.Model) -> treelite.Model:
    # XGBoost adds the trees to the base score, in float32; treelite adds the base score to their
    # sum, which rounds otherwise. In each class's first tree, the base score comes first again.
    header = model.get_header_accessor()
    base, classes, shape = (
        np.asarray(header.get_field(name))
        for name in ("base_scores", "class_id", "leaf_vector_shape")
    )
    if np.prod(shape) > 1 or not np.isin(np.arange(len(base)), classes).all():
        return model
    trees = list(_trees(model))
    for place, score in enumerate(base.astype(np.float32)):
        first = trees[int(np.argmax(classes == place))]
        leaf, is_leaf = first.get_field("leaf_value"), first.get_field("node_type") == 0
        first.set_field("leaf_value", np.where(is_leaf, leaf + score, leaf))
    header.set_field("base_scores", np.zeros_like(base))
    return model


def _trees(model: treelite.Model) -> Iterator[Any]:
    for number in range(model.num_tree):
        yield model.get_tree_accessor(number)


def _no_engine(estimator: Any, why: str, mend: str = _MEND) -> PerennialError:
    return PerennialError(
        f"{type(estimator).__name__} has no engine yet, so it cannot be exported: {why}",
        where=KEY,
        mend=mend,
    )


def compile_linear(estimator: Any, task: Task) -> tuple[LinearEngine, dict[str, Any]]:
    """Compile a fitted `LogisticRegression` or `Ridge`.

    Parameters
    ----------
    estimator : object
        The fitted model.
    task : str
        What it was fitted for.

    Returns
    -------
    engine : LinearEngine
        What runs it, its coefficients rounded to `DIGITS` significant digits.
    options : dict
        What `perennial.compiled` needs to load it again.
    """
    coefficients = significant(np.atleast_2d(estimator.coef_))
    intercept = significant(np.atleast_1d(estimator.intercept_))
    link = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}[task]
    return LinearEngine(coefficients, intercept, link), {"link": link}


def significant(values: Array, digits: int = DIGITS) -> Array:
    """Round to significant digits. Takes and returns any shape."""
    flat = [float(f"{value:.{digits}g}") for value in np.ravel(values)]
    return np.array(flat).reshape(np.shape(values))


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
    for tree in _trees(model):
        is_numerical = tree.get_field("node_type") == 1
        places.append(tree.get_field("split_index")[is_numerical])
        thresholds.append(tree.get_field("threshold")[is_numerical])
    place, threshold = np.concatenate(places), np.concatenate(thresholds).astype(np.float64)
    place, threshold = place[np.isfinite(threshold)], threshold[np.isfinite(threshold)]
    return [np.unique(threshold[place == feature]) for feature in range(features)]
