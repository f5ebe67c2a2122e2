"""A column's values as one type of the contract, without loss.

Arrow converts a column at once where every value is plainly written. Where one is not, each
distinct value is looked at by itself, in `single`, and those that are refused are counted.

Why so: docs/decisions.md#d85
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from perennial.data.contract import Type
from perennial.data.parquet import ARROW

if TYPE_CHECKING:
    from perennial.sources.reading.writing import Writing

#: Whole numbers are exact as floats up to here.
EXACT = 2**53

#: What Arrow raises for a column that it cannot convert.
_ARROW = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)

_DIGITS = r"^-?[0-9]+$"
_PLAIN_WHOLE = r"^-?[0-9]+(\.0{0,2})?$"
_GROUPED = r"^-?[1-9][0-9]{0,2}\.[0-9]{3}$"
_OFFSET = r"[0-9]:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
ZONED = pa.timestamp("us", "UTC")
_YEARS = (datetime.min, datetime.max)  # noqa: DTZ901


@dataclass(frozen=True)
class Refusal:
    """A value that is refused: the first row that has it, in how many rows, and why."""

    value: Any
    row: int
    count: int
    expected: str


class RefusedColumn(Exception):
    """Values that are not of the column's type: every distinct one."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__()
        self.refusals = refusals


def accepts(kind: Type, given: pa.DataType, *, is_text: bool) -> bool:
    """Whether a type of the contract is taken from an Arrow type; a value may still be refused.

    With `is_text` all values are texts, as in CSV; otherwise a text is no number.
    """
    if pt.is_dictionary(given):
        return accepts(kind, given.value_type, is_text=is_text)
    if pt.is_null(given):
        return True
    if _is_string(given):
        return is_text or kind in {"category", "text", "datetime"}
    if kind == "datetime":
        return bool(pt.is_timestamp(given) or pt.is_date(given))
    is_number = bool(pt.is_integer(given) or pt.is_floating(given))
    if kind in {"number", "integer"}:
        return is_number or bool(pt.is_decimal(given))
    return is_number or bool(pt.is_boolean(given))


def convert(
    column: pa.ChunkedArray, kind: Type, how: Writing | None, *, is_text: bool
) -> pa.ChunkedArray:
    """Convert a column to the type of `ARROW`, times with an offset to UTC, or refuse its values.

    Arrow's casts are strict where pandas' would round, guess or fill in: whole numbers stay exact,
    missing stays missing. Without `how` texts are known to be in their normal form.
    """
    if pt.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pt.is_null(column.type):
        return column.cast(ARROW[kind])
    is_string = _is_string(column.type)
    if is_string:
        column = column.cast(pa.string())
        column = column if how is None else _trimmed(column, how)
    at_once = _FROM_TEXTS if is_string else _FROM_VALUES
    try:
        return at_once[kind](column, how)
    except _ARROW:
        # Not at the top: plain columns, the flights' among them, never need it.
        from perennial.sources.reading.single import one_by_one

        return one_by_one(column.to_pylist(), kind, how, is_text=is_string and is_text)


def _is_string(given: pa.DataType) -> bool:
    return bool(pt.is_string(given) or pt.is_large_string(given) or pt.is_string_view(given))


def _trimmed(column: pa.ChunkedArray, how: Writing) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    is_null = pc.is_in(trimmed, pa.array(sorted(how.nulls), pa.string()))
    return pc.if_else(is_null, pa.scalar(None, pa.string()), trimmed)


