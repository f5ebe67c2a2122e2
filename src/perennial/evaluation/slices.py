"""Parts of a sample, by the values of a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns, missing_in
from perennial.model.types import TYPES
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


@dataclass(frozen=True)
class Slice:
    """Rows that share a value of a column, or a quarter of its values."""

    column: str
    value: str
    """The value, or the range of values, for people."""
    rows: NDArray[np.intp]
    """Places in the sample, ascending."""


def slices(columns: Columns, types: dict[str, str], chosen: list[str]) -> Iterator[Slice]:
    """Cut a sample along each chosen column: categories and booleans by value, numbers in quarters.

    In the order of the columns, then of the values; every row is in one slice of each column.
    """
    for name in chosen:
        kind = types.get(name)
        if kind is None or kind in {"text", "datetime"}:
            raise PerennialError(
                f"{name} is {'no feature' if kind is None else f'of type {kind}'}",
                where="params.yaml: evaluate.slices",
                hint="name features of type category, boolean, number or integer",
            )
        cut = _by_quarter if TYPES[kind].is_quantity else _by_value
        for value, is_in in cut(columns[name]):
            yield Slice(name, value, np.flatnonzero(is_in))


def _by_value(values: Array) -> Iterator[tuple[str, Array]]:
    missing = missing_in(values)
    parts = {_text(value): values == value for value in set(values[~missing].tolist())}
    if missing.any():
        parts["(missing)"] = missing
    yield from sorted(parts.items())


def _text(value: Any) -> str:
    return str(bool(value)).lower() if isinstance(value, float) else str(value)


def _by_quarter(values: Array) -> Iterator[tuple[str, Array]]:
    missing = np.isnan(values)
    known = values[~missing]
    if len(known):
        edges = np.unique(np.quantile(known, [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf"))
        lows = edges[:-1] if len(edges) > 1 else edges
        for place, low in enumerate(lows):
            high = edges[min(place + 1, len(edges) - 1)]
            is_last = place == len(lows) - 1
            below = values <= high if is_last else values < high
            yield f"{low:g} to {high:g}", (values >= low) & below
    if missing.any():
        yield "(missing)", missing
