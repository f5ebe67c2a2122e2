"""Estimators by dotted path: imported, checked, and made reproducible."""

from __future__ import annotations

import copy
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from perennial.data.contract import Task
from perennial.learning.parameters import checked, class_of, library, own_name, unknown_names
from perennial.runtime.errors import PerennialError

KEY = "params.yaml: train.estimator"
PARAMS = "params.yaml: train.params"


@dataclass(frozen=True)
class Traits:
    """What the preprocessing and the engine must know of an estimator."""

    #: Most values of a category that it takes as they are; 0 where it takes none.
    native: int = 0
    #: Whether it takes missing values.
    missing: bool = False
    #: The floating type that it compares in.
    dtype: str = "float64"
    #: Whether it refuses infinite values.
    finite: bool = True
    #: Whether it minds the scale of its columns.
    scale: bool = False


# LightGBM and XGBoost have no limit of their own; past some thousands a native split overfits and
# its bit set outgrows the rest of the model.
_MANY = 4096

#: The parameter that tells scikit-learn's estimators of categories; an own class may not have it.
_NATIVE = "categorical_features"

_FLOAT32 = {"dtype": "float32", "finite": True, "scale": False}

_FAMILIES: dict[tuple[str, str], dict[str, Any]] = {
    ("sklearn", "HistGradientBoosting"): {"native": 255, "finite": False, "scale": False},
    ("sklearn", "RandomForest"): _FLOAT32,
    ("sklearn", "ExtraTrees"): _FLOAT32,
    ("sklearn", "GradientBoosting"): _FLOAT32,
    ("sklearn", "DecisionTree"): _FLOAT32,
    ("sklearn", "ExtraTree"): _FLOAT32,
    ("sklearn", "Bagging"): _FLOAT32,
    ("sklearn", "AdaBoost"): _FLOAT32,
    ("lightgbm", "LGBM"): {"native": _MANY, "finite": False, "scale": False},
    # XGBoost refuses infinity when it is fitted, and answers it.
    ("xgboost", "XGB"): {"native": _MANY, "dtype": "float32", "finite": False, "scale": False},
}

#: What makes a library give the same model with any number of threads. What the user sets goes
#: first.
_REPRODUCIBLE: dict[str, dict[str, Any]] = {
    # With n_jobs 0 LightGBM asks OpenMP, so that no thread count is written into the model.
    "lightgbm": {"deterministic": True, "force_col_wise": True, "n_jobs": 0, "verbosity": -1},
    # XGBoost adds up histograms in an order that depends on the threads.
    "xgboost": {"n_jobs": 1},
}


def family(estimator: Any) -> tuple[str, str]:
    """Library and kind of an estimator, own or derived from: ``("sklearn", "Bagging")``."""
    name = class_of(estimator).__name__.removesuffix("Classifier").removesuffix("Regressor")
    return library(estimator), name


def as_library(estimator: Any) -> Any:
    """An estimator of an own class as one of the library's class that it derives from.

    So engines know it, and no bundle needs the own class. An own class that answers with a method
    of its own is left as it is; what else it may change, the proof of parity finds.
    """
    kind, own = class_of(estimator), type(estimator)
    answers = ("predict_proba", "decision_function") if is_classifier(estimator) else ("predict",)
    derived = own.__mro__[: own.__mro__.index(kind)]
    answers_itself = any(name in vars(each) for each in derived for name in answers)
    if not derived or answers_itself or not hasattr(kind, "fit") or inspect.isabstract(kind):
        return estimator
    plain = copy.copy(estimator)
    try:
        plain.__class__ = kind
        plain.get_params(deep=False)
    except (AttributeError, TypeError):
        # It keeps its parameters, or its memory, in a way of its own.
        return estimator
    return plain


def traits(estimator: Any) -> Traits:
    """Look up the traits of an estimator's family; an unknown one gets the careful defaults."""
    tags = get_tags(estimator).input_tags
    # What takes only values that are not negative takes counts, and those are not to be shifted.
    known = {"scale": not tags.positive_only, **_FAMILIES.get(family(estimator), {})}
    bins = getattr(estimator, "max_bins", None)
    if isinstance(bins, int):
        known["native"] = min(known.get("native", 0), bins)
    if library(estimator) == "sklearn" and _NATIVE not in estimator.get_params(deep=False):
        known["native"] = 0
    return Traits(missing=bool(tags.allow_nan), **known)