def _numbers_from_texts(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    if how and how.is_stated:
        column = _without_marks(column, how.decimal, how.thousands)
    if how and how.may_be_german and not how.is_stated:
        _refuse_unless(pc.invert(pc.match_substring_regex(column, _GROUPED)))
    numbers = column.cast(pa.float64())
    _refuse_unless(pc.less(pc.abs(numbers), float(EXACT)))
    return _finite(numbers)


def _without_marks(column: pa.ChunkedArray, decimal: str, thousands: str) -> pa.ChunkedArray:
    mark = re.escape(thousands)
    grouped = rf"|[1-9][0-9]{{0,2}}({mark}[0-9]{{3}})+" if thousands else ""
    plain = rf"^-?([0-9]+{grouped})({re.escape(decimal)}[0-9]*)?$"
    _refuse_unless(pc.match_substring_regex(column, plain))
    column = pc.replace_substring(column, thousands, "") if thousands else column
    return pc.replace_substring(column, decimal, ".")


def _numbers(column: pa.ChunkedArray, _: Writing | None) -> pa.ChunkedArray:
    return _finite(_without_nan(column.cast(pa.float64())))


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _finite(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    _refuse_unless(pc.is_finite(numbers))
    # -0.0 equals 0.0 and sorts with it, but has other bytes.
    return pc.add(numbers, 0.0)


def _integers_from_texts(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    is_usual = how is None or how.decimal == "."
    _refuse_unless(pc.match_substring_regex(column, _PLAIN_WHOLE if is_usual else _DIGITS))
    return pc.replace_substring_regex(column, r"\..*", "").cast(pa.int64())


def _integers(column: pa.ChunkedArray, _: Writing | None) -> pa.ChunkedArray:
    if pt.is_floating(column.type):
        column = _without_nan(column)
    return column.cast(pa.int64())


def _booleans_from_texts(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    assert how is not None
    lower = pc.utf8_lower(column)
    is_true = pc.is_in(lower, pa.array(sorted(how.true), pa.string()))
    is_false = pc.is_in(lower, pa.array(sorted(how.false), pa.string()))
    _refuse_unless(pc.or_(pc.is_null(lower), pc.or_(is_true, is_false)))
    return pc.if_else(pc.is_null(lower), pa.scalar(None, pa.bool_()), is_true)


def _booleans(column: pa.ChunkedArray, _: Writing | None) -> pa.ChunkedArray:
    if pt.is_floating(column.type):
        column = _without_nan(column)
    if not pt.is_boolean(column.type):
        _refuse_unless(pc.or_(pc.equal(column, 0), pc.equal(column, 1)))
    return column.cast(pa.bool_())


def _moments_from_texts(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    _refuse_unless(pa.array([how is None or how.date_format in (None, "iso")]))
    zoned = pc.match_substring_regex(column, _OFFSET)
    if pc.any(zoned).as_py():
        # Arrow refuses a text without an offset then.
        return _within_years(column.cast(ZONED))
    return _within_years(column.cast(pa.timestamp("us")))


def _moments(column: pa.ChunkedArray, _: Writing | None) -> pa.ChunkedArray:
    is_zoned = pt.is_timestamp(column.type) and column.type.tz is not None
    # Not safe: what is finer than a microsecond is cut off.
    return _within_years(column.cast(ZONED if is_zoned else pa.timestamp("us"), safe=False))


def _within_years(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    # Arrow knows years that no date of Python's has.
    low, high = (pa.scalar(end, pa.timestamp("us")).cast(moments.type) for end in _YEARS)
    outside = pc.or_(pc.less(moments, low), pc.greater(moments, high))
    if pc.any(outside).as_py():
        row = pc.index(outside, pa.scalar(value=True)).as_py()
        value, count = moments[row].cast(pa.string()).as_py(), pc.sum(outside).as_py()
        raise RefusedColumn([Refusal(value, row, count, "a date and time of the years 1 to 9999")])
    return moments


def _categories_from_texts(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    if how is None:
        return column
    from perennial.sources.reading.values import category

    texts = pc.unique(column)
    spelled = [None if text is None else category(text, how) for text in texts.to_pylist()]
    if spelled == texts.to_pylist():
        return column
    return pc.take(pa.array(spelled, pa.string()), pc.index_in(column, texts))


def _texts(column: pa.ChunkedArray, _: Writing | None) -> pa.ChunkedArray:
    if pt.is_floating(column.type):
        column = _without_nan(column)
        _refuse_unless(pc.less_equal(pc.abs(column), float(EXACT)))
        column = column.cast(pa.int64())
    return column.cast(pa.string())


def _categories(column: pa.ChunkedArray, how: Writing | None) -> pa.ChunkedArray:
    return _categories_from_texts(_texts(column, how), how)


def _refuse_unless(allowed: Any) -> None:
    if pc.all(allowed).as_py() is False:
        raise pa.ArrowInvalid("a value that is not plainly written")


_Convert = Callable[[Any, Any], Any]

_FROM_TEXTS: dict[Type, _Convert] = {
    "category": _categories_from_texts,
    "text": lambda column, _: column,
    "number": _numbers_from_texts,
    "integer": _integers_from_texts,
    "boolean": _booleans_from_texts,
    "datetime": _moments_from_texts,
}

_FROM_VALUES: dict[Type, _Convert] = {
    "category": _categories,
    "text": _texts,
    "number": _numbers,
    "integer": _integers,
    "boolean": _booleans,
    "datetime": _moments,
}
