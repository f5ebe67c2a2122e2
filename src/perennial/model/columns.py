"""Raw contract values as numpy columns, as `perennial.model.types` describes them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model import tables
from perennial.model.types import TYPES

Array = NDArray[Any]
Columns = dict[str, Array]


def from_values(rows: Any, types: Mapping[str, str]) -> Columns:
    """Check rows in any form of `perennial.model.tables`, and turn them into numpy columns.

    `types` names those that are wanted, with their contract types. The ValueError for a value that
    is not of its column's type names column, row and value.
    """
    table = tables.read(rows)
    absent = [name for name in types if name not in table.names]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}")
    return {name: from_column(name, table.column(name), kind) for name, kind in types.items()}


#: The name for what stages read: prepared rows, an Arrow table.
from_arrow = from_values


def from_column(name: str, values: Any, kind: str) -> Array:
    """Turn one column of raw values into numpy's, whatever holds them; see `from_values`.

    Typed columns are taken whole. What is left is taken value by value, by the same rules, and
    gives the same numbers: the nearest float64 of a whole number, the microsecond that a moment
    is in.
    """
    column = _whole(values, kind)
    if column is None:
        listed = _listed(values)
        column = _from_list(listed, kind)
    if column is None:
        column = _one_by_one(name, listed, kind)
    return column


def _whole(values: Any, kind: str) -> Array | None:
    """A whole typed column at once; None where single values have to be looked at.

    Arrow and pandas are known by their methods, so that they need not be imported.
    """
    if type(values) is list:
        return None
    if hasattr(values, "to_pylist"):
        return _from_arrow(values, kind)
    if hasattr(values, "cat"):
        return _from_categorical(values, kind)
    return _from_typed(values, kind)


_ZONE = re.compile(r", tz=[^\]]*")


def _from_arrow(column: Any, kind: str) -> Array | None:
    if str(column.type).startswith("dictionary"):
        try:
            column = column.cast(column.type.value_type)
        except NotImplementedError:
            return None
    if _ZONE.sub("", str(column.type)) not in TYPES[kind].taken_from:
        return None
    if kind == "text":
        return np.array(column.to_pylist(), dtype=object)
    if kind == "category":
        # Rows share the few texts that there are, instead of each holding a copy.
        coded = column.cast("string").dictionary_encode()
        coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
        texts = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
        return np.asarray(texts[np.asarray(coded.indices.fill_null(len(texts) - 1))])
    if kind == "datetime":
        # pandas is not there to help, and a timestamp column's own buffer is what numpy wants.
        counts = column.cast("int64").fill_null(np.iinfo(np.int64).min)
        return _microseconds(np.asarray(counts).view(f"datetime64[{_unit(column.type)}]"))
    numbers = np.asarray(column.cast("float64", safe=False), dtype=np.float64)
    return numbers if _is_valid(numbers, kind) else None


#: Kinds of numpy's types, which pandas' types have too, whose values are those of a contract type.
_KINDS = {"number": "fiu", "integer": "fiu", "boolean": "b", "datetime": "M"}


def _from_typed(values: Any, kind: str) -> Array | None:
    """A numpy array or a pandas column."""
    dtype, target = getattr(values, "dtype", None), TYPES[kind].numpy
    if kind in {"text", "category"} and getattr(dtype, "type", None) is str:
        return np.asarray(values.to_numpy(dtype=target, na_value=None))
    # A long double is no float of Python's, and Arrow's dates without a time count as moments.
    is_odd = getattr(dtype, "itemsize", 8) > 8 or getattr(dtype, "type", None) is datetime.date
    is_masked = isinstance(values, np.ma.MaskedArray)
    if getattr(dtype, "kind", "O") not in _KINDS.get(kind, "") or is_odd or is_masked:
        return None
    if kind == "datetime":
        # Without their zone, the moments of a pandas column are in UTC.
        is_array = isinstance(values, np.ndarray)
        return _microseconds(values if is_array else values.to_numpy(f"datetime64[{_unit(dtype)}]"))
    column = (
        values.astype(target)
        if isinstance(values, np.ndarray)
        else values.to_numpy(dtype=target, na_value=math.nan)
    )
    return column if _is_valid(column, kind) else None


def _unit(dtype: Any) -> str:
    return str(dtype).partition("[")[2].partition("]")[0].partition(",")[0]


def _microseconds(moments: Array) -> Array | None:
    """The microsecond that each moment is in; None where one is out of reach of 64 bits."""
    column = moments.astype("datetime64[us]")
    # numpy does not tell when the count overflows: what comes back is another second.
    before, after = (each.astype("datetime64[s]") for each in (moments, column))
    return column if np.array_equal(before, after, equal_nan=True) else None


def _from_categorical(values: Any, kind: str) -> Array | None:
    categories = _from_list(values.cat.categories.tolist(), kind)
    if categories is None:
        return None
    # Code -1, a missing value, is the last place.
    missing = np.array([None], dtype=object).astype(categories.dtype)
    return np.concatenate([categories, missing])[values.cat.codes.to_numpy()]


def _from_list(values: list[Any], kind: str) -> Array | None:
    """Single values, most of them plain; None where one is refused."""
    plain, _ = _RULES[kind]
    try:
        valid = [value if type(value) in plain else _converted(value, kind) for value in values]
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
    column = np.empty(len(values), dtype=TYPES[kind].numpy)
    for row, value in enumerate(values):
        try:
            column[row] = _converted(value, kind)
        except (TypeError, ValueError, OverflowError) as error:
            reason = f": {error}" if str(error) else ""
            shown = _shown(_plain(value))
            raise ValueError(f"row {row}, {name}: {shown} is not a {kind}{reason}") from None
    return column


def _shown(value: Any) -> str:
    """A value in the same words, whichever library holds it."""
    if isinstance(value, np.timedelta64 | datetime.timedelta):
        return "a duration"
    is_moment = isinstance(value, np.datetime64 | datetime.datetime)
    try:
        return f"{_datetime(value) if is_moment else value!r:.500}"
    except (ValueError, OverflowError):
        # Some of Arrow's values Python has not.
        return f"a {type(value).__name__}"


def _converted(value: Any, kind: str) -> Any:
    value, (_, convert) = _plain(value), _RULES[kind]
    return _MISSING.get(kind, math.nan) if is_missing(value) else convert(value)


_MISSING: dict[str, Any] = {"category": None, "text": None, "datetime": np.datetime64("NaT")}


def _listed(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        return list(values)
    tolist = getattr(values, "to_pylist", getattr(values, "tolist", None))
    try:
        return list(tolist() if callable(tolist) else values)
    except (ValueError, OverflowError):
        # Arrow has values that Python has not: they are refused one by one.
        return list(values)


def _plain(value: Any) -> Any:
    """A value as Python has it, out of a scalar of numpy, Arrow or pandas; a moment as numpy's."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return value
    if hasattr(value, "to_datetime64"):
        return value.to_datetime64()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _plain(value[()])
    try:
        return value.as_py() if hasattr(value, "as_py") else value
    except (ValueError, OverflowError):
        return value


def is_missing(value: Any) -> bool:
    """Whether a raw value stands for nothing: None, NaN, NaT or NA."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
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
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("it is infinite")
    return number


def _integer(value: Any) -> float:
    number = _number(value)
    if value != int(value):
        raise ValueError("it has a fraction")
    return number


def _boolean(value: Any) -> float:
    if not isinstance(value, bool):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _datetime(value: Any) -> np.datetime64:
    if isinstance(value, np.datetime64):
        moment = _microseconds(np.array([value]))
        if moment is None:
            raise ValueError("it is out of reach")
        return np.datetime64(moment[0])
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise TypeError
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value, "us")


_NUMBERS = frozenset({int, float})

#: Of each contract type, Python's types whose every value is one, but for infinite and broken
#: numbers, and what takes, or refuses, a value of another.
_RULES: dict[str, tuple[frozenset[type], Callable[[Any], Any]]] = {
    "number": (_NUMBERS, _number),
    "integer": (_NUMBERS, _integer),
    "boolean": (frozenset({bool}), _boolean),
    "category": (frozenset({str}), _text),
    "text": (frozenset({str}), _text),
    "datetime": (frozenset(), _datetime),
}
