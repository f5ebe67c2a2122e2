"""Raw contract values as numpy columns, as `perennial.model.types` describes them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.types import TYPES

Array = NDArray[Any]
Columns = dict[str, Array]


def from_arrow(table: Any, types: Mapping[str, str]) -> Columns:
    """Turn columns of an Arrow table into numpy columns.

    Parameters
    ----------
    table : pyarrow.Table
        Rows with the contract's Arrow types.
    types : mapping
        Contract type by column name; only these are taken.

    Returns
    -------
    dict
        A numpy column by name.

    Raises
    ------
    ValueError
        If a column is not there.
    """
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

    Parameters
    ----------
    columns : mapping
        Values by column name, all of one length.
    types : mapping
        Contract type by column name; only these are taken.

    Returns
    -------
    dict
        A numpy column by name.

    Raises
    ------
    ValueError
        If a column is not there, or a value is not of its column's type; the message names column,
        row and value.
    """
    _check_there(types, columns)
    return {name: _from_values(name, columns[name], kind) for name, kind in types.items()}


def _from_values(name: str, values: Sequence[Any], kind: str) -> Array:
    convert = _CONVERTERS[kind]
    column = np.empty(len(values), dtype=TYPES[kind].numpy)
    for row, value in enumerate(_listed(values)):
        try:
            column[row] = convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            reason = f": {error}" if str(error) else ""
            raise ValueError(f"row {row}, {name}: {value!r} is not a {kind}{reason}") from None
    return column


def _listed(values: Sequence[Any]) -> Iterable[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return iter(values)
    tolist = getattr(values, "tolist", None)
    return tolist() if callable(tolist) else values


def is_missing(value: Any) -> bool:
    """Tell whether a raw value stands for nothing: None, NaN, NaT or NA."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    # pandas has two more, known by name so that pandas need not be imported.
    return type(value).__name__ in {"NaTType", "NAType"}


def missing_in(values: Array) -> NDArray[np.bool_]:
    """Tell which values of a numpy column are missing: (rows,) to (rows,)."""
    if values.dtype == object:
        return np.fromiter((value is None for value in values), bool, len(values))
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)


def evenly_spaced(rows: int, wanted: int) -> NDArray[np.intp]:
    """Choose rows evenly over a sample, the first among them.

    Parameters
    ----------
    rows : int
        Rows there are.
    wanted : int
        Rows to choose, at most.

    Returns
    -------
    numpy.ndarray
        Ascending row numbers.
    """
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


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "text": _text,
    "datetime": _datetime,
}
