"""Columns brought to the contract's types, or every one that differs told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract, Type
from perennial.model.types import TYPES
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading.columns import check_columns
from perennial.sources.reading.conversion import REFUSALS, convert, takes
from perennial.sources.reading.origin import Origin, clipped

_HIDDEN = "(not shown: the column is sensitive)"

Piece = Callable[[str, int, int], Any]


def conform(
    table: pa.Table, contract: Contract, origin: Origin, *, is_text: bool = False
) -> pa.Table:
    """Bring a table to the contract's columns and types.

    Parameters
    ----------
    table : pyarrow.Table
        Rows with columns of any type.
    contract : Contract
        The columns and their types.
    origin : Origin
        Where the rows come from, for messages.
    is_text : bool
        True if all values are texts, as in CSV; otherwise a text is no number.

    Returns
    -------
    pyarrow.Table
        The same rows; the contract's columns in the contract's order.

    Raises
    ------
    PerennialError
        If columns or values differ from the contract; every column that does is named.
    """
    check_columns(table.column_names, contract, origin.name)
    wrong = [
        f"column {name}: {table.schema.field(name).type} where the contract says {column.type}"
        for name, column in contract.columns.items()
        if not takes(column.type, table.schema.field(name).type, is_text=is_text)
    ]
    if wrong:
        raise PerennialError(f"wrong types:{listed(wrong)}", where=origin.name, hint=origin.hint)

    def piece(name: str, start: int, stop: int) -> pa.ChunkedArray:
        return table[name].slice(start, stop - start)

    return _converted(piece, len(table), contract, origin, is_text=is_text)


def from_values(
    columns: Mapping[str, Sequence[Any]], contract: Contract, origin: Origin
) -> pa.Table:
    """Build a table of Python values, as JSON or a database gives them.

    Parameters
    ----------
    columns : mapping
        Each column's values.
    contract : Contract
        The columns and their types.
    origin : Origin
        Where the rows come from, for messages.

    Returns
    -------
    pyarrow.Table
        The contract's columns in the contract's order.

    Raises
    ------
    PerennialError
        If columns or values differ from the contract; every column that does is named.
    """
    check_columns(list(columns), contract, origin.name)

    def piece(name: str, start: int, stop: int) -> pa.ChunkedArray:
        values = columns[name][start:stop]
        if TYPES[contract.columns[name].type].arrow == "string":
            values = [_as_text(value) for value in values]
        return pa.chunked_array([pa.array(values)])

    return _converted(piece, len(next(iter(columns.values()))), contract, origin, is_text=False)


@dataclass(frozen=True)
class _Fault:
    row: int
    column: str
    value: Any
    meant: str

    def told(self, origin: Origin) -> str:
        shown = clipped(json.dumps(self.value, ensure_ascii=False, default=str))
        return f"{origin.place(self.row)}, column {self.column}: {shown} is not {self.meant}"


def _converted(
    piece: Piece, rows: int, contract: Contract, origin: Origin, *, is_text: bool
) -> pa.Table:
    if not rows:
        raise PerennialError(
            "it has no rows", where=origin.name, hint="fetch it again, or remove it"
        )
    columns, faults = {}, []
    for name, column in contract.columns.items():
        try:
            columns[name] = convert(piece(name, 0, rows), column.type, is_text=is_text)
        except REFUSALS:
            row = _first_refused(piece, name, rows, column.type, is_text=is_text)
            value = _HIDDEN if column.sensitive else _shown(piece, name, row)
            faults.append(_Fault(row, name, value, TYPES[column.type].meaning))
    if not faults:
        faults = _missing_times(columns, contract)
    if faults:
        told = listed(fault.told(origin) for fault in faults)
        raise PerennialError(f"wrong values:{told}", where=origin.name, hint=origin.hint)
    return pa.table(columns)


def _first_refused(piece: Piece, name: str, rows: int, kind: Type, *, is_text: bool) -> int:
    # Halving costs two conversions in all, and finds a culprit for any kind of refusal.
    low, high = 0, rows
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(piece(name, low, middle), kind, is_text=is_text)
            low = middle
        except REFUSALS:
            high = middle
    return low


def _shown(piece: Piece, name: str, row: int) -> Any:
    try:
        return piece(name, row, row + 1)[0].as_py()
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
