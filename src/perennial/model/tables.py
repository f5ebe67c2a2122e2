"""Rows in any form that people have them in, as raw values by column.

A form is known by what it can do, so that no package of tables need be imported. Another form is
one more entry of `FORMS`.

Why so: docs/decisions.md#d80
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

#: What is taken, for messages.
TAKEN = "a list of mappings, a mapping of columns, a pandas frame or an Arrow table"


@dataclass(frozen=True)
class Table:
    """Raw values by column; names are checked to differ, and columns to be of one length."""

    names: Sequence[Any]
    rows: int
    #: The values of a column that is there: a list, an array, or a pandas or Arrow column.
    column: Callable[[Any], Any]
    #: Names that a frame's index has: of values that are in no column.
    aside: Sequence[Any] = ()


def read(rows: Any) -> Table:
    """Read rows of any form in `FORMS`; a ValueError or TypeError says what is wrong."""
    form = next(form for is_of, form in FORMS if is_of(rows))
    return form(rows)


def _from_records(rows: Any) -> Table:
    """Read rows one by one, of a generator too; a name that a row lacks is missing there."""
    if not isinstance(rows, Iterable):
        raise TypeError(f"{type(rows).__name__!r} object is not iterable: give {TAKEN}")
    records = rows if type(rows) is list else list(rows)
    for row in records:
        if not isinstance(row, Mapping):
            raise TypeError(f"a row is a mapping of columns to values, not {type(row).__name__}")
    names = dict.fromkeys(name for row in records for name in row)
    return Table([*names], len(records), lambda name: [row.get(name) for row in records])


def _from_frame(frame: Any) -> Table:
    names = list(frame.columns)
    _refuse_twice(names)
    # Polars' frames have no index.
    aside = [
        name for name in getattr(getattr(frame, "index", None), "names", ()) if name not in names
    ]
    return Table(names, len(frame), frame.__getitem__, aside)


def _from_arrow(rows: Any) -> Table:
    table = rows
    if not hasattr(rows, "column_names"):
        # A stream of batches, or another library's table, which makes one of Arrow's itself.
        convert = next((name for name in _TO_ARROW if hasattr(rows, name)), None)
        if convert is None:
            raise TypeError(f"{type(rows).__name__} is no table: give {TAKEN}")
        table = getattr(rows, convert)()
    _refuse_twice(table.column_names)
    return Table(table.column_names, table.num_rows, table.column)


#: What turns rows into an Arrow table: of Arrow's own streams, Polars, DuckDB and Ibis.
_TO_ARROW = ("read_all", "to_arrow", "to_arrow_table", "to_pyarrow")


def _from_mapping(columns: Mapping[Any, Any]) -> Table:
    lists = {name: _listed(name, values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    return Table([*lists], next(iter(lengths.values()), 0), lists.__getitem__)


def _listed(name: Any, values: Any) -> Any:
    if isinstance(values, Mapping):
        raise TypeError(
            f"{name}: a column is a list of values, not a mapping; of a frame take "
            'to_dict("list") or to_dict("records"), or the frame itself'
        )
    is_ordered = isinstance(values, Iterable) and not isinstance(values, str | bytes | Set)
    if not is_ordered or getattr(values, "ndim", 1) != 1:
        raise ValueError(f"{name}: a column is a list of values; one row is [row]")
    return values if hasattr(values, "__len__") else list(values)


def _refuse_twice(names: Sequence[Any]) -> None:
    if len(set(names)) == len(names):
        return
    name = next(name for name in names if list(names).count(name) > 1)
    places = [str(place) for place, each in enumerate(names, start=1) if each == name]
    raise ValueError(
        f"{name!r} is the name of more than one column: {', '.join(places[:-1])} and {places[-1]}"
    )


#: Every form, with what tells it. The first that fits reads the rows; the last takes what is left.
FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Table]], ...] = (
    (lambda rows: type(rows) is list, _from_records),
    (lambda rows: hasattr(rows, "iloc") and hasattr(rows, "columns"), _from_frame),
    (lambda rows: hasattr(rows, "__arrow_c_stream__"), _from_arrow),
    (lambda rows: hasattr(rows, "__arrow_c_array__"), _from_arrow),
    (lambda rows: isinstance(rows, Mapping), _from_mapping),
    (lambda _: True, _from_records),
)
