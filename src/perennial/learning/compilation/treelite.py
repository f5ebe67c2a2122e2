"""Compile fitted trees for treelite."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import BaseDecisionTree

from perennial.data.contract import Task
from perennial.learning.compilation.refusal import Refusal
from perennial.learning.compilation.thresholds import compiled_split_points, trees_of
from perennial.learning.estimators import family, reason
from perennial.learning.parameters import settings
from perennial.model.engines.treelite import TreeliteEngine

Array = NDArray[Any]

#: Families whose trees treelite takes.
TREES = (
    ("sklearn", "HistGradientBoosting"),
    ("sklearn", "RandomForest"),
    ("sklearn", "ExtraTrees"),
    ("sklearn", "GradientBoosting"),
    ("sklearn", "DecisionTree"),
    ("sklearn", "ExtraTree"),
    ("sklearn", "Bagging"),
    ("sklearn", "AdaBoost"),
    ("lightgbm", "LGBM"),
    ("xgboost", "XGB"),
)

_LINKS = {
    "identity": "identity",
    "identity_multiclass": "probability",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "exponential": "exponential",
}

_OF_REGRESSION = {"sigmoid": "logistic"}
_OF_CLASSES = {"identity": "probability"}

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


def refuse(estimator: Any, task: Task) -> None:
    """Refuse, before the fit, what is no tree, or has a setting that no engine has."""
    if family(estimator) not in TREES:
        raise Refusal("it is none of the trees that treelite takes")
    if family(estimator)[1] == "AdaBoost" and task == "regression":
        raise Refusal("AdaBoost answers with a median of its trees, not with their sum")
    served = _SERVED.get(family(estimator)[0], {})
    for name, value in settings(estimator).items():
        if name in served and not served[name](value):
            raise Refusal(f"it does not take {name}={value!r}", f"leave {name} at its default")


def compile_(
    estimator: Any, task: Task, threads: int, trusted: Sequence[str] = ()
) -> tuple[TreeliteEngine, dict[str, Any]]:
    """Compile a fitted estimator of a family in `TREES`: the engine, and its options."""
    del trusted
    try:
        model = _imported(estimator)
    except (treelite.TreeliteError, ValueError, NotImplementedError, KeyError) as error:
        raise Refusal(f"its importer refuses it: {reason(error)}") from None
    post = model.get_header_accessor().get_field("postprocessor")
    link = _LINKS.get(str(post))
    if link is None:
        raise Refusal(f"its output is of a kind ({post}) that the engine has not")
    # The same output is a share of a regression, and two columns of a classification.
    link = _OF_REGRESSION.get(link, link) if task == "regression" else _OF_CLASSES.get(link, link)
    return TreeliteEngine(model, link, threads), {"link": link}


def split_points(engine: TreeliteEngine, estimator: Any, features: int) -> list[Array]:
    """Thresholds of the compiled trees, which LightGBM's and XGBoost's estimators do not show."""
    del estimator
    return compiled_split_points(engine.model, features)


def _imported(estimator: Any) -> treelite.Model:
    library, _ = family(estimator)
    if library == "lightgbm":
        return _without_tiny(treelite.frontend.from_lightgbm(estimator.booster_))
    if library == "xgboost":
        return _from_base_score(treelite.frontend.from_xgboost(estimator.get_booster()))
    if family(estimator)[1] in {"DecisionTree", "ExtraTree", "Bagging"}:
        return treelite.sklearn.import_model(_as_forest(estimator))
    if family(estimator)[1] == "AdaBoost":
        return _as_votes(estimator)
    with warnings.catch_warnings():
        # Its importer casts the NaN among a column's categories to an integer; missing values are
        # routed apart, and parity is proved on them.
        warnings.filterwarnings("ignore", "invalid value encountered in cast", RuntimeWarning)
        return treelite.sklearn.import_model(estimator)


def _without_tiny(model: treelite.Model) -> treelite.Model:
    # LightGBM reads a value of up to 1e-35 on either side as zero. One of its thresholds says so,
    # except for the value that is equal to it.
    for tree in trees_of(model):
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
    trees = list(trees_of(model))
    for place, score in enumerate(base.astype(np.float32)):
        first = trees[int(np.argmax(classes == place))]
        leaf, is_leaf = first.get_field("leaf_value"), first.get_field("node_type") == 0
        first.set_field("leaf_value", np.where(is_leaf, leaf + score, leaf))
    header.set_field("base_scores", np.zeros_like(base))
    return model


def _as_forest(estimator: Any) -> Any:
    # Its importer takes forests, which answer with the mean of their trees as these do. A tree is a
    # forest of one.
    trees = getattr(estimator, "estimators_", [estimator])
    width = estimator.n_features_in_
    _refuse_unlike(estimator, trees)
    forest = (RandomForestClassifier if is_classifier(estimator) else RandomForestRegressor)()
    forest.set_params(n_estimators=len(trees))
    forest.estimators_, forest.n_features_in_, forest.n_outputs_ = trees, width, 1
    if is_classifier(estimator):
        forest.n_classes_ = len(estimator.classes_)
    return forest


def _refuse_unlike(estimator: Any, trees: list[Any]) -> None:
    if not all(isinstance(tree, BaseDecisionTree) for tree in trees):
        raise Refusal("it is no ensemble of trees")
    every = np.arange(estimator.n_features_in_)
    chosen = getattr(estimator, "estimators_features_", [every])
    if not all(np.array_equal(features, every) for features in chosen):
        raise Refusal("its trees saw different columns")


def _as_votes(estimator: Any) -> treelite.Model:
    # AdaBoost's trees vote with a weight each, and a softmax follows (Zhu et al. 2009, eq. 15).
    model = treelite.sklearn.import_model(_as_forest(estimator))
    weights = estimator.estimator_weights_ / estimator.estimator_weights_.sum()
    count = len(estimator.classes_)
    for tree, weight in zip(trees_of(model), weights, strict=False):
        shares = tree.get_field("leaf_vector").reshape(-1, count)
        is_chosen = np.arange(count) == shares.argmax(axis=1)[:, np.newaxis]
        votes = np.where(is_chosen, weight, -weight / (count - 1)) / (count - 1)
        tree.set_field("leaf_vector", votes.ravel())
    header = model.get_header_accessor()
    header.set_field("average_tree_output", np.array([0], dtype=np.uint8))
    header.set_field("postprocessor", "softmax")
    return model
