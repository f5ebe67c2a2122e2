"""An estimator's parameters, checked by name and type before anything is fitted."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from perennial.runtime.errors import PerennialError

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


#: Libraries whose estimators are known, and with them the own classes derived from theirs.
_LIBRARIES = ("sklearn", "lightgbm", "xgboost")


def class_of(estimator: Any) -> type[Any]:
    """The class of a known library that an estimator has or derives from, or else its own."""
    return next(
        (kind for kind in type(estimator).__mro__ if _package(kind) in _LIBRARIES), type(estimator)
    )


def library(estimator: Any) -> str:
    """The package that an estimator comes from: ``sklearn``, ``lightgbm``, ``xgboost``, …."""
    return _package(class_of(estimator))


def _package(kind: type[Any]) -> str:
    return kind.__module__.partition(".")[0]


def checked(estimator: Any, params: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Check parameters against an estimator's own; a whole number becomes a float where it has one.

    Refused are names that it does not have, those that preprocessing sets, and values that DVC
    would take for another. `where` is the key that they are under, for the message.
    """
    own = estimator.get_params(deep=False)
    unknown = unknown_names(estimator, params)
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


def unknown_names(estimator: Any, params: Mapping[str, Any]) -> list[str]:
    """Names of parameters that an estimator does not take."""
    if library(estimator) == "xgboost":
        return _unused_by_xgboost(estimator, params)
    known = set(estimator.get_params(deep=False))
    if library(estimator) == "lightgbm":
        known |= set(_lightgbm_names())
    return [name for name in params if name not in known]


def _unused_by_xgboost(estimator: Any, params: Mapping[str, Any]) -> list[str]:
    # XGBoost takes any name, and warns of those that it has not used.
    import xgboost

    own = copy.deepcopy(estimator).set_params(**params).get_xgb_params()
    own |= {"validate_parameters": True, "verbosity": 1, "num_class": 2}
    if not str(own["objective"]).startswith("multi:"):
        del own["num_class"]
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        try:
            rows = xgboost.DMatrix(np.zeros((2, 1)), label=np.arange(2))
            xgboost.Booster(own, cache=[rows]).save_config()
        except (AttributeError, ValueError):
            return []  # A value is wrong: the fit says which.
    messages = "".join(str(warning) for warning in recorded)
    unused = re.findall(r"Parameters: \{ (.+?) \} are not used", messages)
    return [name for name in params if f'"{name}"' in "".join(unused)]


@cache
def _lightgbm_names() -> dict[str, str]:
    # Every name that LightGBM takes, and its own name for it; no public interface lists them.
    from lightgbm.basic import _ConfigAliases

    known = _ConfigAliases._get_all_param_aliases()
    return {alias: name for name, aliases in known.items() for alias in (name, *aliases)}


def own_name(estimator: Any, name: str) -> str:
    """The name that an estimator's library itself gives a parameter; LightGBM takes aliases."""
    return _lightgbm_names().get(name, name) if library(estimator) == "lightgbm" else name


def settings(estimator: Any) -> dict[str, Any]:
    """Parameters of an estimator, by the names that its library itself gives them."""
    params = estimator.get_params(deep=False)
    return {own_name(estimator, name): value for name, value in params.items()}


def _typed(name: str, value: Any, own: Any, where: str) -> Any:
    # DVC takes 3 and 3.0, and 1 and true, for the same value and would not run the stage again.
    if not isinstance(value, bool | int | float):
        return value
    given, expected = type(value), type(own)
    if name in _COUNT_OR_SHARE and given is not bool:
        expected = _COUNT_OR_SHARE[name] if value == 1 else given
    elif not isinstance(own, bool | int | float):
        return value
    elif given is int and expected is float:
        return float(value)
    if given is not expected:
        raise PerennialError(
            f"{name} is {value!r}, of type {given.__name__} and not {expected.__name__}",
            where=where,
            hint=f"write it as a {expected.__name__}",
        )
    return value
