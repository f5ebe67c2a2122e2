"""Raw contract values as numpy columns, as `perennial.model.types` describes them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.types import TYPES

Array = NDArray[Any]
Columns = dict[str, Array]


def from_arrow(table: Any, types: Mapping[str, str]) -> Columns:
    """Turn the columns of an Arrow table that `types` names, by contract type, into numpy's."""
    _check_there(types, table.column_names)
    return {name: _from_arrow(table.column(name), kind) for name, kind in types.items()}


def _check_there(types: Mapping[str, str], names: Container[str]) -> None:
    absent = [name for name in types if name not in names]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}")


def _from_arrow(column: Any, kind: str) -> Array:
    if kind == "text":
        return np.array(column.to_pylist(), dtype=object)
    if kind == "category":
        # Rows share the few texts that there are, instead of each holding a copy.
        coded = column.combine_chunks().dictionary_encode()
        texts = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
        return np.asarray(texts[coded.indices.fill_null(len(texts) - 1).to_numpy()])
    if kind == "datetime":
        # pandas is not there to help, and a timestamp column's own buffer is what numpy wants.
        microseconds = column.cast("timestamp[us]").cast("int64")
        values = microseconds.fill_null(np.iinfo(np.int64).min).to_numpy()
        return np.asarray(values).astype("datetime64[us]")
    return np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)


def from_values(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> Columns:
    """Check raw values, as JSON or a data frame gives them, and turn them into numpy columns.

    The ValueError for a value that is not of its column's type names column, row and value.
    """
    _check_there(types, columns)
    return {name: _from_values(name, columns[name], kind) for name, kind in types.items()}


def _from_values(name: str, values: Sequence[Any], kind: str) -> Array:
    column = _from_typed(values, kind)
    if column is None:
        listed = _listed(values)
        column = _from_list(listed, kind)
    if column is None:
        column = _one_by_one(name, listed, kind)
    return column


#: Kinds of numpy's types, which pandas' types have too, whose values are those of a contract type.
_KINDS = {"number": "fiu", "integer": "fiu", "boolean": "b", "datetime": "M"}


def _from_typed(values: Any, kind: str) -> Array | None:
    """A whole typed array or pandas column at once; None where single values have to be looked at.

    pandas is known by its methods, so that it need not be imported.
    """
    if hasattr(values, "cat"):
        return _from_categorical(values, kind)
    dtype, target = getattr(values, "dtype", None), TYPES[kind].numpy
    if kind in {"text", "category"} and getattr(dtype, "type", None) is str:
        return np.asarray(values.to_numpy(dtype=target, na_value=None))
    # A long double is no float of Python's, and Arrow's dates without a time count as moments.
    is_odd = getattr(dtype, "itemsize", 8) > 8 or getattr(dtype, "type", None) is datetime.date
    if getattr(dtype, "kind", "O") not in _KINDS.get(kind, "") or is_odd:
        return None
    if isinstance(values, np.ndarray):
        column = values.astype(target)
    elif kind == "datetime":
        column = values.to_numpy(dtype=target)
    else:
        column = values.to_numpy(dtype=target, na_value=math.nan)
    return column if _is_valid(column, kind) else None


def _from_categorical(values: Any, kind: str) -> Array | None:
    categories = _from_list(values.cat.categories.tolist(), kind)
    if categories is None:
        return None
    # Code -1, a missing value, is the last place.
    missing = np.array([None], dtype=object).astype(categories.dtype)
    return np.concatenate([categories, missing])[values.cat.codes.to_numpy()]


def _from_list(values: list[Any], kind: str) -> Array | None:
    """Single values, most of them plain; None where one is refused."""
    plain, convert = _PLAIN[kind], _CONVERTERS[kind]
    try:
        valid = [value if type(value) in plain else convert(value) for value in values]
        column = np.array(valid, dtype=TYPES[kind].numpy)
    except (TypeError, ValueError, OverflowError):
        return None
    return column if _is_valid(column, kind) else None


def _is_valid(column: Array, kind: str) -> bool:
    if kind not in {"number", "integer"}:
        return True
    is_whole = kind == "number" or bool((np.isnan(column) | (column == np.rint(column))).all())
    return is_whole and not np.isinf(column).any()


def _one_by_one(name: str, values: list[Any], kind: str) -> Array:
    convert = _CONVERTERS[kind]
    column = np.empty(len(values), dtype=TYPES[kind].numpy)
    for row, value in enumerate(values):
        try:
            column[row] = convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            reason = f": {error}" if str(error) else ""
            raise ValueError(f"row {row}, {name}: {value!r} is not a {kind}{reason}") from None
    return column


def _listed(values: Sequence[Any]) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return list(values)
    tolist = getattr(values, "tolist", None)
    return list(tolist() if callable(tolist) else values)


def is_missing(value: Any) -> bool:
    """Whether a raw value stands for nothing: None, NaN, NaT or NA."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    # pandas has two more, known by name so that pandas need not be imported.
    return type(value).__name__ in {"NaTType", "NAType"}


def missing_in(values: Array) -> NDArray[np.bool_]:
    """Which values of a numpy column are missing: (rows,) to (rows,)."""
    if values.dtype == object:
        return np.fromiter((value is None for value in values), bool, len(values))
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)


def evenly_spaced(rows: int, wanted: int) -> NDArray[np.intp]:
    """Ascending numbers of at most `wanted` rows, evenly spaced, the first row among them."""
    count = min(rows, wanted)
    return np.arange(count, dtype=np.intp) * rows // max(count, 1)


def _number(value: Any) -> float:
    if is_missing(value):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError("it is infinite")
    return float(value)


def _integer(value: Any) -> float:
    number = _number(value)
    if not math.isnan(number) and not number.is_integer():
        raise ValueError("it has a fraction")
    return number


def _boolean(value: Any) -> float:
    if is_missing(value):
        return math.nan
    if not isinstance(value, bool):
        raise TypeError
    return float(value)


def _text(value: Any) -> str | None:
    if is_missing(value):
        return None
    if not isinstance(value, str):
        raise TypeError
    return value


def _datetime(value: Any) -> np.datetime64:
    if is_missing(value):
        return np.datetime64("NaT")
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]")
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise TypeError
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value, "us")


#: Types of Python whose every value, but for infinite and broken numbers, is of a contract type.
_PLAIN: dict[str, set[type]] = {
    "number": {int, float},
    "integer": {int, float},
    "boolean": {bool},
    "category": {str},
    "text": {str},
    "datetime": set(),
}

_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "text": _text,
    "datetime": _datetime,
}
