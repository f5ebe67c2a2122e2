"""A column's values as one type of the contract, without loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from perennial.data.contract import Type
from perennial.data.parquet import ARROW


class MixedTimes(ValueError):
    """Some times of a column have an offset from UTC and some have none: they have no order."""


#: What `convert` raises for a value that it refuses.
REFUSALS = (
    pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, MixedTimes,
)  # fmt: skip


_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_WHOLE = r"^-?[0-9]+(\.0*)?$"
_OFFSET = r"[0-9]:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


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
    if kind in {"number", "integer"}:
        return bool(pt.is_integer(given) or pt.is_floating(given) or pt.is_decimal(given))
    return bool(pt.is_integer(given) or pt.is_boolean(given))


def convert(column: pa.ChunkedArray, kind: Type, *, is_text: bool) -> pa.ChunkedArray:
    """Convert a column to the type of `ARROW`, or raise one of `REFUSALS`.

    Arrow's casts are strict where pandas' would round, guess or fill in: whole numbers stay exact,
    missing stays missing, and a value that does not fit is an error.
    """
    if not accepts(kind, column.type, is_text=is_text):
        raise pa.ArrowInvalid(f"{column.type} for {kind}")
    if pt.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_string(column.type):
        column = column.cast(pa.string())
        return _FROM_TEXT[kind](column)
    if pt.is_null(column.type):
        return column.cast(ARROW[kind])
    return _FROM_VALUES[kind](column)


def _is_string(given: pa.DataType) -> bool:
    return bool(pt.is_string(given) or pt.is_large_string(given) or pt.is_string_view(given))


def _number_from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _finite(pc.utf8_trim_whitespace(column).cast(pa.float64()))


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = column.cast(pa.float64())
    return _finite(pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers))


def _finite(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    _refuse_unless(pc.is_finite(numbers))
    # -0.0 equals 0.0 and sorts with it, but has other bytes.
    return pc.add(numbers, 0.0)


def _integer_from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    _refuse_unless(pc.match_substring_regex(trimmed, _WHOLE))
    return pc.replace_substring_regex(trimmed, r"\..*", "").cast(pa.int64())


def _integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pt.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column.cast(pa.int64())


def _boolean_from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    _refuse_unless(pc.or_(pc.is_null(lower), pc.is_in(lower, pa.array(_TRUE + _FALSE))))
    return pc.if_else(
        pc.is_null(lower), pa.scalar(None, pa.bool_()), pc.is_in(lower, pa.array(_TRUE))
    )


def _boolean(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pt.is_integer(column.type):
        _refuse_unless(pc.or_(pc.equal(column, 0), pc.equal(column, 1)))
    return column.cast(pa.bool_())


def _datetime_from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    zoned = pc.match_substring_regex(trimmed, _OFFSET)
    nothing = pa.scalar(None, pa.string())
    local = pc.if_else(zoned, nothing, trimmed).cast(pa.timestamp("us"))
    instant = pc.if_else(zoned, trimmed, nothing).cast(pa.timestamp("us", "UTC"))
    if max(local.null_count, instant.null_count) < len(column):
        raise MixedTimes
    return pc.coalesce(local, instant.cast(pa.timestamp("us")))


def _datetime(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # A zone falls away and leaves UTC. Not safe: what is finer than a microsecond is cut off.
    return column.cast(pa.timestamp("us"), safe=False)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _refuse_unless(allowed: pa.ChunkedArray) -> None:
    if pc.all(allowed).as_py() is False:
        raise pa.ArrowInvalid("a value that is not allowed")


_FROM_TEXT: dict[Type, Callable[[Any], Any]] = {
    "category": _text,
    "text": _text,
    "number": _number_from_text,
    "integer": _integer_from_text,
    "boolean": _boolean_from_text,
    "datetime": _datetime_from_text,
}

_FROM_VALUES: dict[Type, Callable[[Any], Any]] = {
    "category": _text,
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "datetime": _datetime,
}
