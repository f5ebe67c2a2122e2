"""A request against the contract that a bundle's manifest carries.

Why so: docs/decisions.md#d82
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.bundle.reference import raw_values
from perennial.model import tables
from perennial.model.columns import Columns, from_column, missing_in
from perennial.model.types import Spelling, text_of

Array = NDArray[Any]

#: Categories that a message lists.
_MOST = 8


class RequestError(ValueError):
    """Rows that break the contract."""


@dataclass(frozen=True)
class Outside:
    """A value of the right type that `prepare` would reject: out of range, or not listed."""

    row: int
    """Row of the request, from 0."""
    column: str
    """Name of the column."""
    value: Any
    """The value, as JSON has it."""
    allowed: str
    """What the contract allows, in words."""

    @property
    def reason(self) -> str:
        """Why `prepare` would reject the value, in a sentence."""
        return f"{self.value!r} is not what the contract allows: {self.allowed}"


class RequestRules:
    """The rules of a request, ready to be applied: made once of a manifest.

    Numbers are checked together, as one array (columns, rows): a service asks one row at a time.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._known = manifest["columns"]
        self.setting: str = manifest["requests"]["outside"]
        rules = {name: self._known[name] for name in manifest["features"]}
        self.types = {name: rule["type"] for name, rule in rules.items()}
        self._required = [name for name, rule in rules.items() if rule["missing"] == 0]
        ends = {name: (rule.get("min"), rule.get("max")) for name, rule in rules.items()}
        self._ranges = {name: pair for name, pair in ends.items() if pair != (None, None)}
        self._moments = [name for name in self._ranges if self.types[name] == "datetime"]
        self._numbers = [name for name in self._ranges if name not in self._moments]
        # NaN, and NaT, where there is no end: nothing lies beyond.
        pairs = [self._ranges[name] for name in self._numbers]
        self._ends = np.array(pairs, dtype=np.float64).reshape(-1, 2, 1)
        self._lists = {
            name: [text_of(category) for category in rule["categories"]]
            for name, rule in rules.items()
            if rule.get("categories") is not None
        }
        self._listed = {name: frozenset([*texts, None]) for name, texts in self._lists.items()}
        # Bundles from before this take texts as they come.
        is_normal = manifest["requests"].get("normal_form", False)
        self._spellings: dict[str, Callable[[str], str]] = {
            name: Spelling(self._lists.get(name, ())) if kind == "category" else str
            for name, kind in self.types.items()
            if is_normal and kind in {"category", "text"}
        }

    def read(self, rows: Any) -> Columns:
        """Check raw rows of any form, and turn them into numpy columns; or a `RequestError`."""
        try:
            table = tables.read(rows)
            self._check_names(table.names)
            self._check_index(table.aside)
            given = set(table.names)
            absent = [None] * table.rows
            columns = {
                name: self._column(name, table.column(name) if name in given else absent, kind)
                for name, kind in self.types.items()
            }
        except (TypeError, ValueError) as error:
            raise RequestError(str(error)) from None
        for name, spelling in self._spellings.items():
            columns[name] = _as_prepared(columns[name], spelling)
        self._check_missing(columns)
        if table.rows and given.isdisjoint(self.types):
            raise RequestError(f"no column of the model is there: {_few(self.types)}")
        return columns

    def _column(self, name: str, values: Any, kind: str) -> Array:
        try:
            return from_column(name, values, kind)
        except (TypeError, ValueError):
            if kind != "category" or name not in self._spellings:
                raise
            # As collect takes them from Parquet: 3 and true are the categories "3" and "true".
            return from_column(name, _as_texts(values, self._lists.get(name, ())), kind)

    def outside(self, columns: Columns) -> list[Outside]:
        """Values that `prepare` would reject, by row and then by column."""
        values = [
            Outside(row, name, raw_values(columns[name][[row]], self.types[name])[0], allowed)
            for name, is_outside, allowed in self._broken(columns)
            for row in np.flatnonzero(is_outside).tolist()
        ]
        return sorted(values, key=lambda outside: (outside.row, outside.column))

    def _broken(self, columns: Columns) -> Iterator[tuple[str, Array, str]]:
        for name, is_outside in self._out_of_range(columns):
            ends = zip(("from", "to"), self._ranges[name], strict=True)
            allowed = [f"{word} {end}" for word, end in ends if end is not None]
            yield name, is_outside, " ".join(allowed)
        for name, listed in self._listed.items():
            values = columns[name]
            if not listed.issuperset(values):
                is_unlisted = np.array([value not in listed for value in values])
                yield name, is_unlisted, _few(self._lists[name])

    def _out_of_range(self, columns: Columns) -> Iterator[tuple[str, Array]]:
        if self._numbers:
            numbers = np.array([columns[name] for name in self._numbers])
            are_outside = (numbers < self._ends[:, 0]) | (numbers > self._ends[:, 1])
            if are_outside.any():
                yield from zip(self._numbers, are_outside, strict=True)
        for name in self._moments:
            low, high = np.array(self._ranges[name], dtype="datetime64[us]")
            yield name, (columns[name] < low) | (columns[name] > high)

    def _check_names(self, names: Iterable[Any]) -> None:
        for name in names:
            if name not in self._known:
                near = get_close_matches(str(name), self._known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise RequestError(f"no column {name!r}{hint}")

    def _check_index(self, names: Iterable[Any]) -> None:
        for name in names:
            if name in self.types:
                raise RequestError(
                    f"{name} is the frame's index, and no column: take reset_index()"
                )

    def _check_missing(self, columns: Columns) -> None:
        for name in self._required:
            missing = missing_in(columns[name])
            if missing.any():
                row = int(missing.argmax())
                raise RequestError(f"row {row}, {name}: missing, and it must not be")


def _as_texts(values: Any, listed: Collection[str]) -> list[Any]:
    """Whole numbers and booleans as texts, and numbers that the contract lists."""
    to_list = next((getattr(values, name) for name in _TO_LIST if hasattr(values, name)), None)
    plain = list(values) if to_list is None else to_list()
    return [text_of(value) if _is_category(value, listed) else value for value in plain]


def _is_category(value: Any, listed: Collection[str]) -> bool:
    if isinstance(value, float):
        return value.is_integer() or text_of(value) in listed
    return isinstance(value, bool | int)


#: What gives the plain values of a column, in Arrow, and in numpy and pandas.
_TO_LIST = ("to_pylist", "tolist")


def _as_prepared(values: Array, spelling: Callable[[str], str]) -> Array:
    """Texts as `collect` makes them: without spaces around them, and spelled alike."""
    spelled: dict[Any, Any] = {None: None}
    for text in {*values} - {None}:
        trimmed = text.strip()
        spelled[text] = spelling(trimmed) if trimmed else None
    if all(text == other for text, other in spelled.items()):
        return values
    return np.array([spelled[text] for text in values], dtype=object)


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return f"{', '.join(names[:_MOST])}{', …' if len(names) > _MOST else ''}"
