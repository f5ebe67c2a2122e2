"""Columns brought to the contract's names and types, or an error that names every difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract, Type
from perennial.model.types import TYPES
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading.conversion import REFUSALS, MixedTimes, accepts, convert
from perennial.sources.reading.names import check_names
from perennial.sources.reading.origin import Origin, clipped

_HIDDEN = "(not shown: the column is sensitive)"
_ONE_KIND = "like the times before it: with an offset from UTC in some rows, without one in others"

#: Gives the values of a column between two rows; any of `REFUSALS` where they have no one type.
Values = Callable[[str, int, int], pa.ChunkedArray]


def conform(
    table: pa.Table, contract: Contract, origin: Origin, *, is_text: bool = False
) -> pd.DataFrame:
    """Bring a table to the contract's columns and types.

    With `is_text` all values are texts, as in CSV; otherwise a text is no number.
    """
    check_names(table.column_names, contract, origin.name)
    wrong = [
        f"column {name}: {table.schema.field(name).type} where the contract says {column.type}"
        for name, column in contract.columns.items()
        if not accepts(column.type, table.schema.field(name).type, is_text=is_text)
    ]
    if wrong:
        raise PerennialError(f"wrong types:{listed(wrong)}", where=origin.name, hint=origin.hint)

    def values(name: str, start: int, stop: int) -> pa.ChunkedArray:
        return table[name].slice(start, stop - start)

    return _converted(values, len(table), contract, origin, is_text=is_text)


def from_values(
    columns: Mapping[str, Sequence[Any]], contract: Contract, origin: Origin
) -> pd.DataFrame:
    """Bring columns of Python values, as JSON or a database gives them, to the contract's types."""
    check_names(list(columns), contract, origin.name)

    def values(name: str, start: int, stop: int) -> pa.ChunkedArray:
        part = columns[name][start:stop]
        if TYPES[contract.columns[name].type].arrow == "string":
            part = [_as_text(value) for value in part]
        return pa.chunked_array([pa.array(part)])

    rows = len(next(iter(columns.values())))
    return _converted(values, rows, contract, origin, is_text=False)


def _converted(
    values: Values, rows: int, contract: Contract, origin: Origin, *, is_text: bool
) -> pd.DataFrame:
    if not rows:
        raise PerennialError(
            "it has no rows", where=origin.name, hint="fetch it again, or remove it"
        )
    columns, faults = {}, []
    for name, column in contract.columns.items():
        try:
            columns[name] = convert(values(name, 0, rows), column.type, is_text=is_text)
        except REFUSALS as refusal:
            row, reason = _first_refused(values, name, rows, column.type, refusal, is_text=is_text)
            value = _HIDDEN if column.sensitive else _value(values, name, row)
            expected = _ONE_KIND if isinstance(reason, MixedTimes) else TYPES[column.type].meaning
            faults.append(_Fault(row, name, value, expected))
    faults = faults or _missing_times(columns, contract)
    if faults:
        lines = listed(fault.describe(origin) for fault in faults)
        raise PerennialError(f"wrong values:{lines}", where=origin.name, hint=origin.hint)
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


@dataclass(frozen=True)
class _Fault:
    row: int
    column: str
    value: Any
    expected: str

    def describe(self, origin: Origin) -> str:
        value = clipped(json.dumps(self.value, ensure_ascii=False, default=str))
        return f"{origin.place(self.row)}, column {self.column}: {value} is not {self.expected}"


def _first_refused(
    values: Values, name: str, rows: int, kind: Type, refusal: Exception, *, is_text: bool
) -> tuple[int, Exception]:
    # From the first row each time, for a value may be refused because of one before it.
    low, high = 0, rows
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(values(name, 0, middle), kind, is_text=is_text)
            low = middle
        except REFUSALS as error:
            high, refusal = middle, error
    return low, refusal


def _value(values: Values, name: str, row: int) -> Any:
    try:
        return values(name, row, row + 1)[0].as_py()
    except REFUSALS:
        return "(a value of no single type)"


def _missing_times(columns: Mapping[str, pa.ChunkedArray], contract: Contract) -> list[_Fault]:
    # Without a time a row belongs to no period.
    time = contract.only("time")
    if time is None or not columns[time].null_count:
        return []
    row = pc.index(pc.is_null(columns[time]), pa.scalar(value=True)).as_py()
    return [_Fault(row, time, None, f"{TYPES['datetime'].meaning}: the time column lacks nothing")]


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) or type(value).__name__ == "UUID" else value
