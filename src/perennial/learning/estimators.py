"""Estimators by dotted path: found, checked, and made reproducible."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags

from perennial.data.contract import Task
from perennial.runtime.errors import PerennialError

KEY = "params.yaml: train.estimator"
PARAMS = "params.yaml: train.params"


@dataclass(frozen=True)
class Traits:
    """What the preprocessing and the engine must know of an estimator.

    Attributes
    ----------
    native : int
        Most values of a category that it takes as they are; 0 where it takes none.
    missing : bool
        Whether it takes missing values.
    dtype : str
        The floating type that it compares in.
    finite : bool
        Whether it refuses infinite values.
    scale : bool
        Whether it minds the scale of its columns.
    """

    native: int = 0
    missing: bool = False
    dtype: str = "float64"
    finite: bool = True
    scale: bool = False


# LightGBM and XGBoost have no limit of their own; past some thousands a native split overfits and
# its bit set outgrows the rest of the model.
_MANY = 4096

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

#: What makes a library give the same model with any number of threads. The user's word goes first.
_REPRODUCIBLE: dict[str, dict[str, Any]] = {
    # With n_jobs 0 LightGBM asks OpenMP, so that no thread count is written into the model.
    "lightgbm": {"deterministic": True, "force_col_wise": True, "n_jobs": 0, "verbosity": -1},
    # XGBoost adds up histograms in an order that depends on the threads.
    "xgboost": {"n_jobs": 1},
}

#: What `declare_categories` sets, and nobody else.
_DECLARED = ("categorical_feature", "categorical_features", "enable_categorical", "feature_types")

#: Parameters of which scikit-learn takes a count, an integer, or a share, a fraction; and which of
#: the two 1 is, for DVC takes 1 and 1.0 for the same.
_COUNT_OR_SHARE: dict[str, type[Any]] = {
    "max_features": float,
    "max_samples": float,
    "min_samples_leaf": int,
    "min_samples_split": int,
    "validation_fraction": float,
}


def family(estimator: Any) -> tuple[str, str]:
    """Library and kind of an estimator: ``("sklearn", "RandomForest")``."""
    kind = type(estimator)
    name = kind.__name__.removesuffix("Classifier").removesuffix("Regressor")
    return kind.__module__.partition(".")[0], name


def traits(estimator: Any) -> Traits:
    """Look up an estimator's traits.

    Parameters
    ----------
    estimator : object
        A scikit-learn compatible estimator.

    Returns
    -------
    Traits
        Of its family; for an unknown one, the careful defaults.
    """
    asked = get_tags(estimator).input_tags
    # Who takes only what is not negative counts, and counts are not to be shifted.
    known = {"scale": not asked.positive_only, **_FAMILIES.get(family(estimator), {})}
    bins = getattr(estimator, "max_bins", None)
    if isinstance(bins, int):
        known["native"] = min(known.get("native", 0), bins)
    return Traits(missing=bool(asked.allow_nan), **known)


def make_estimator(path: str, params: Mapping[str, Any], *, task: Task, seed: int) -> Any:
    """Make an estimator that gives the same model every time.

    Parameters
    ----------
    path : str
        Dotted path of a class.
    params : mapping
        Its parameters.
    task : str
        What it must be able to do.
    seed : int
        Its ``random_state``, where it has one and `params` gives none.

    Returns
    -------
    object
        An estimator that is not fitted.

    Raises
    ------
    PerennialError
        If the path does not import, is no estimator or not one for the task, or refuses a
        parameter.
    """
    kind = _find(path)
    estimator = _construct(kind, path, params)
    if not _is_for(task, estimator):
        wanted = "regressor" if task == "regression" else "classifier"
        raise PerennialError(
            f"{path} is not a {wanted}, which a {task} target needs",
            where=KEY,
            hint="choose another estimator, or another target type in data/contract.yaml",
        )
    estimator.set_params(**_reproducible(estimator, params, seed))
    return estimator


def _is_for(task: Task, estimator: Any) -> bool:
    try:
        return is_regressor(estimator) if task == "regression" else is_classifier(estimator)
    except AttributeError:
        # Without scikit-learn's tags it is neither.
        return False


def _reproducible(estimator: Any, params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    library, _ = family(estimator)
    ours = {**_REPRODUCIBLE.get(library, {}), "random_state": seed}
    given = {_own_name(library, name) for name in params}
    return {
        name: value
        for name, value in ours.items()
        if _own_name(library, name) not in given and not _unknown(estimator, {name: value})
    }


def _find(path: str) -> type[Any]:
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
    needed = [
        name
        for name, asked in inspect.signature(kind).parameters.items()
        if asked.default is asked.empty and asked.kind is asked.POSITIONAL_OR_KEYWORD
    ]
    if needed:
        raise PerennialError(
            f"{path} needs {', '.join(needed)}, which params.yaml cannot hold",
            where=KEY,
            hint="write a class that sets it and takes no arguments itself, and name that class",
        )
    default = kind()
    return kind(**checked(default, params, where=PARAMS))


def checked(estimator: Any, params: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Check parameters by name and type, before anything is fitted.

    Parameters
    ----------
    estimator : object
        Not fitted; types are read from its own values.
    params : mapping
        Values by name.
    where : str
        The key that they stand under, for messages.

    Returns
    -------
    dict
        The parameters, a whole number as a float where the estimator's own is one.

    Raises
    ------
    PerennialError
        If the estimator has no such parameter, if preprocessing sets it, or if DVC would take its
        value for another.
    """
    own = estimator.get_params(deep=False)
    unknown = _unknown(estimator, params)
    if unknown:
        raise PerennialError(
            f"{type(estimator).__name__} has no parameter {', '.join(unknown)}",
            where=where,
            hint=f"it takes {', '.join(sorted(own))}",
        )
    declared = [name for name in params if name in _DECLARED]
    if declared:
        raise PerennialError(
            f"{', '.join(declared)} cannot be given: preprocessing knows the categories",
            where=where,
            hint="set train.categories, and the types in data/contract.yaml",
        )
    return {name: _typed(name, value, own.get(name), where) for name, value in params.items()}


