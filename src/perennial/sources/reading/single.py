"""A column whose values are looked at one by one: each distinct value is converted or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from perennial.data.contract import Type
from perennial.data.parquet import ARROW
from perennial.sources.reading.conversion import ZONED, Refusal, RefusedColumn
from perennial.sources.reading.values import FROM_TEXT, Refused, from_value
from perennial.sources.reading.writing import Writing

ONE_KIND = "like the times before it: with an offset from UTC in some rows, without one in others"


def one_by_one(
    values: Sequence[Any], kind: Type, how: Writing | None, *, is_text: bool
) -> pa.ChunkedArray:
    """Convert Python's values, each distinct one by itself."""
    known: dict[Any, Any] = {}
    how = how or Writing()
    first: dict[Any, tuple[int, Any]] = {}
    keys = [_key(value) for value in values]
    for row, (key, value) in enumerate(zip(keys, values, strict=True)):
        first.setdefault(key, (row, value))
    if kind in {"number", "integer", "datetime"}:
        how = how.learned(value for _, value in first.values() if isinstance(value, str))
    refused = {}
    for key, (_, value) in first.items():
        try:
            known[key] = _one(value, kind, how, is_text=is_text)
        except (Refused, ArithmeticError) as reason:
            refused[key] = str(reason)
    if kind == "datetime" and not refused:
        refused = _other_kind(known)
    if refused:
        raise RefusedColumn(_counted(keys, first, refused))
    is_zoned = any(getattr(value, "tzinfo", None) for value in known.values())
    wanted = ZONED if kind == "datetime" and is_zoned else ARROW[kind]
    return pa.chunked_array([pa.array([known[key] for key in keys], wanted)])


def _one(value: Any, kind: Type, how: Writing, *, is_text: bool) -> Any:
    if value is None:
        return None
    return FROM_TEXT[kind](value, how) if is_text else from_value(value, kind, how)


def _key(value: Any) -> Any:
    # 1, 1.0 and True are one key of a dictionary, and a list is none.
    return (type(value), value) if value.__hash__ else (type(value), repr(value))


def _other_kind(known: dict[Any, Any]) -> dict[Any, str]:
    # Times with an offset and times without have no order.
    zoned = {key: value.tzinfo is not None for key, value in known.items() if value is not None}
    kind = next(iter(zoned.values()), None)
    return {key: ONE_KIND for key, is_zoned in zoned.items() if is_zoned != kind}


def _counted(
    keys: list[Any], first: dict[Any, tuple[int, Any]], refused: dict[Any, str]
) -> list[Refusal]:
    counts = dict.fromkeys(refused, 0)
    for key in keys:
        if key in counts:
            counts[key] += 1
    return [Refusal(first[key][1], first[key][0], counts[key], refused[key]) for key in refused]
