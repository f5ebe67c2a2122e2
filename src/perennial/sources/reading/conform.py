"""Columns brought to the contract's names and types, or an error that names every difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from perennial.data.contract import Column, Contract
from perennial.data.parquet import ARROW
from perennial.model.types import TYPES
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading.conversion import (
    Refusal,
    RefusedColumn,
    accepts,
    convert,
)
from perennial.sources.reading.names import check_names
from perennial.sources.reading.origin import Origin, clipped

if TYPE_CHECKING:
    from perennial.sources.reading.faults import Fault

_HIDDEN = "(not shown: the column is sensitive)"

#: Gives a column in its Arrow type, or raises `RefusedColumn`.
_Convert = Callable[[str, Column], pa.ChunkedArray]


class Conformed(NamedTuple):
    """Rows in the contract's types, and which of their times had an offset from UTC."""

    rows: pd.DataFrame
    zoned: dict[str, bool]
    """Whether times are instants in UTC, by name; columns without a time are left out."""


def conform(
    table: pa.Table,
    contract: Contract,
    origin: Origin,
    dialect: Csv | None = None,
    *,
    is_text: bool = False,
) -> Conformed:
    """Bring a table to the contract's columns and types.

    With `is_text` all values are texts, as in CSV; otherwise a text is no number. Without a
    `dialect` texts are taken as they are: they come from a source that trims them itself.
    """
    check_names(table.column_names, contract, origin.name)
    wrong = [
        f"column {name}: {table.schema.field(name).type} where the contract says {column.type}"
        for name, column in contract.columns.items()
        if column.role != "ignored"
        and not accepts(column.type, table.schema.field(name).type, is_text=is_text)
    ]
    if wrong:
        raise PerennialError(f"wrong types:{listed(wrong)}", where=origin.name, hint=origin.hint)

    if dialect is not None:
        from perennial.sources.reading.writing import writing_of

    def converted(name: str, column: Column) -> pa.ChunkedArray:
        if not accepts(column.type, table[name].type, is_text=is_text):
            return pa.chunked_array([pa.nulls(len(table), ARROW[column.type])])
        how = None if dialect is None else writing_of(name, column, dialect)
        return convert(table[name], column.type, how, is_text=is_text)

    return _converted(converted, len(table), contract, origin)


def from_values(
    columns: Mapping[str, Sequence[Any]], contract: Contract, origin: Origin
) -> Conformed:
    """Bring columns of Python values, as JSON or a database gives them, to the contract's types."""
    from perennial.sources.reading.single import one_by_one
    from perennial.sources.reading.writing import writing_of

    check_names(list(columns), contract, origin.name)

    def converted(name: str, column: Column) -> pa.ChunkedArray:
        values, how = columns[name], writing_of(name, column, Csv())
        if column.role == "ignored":
            values = [None if isinstance(v, list | dict | bytes) else v for v in values]
        array = _array(values) if column.type in {"number", "integer", "boolean"} else None
        if array is None or not accepts(column.type, array.type, is_text=False):
            return one_by_one(values, column.type, how, is_text=False)
        return convert(pa.chunked_array([array]), column.type, how, is_text=False)

    return _converted(converted, len(next(iter(columns.values()))), contract, origin)


def _array(values: Sequence[Any]) -> pa.Array | None:
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return None


def _converted(convert_: _Convert, rows: int, contract: Contract, origin: Origin) -> Conformed:
    if not rows:
        raise PerennialError(
            "it has no rows", where=origin.name, hint="fetch it again, or remove it"
        )
    columns, faults = {}, []
    for name, column in contract.columns.items():
        try:
            columns[name] = convert_(name, column)
        except RefusedColumn as refused:
            faults += _faults(name, column, refused.refusals, origin)
    faults = faults or _missing_times(columns, contract, origin)
    if faults:
        from perennial.sources.reading.faults import WrongValues

        raise WrongValues(faults, where=origin.name, hint=origin.hint)
    zoned = {
        name: values.type.tz is not None
        for name, values in columns.items()
        if pt.is_timestamp(values.type) and values.null_count < rows
    }
    for name in [name for name, is_zoned in zoned.items() if is_zoned]:
        columns[name] = columns[name].cast(ARROW["datetime"])
    return Conformed(pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype), zoned)


def _faults(name: str, column: Column, refusals: Sequence[Refusal], origin: Origin) -> list[Fault]:
    from perennial.sources.reading.faults import Fault, WrongValue

    by_reason: dict[str, list[WrongValue]] = {}
    for refusal in refusals:
        shown = _HIDDEN if column.sensitive else _shown(refusal.value)
        value = WrongValue(shown, origin.place(refusal.row), refusal.count)
        by_reason.setdefault(refusal.expected, []).append(value)
    return [Fault(name, expected, values) for expected, values in by_reason.items()]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return clipped(text.encode(errors="backslashreplace").decode())


def _missing_times(
    columns: Mapping[str, pa.ChunkedArray], contract: Contract, origin: Origin
) -> list[Fault]:
    # Without a time a row belongs to no period.
    time = contract.only("time")
    if time is None or not columns[time].null_count:
        return []
    from perennial.sources.reading.faults import Fault, WrongValue

    row = pc.index(pc.is_null(columns[time]), pa.scalar(value=True)).as_py()
    value = WrongValue("null", origin.place(row), columns[time].null_count)
    return [Fault(time, f"{TYPES['datetime'].meaning}: the time column lacks nothing", [value])]