def _unknown(estimator: Any, params: Mapping[str, Any]) -> list[str]:
    library, _ = family(estimator)
    if library == "xgboost":
        return _unused_by_xgboost(estimator, params)
    known = set(estimator.get_params(deep=False))
    if library == "lightgbm":
        known |= set(_lightgbm_names())
    return [name for name in params if name not in known]


def _unused_by_xgboost(estimator: Any, params: Mapping[str, Any]) -> list[str]:
    # XGBoost takes any name, and warns of those that it has not used.
    import xgboost

    own = clone(estimator).set_params(**params).get_xgb_params()
    own |= {"validate_parameters": True, "verbosity": 1, "num_class": 2}
    if not str(own["objective"]).startswith("multi:"):
        del own["num_class"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            rows = xgboost.DMatrix(np.zeros((2, 1)), label=np.arange(2))
            xgboost.Booster(own, cache=[rows]).save_config()
        except (AttributeError, ValueError):
            return []  # A value is wrong: the fit says which.
    unused = re.findall(r"Parameters: \{ (.+?) \} are not used", "".join(str(w) for w in told))
    return [name for name in params if f'"{name}"' in "".join(unused)]


@cache
def _lightgbm_names() -> dict[str, str]:
    # Every name that LightGBM takes, and what it calls it itself; it tells nobody else.
    from lightgbm.basic import _ConfigAliases

    known = _ConfigAliases._get_all_param_aliases()
    return {alias: name for name, aliases in known.items() for alias in (name, *aliases)}


def _own_name(library: str, name: str) -> str:
    return _lightgbm_names().get(name, name) if library == "lightgbm" else name


def settings(estimator: Any) -> dict[str, Any]:
    """Parameters of an estimator, by the names that its library itself gives them."""
    library, _ = family(estimator)
    params = estimator.get_params(deep=False)
    return {_own_name(library, name): value for name, value in params.items()}


def _typed(name: str, value: Any, own: Any, where: str) -> Any:
    # DVC takes 3 and 3.0, and 1 and true, for the same value and would not run the stage again.
    if not isinstance(value, bool | int | float):
        return value
    given, wanted = type(value), type(own)
    if name in _COUNT_OR_SHARE and given is not bool:
        wanted = _COUNT_OR_SHARE[name] if value == 1 else given
    elif not isinstance(own, bool | int | float):
        return value
    elif given is int and wanted is float:
        return float(value)
    if given is not wanted:
        raise _wrong_type(name, value, wanted, where)
    return value


def _wrong_type(name: str, value: Any, wanted: type[Any], where: str) -> PerennialError:
    return PerennialError(
        f"{name} is {value!r}, of type {type(value).__name__} and not {wanted.__name__}",
        where=where,
        hint=f"write it as a {wanted.__name__}",
    )


def declare_categories(estimator: Any, places: list[int], width: int) -> dict[str, Any]:
    """Tell an estimator which matrix columns are categories, in its own way.

    Parameters
    ----------
    estimator : object
        Of a family that takes categories; changed in place.
    places : list of int
        The columns that hold the places of categories.
    width : int
        Columns of the matrix.

    Returns
    -------
    dict
        Further arguments of ``fit``.
    """
    if not places:
        return {}
    library, _ = family(estimator)
    if library == "lightgbm":
        return {"categorical_feature": places}
    if library == "xgboost":
        kinds = ["c" if place in places else "q" for place in range(width)]
        estimator.set_params(enable_categorical=True, feature_types=kinds)
    else:
        estimator.set_params(categorical_features=places)
    return {}


def forget_machine(estimator: Any) -> None:
    """Take out of a fitted estimator what says on how many threads it was fitted.

    Parameters
    ----------
    estimator : object
        Changed in place.
    """
    if hasattr(estimator, "_bin_mapper"):
        estimator._bin_mapper.n_threads = 1
    if "n_jobs" in estimator.get_params() and family(estimator)[0] == "sklearn":
        estimator.set_params(n_jobs=None)


def refusals(estimator: Any) -> tuple[type[Exception], ...]:
    """Exceptions with which an estimator refuses parameters or rows."""
    usual = (AttributeError, TypeError, ValueError)
    if family(estimator)[0] != "lightgbm":
        return usual
    from lightgbm.basic import LightGBMError

    return (*usual, LightGBMError)


def reason(error: Exception) -> str:
    """The first line of what an estimator says, without the time and source file in front."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\[[\d:]+\] (\S+: )?", "", lines[0])