def make_estimator(path: str, params: Mapping[str, Any], *, task: Task, seed: int) -> Any:
    """Make an estimator, not fitted, of a class's dotted path, that gives the same model each time.

    `seed` is its ``random_state``, where it has one and `params` gives none.
    """
    estimator = _construct(_imported(path), path, params)
    if not _is_for(task, estimator):
        kind = "regressor" if task == "regression" else "classifier"
        raise PerennialError(
            f"{path} is not a {kind}, which a {task} target needs",
            where=KEY,
            hint="choose another estimator, or another target type in data/contract.yaml",
        )
    estimator.set_params(**_reproducible(estimator, params, seed))
    if unknown_names(estimator, {"random_state": seed}) and hasattr(estimator, "random_state"):
        # An own class has it from the one it derives from, and does not offer it as a parameter.
        estimator.random_state = seed if estimator.random_state is None else estimator.random_state
    return estimator


def _is_for(task: Task, estimator: Any) -> bool:
    try:
        return is_regressor(estimator) if task == "regression" else is_classifier(estimator)
    except AttributeError:
        # Without scikit-learn's tags it is neither.
        return False


def _reproducible(estimator: Any, params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    defaults = {**_REPRODUCIBLE.get(library(estimator), {}), "random_state": seed}
    given = {own_name(estimator, name) for name in params}
    return {
        name: value
        for name, value in defaults.items()
        if own_name(estimator, name) not in given and not unknown_names(estimator, {name: value})
    }


def _imported(path: str) -> type[Any]:
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise PerennialError(
            f"{path} does not import: {error}",
            where=KEY,
            hint="give a dotted path like sklearn.ensemble.RandomForestClassifier, and see that "
            "requirements/build.txt locks its package",
        ) from None
    if not (inspect.isclass(kind) and hasattr(kind, "fit") and hasattr(kind, "get_params")):
        raise PerennialError(
            f"{path} is not a scikit-learn compatible estimator",
            where=KEY,
            hint="name a class that has fit, predict and get_params",
        )
    return kind


def _construct(kind: type[Any], path: str, params: Mapping[str, Any]) -> Any:
    required = [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if required:
        raise PerennialError(
            f"{path} needs {', '.join(required)}, which params.yaml cannot hold",
            where=KEY,
            hint="write a class that sets it and takes no arguments itself, and name that class",
        )
    return kind(**checked(kind(), params, where=PARAMS))


def declare_categories(estimator: Any, places: list[int], width: int) -> dict[str, Any]:
    """Declare to an estimator which of `width` matrix columns are categories, in its own way.

    It is changed in place; what is returned are further arguments of its ``fit``.
    """
    if not places:
        return {}
    if library(estimator) == "lightgbm":
        return {"categorical_feature": places}
    if library(estimator) == "xgboost":
        kinds = ["c" if place in places else "q" for place in range(width)]
        estimator.set_params(enable_categorical=True, feature_types=kinds)
    else:
        estimator.set_params(**{_NATIVE: places})
    return {}


def forget_machine(estimator: Any) -> None:
    """Remove from a fitted estimator, in place, on how many threads it was fitted."""
    if hasattr(estimator, "_bin_mapper"):
        estimator._bin_mapper.n_threads = 1
    if "n_jobs" in estimator.get_params() and library(estimator) == "sklearn":
        estimator.set_params(n_jobs=None)


def refusals(estimator: Any) -> tuple[type[Exception], ...]:
    """Exceptions with which an estimator refuses parameters or rows."""
    usual = (AttributeError, TypeError, ValueError)
    if library(estimator) != "lightgbm":
        return usual
    from lightgbm.basic import LightGBMError

    return (*usual, LightGBMError)


def reason(error: Exception) -> str:
    """The first line of an estimator's message, without the time and source file in front."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\[[\d:]+\] (\S+: )?", "", lines[0])
