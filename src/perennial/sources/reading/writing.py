"""How one column's values are written: the settings, the contract, and what the values prove."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from perennial.data.contract import Column
from perennial.model.types import Spelling
from perennial.params.collect import Csv, Values
from perennial.runtime.errors import PerennialError

_TRUE = ("true", "1", "yes", "y", "t", "1.0")
_FALSE = ("false", "0", "no", "n", "f", "0.0")

#: Day, month and year in one of two orders, with a time or without.
NUMERIC_DATE = (
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[T ](\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?"
)


@dataclass(frozen=True)
class Writing:
    """How the values of one column are written."""

    decimal: str = "."
    thousands: str = ""
    is_stated: bool = False
    """Whether the decimal mark is known, and not only the usual one."""
    may_be_german: bool = False
    """Whether 1.234 in every row may be thousands: a semicolon stands between values."""
    nulls: frozenset[str] = frozenset([""])
    true: frozenset[str] = frozenset(_TRUE)
    false: frozenset[str] = frozenset(_FALSE)
    date_format: str | None = None
    unit: str = ""
    has_unit: bool = False
    """Whether values are written with the unit: then all of them are."""
    orders: frozenset[str] = frozenset()
    """Which of day and month the dates prove to come first: one of the two, neither or both."""
    spelling: Spelling = field(default_factory=Spelling)
    """How categories are spelled."""

    def learned(self, texts: Iterable[str]) -> Writing:
        """Add what the column's texts, taken together, prove."""
        unit, orders = False, set()
        for text in texts:
            unit = unit or bool(self.unit and self.unit in text)
            date = re.fullmatch(NUMERIC_DATE, text, re.ASCII)
            if date:
                orders |= {"day"} if int(date[1]) > 12 else set()
                orders |= {"month"} if int(date[3]) > 12 else set()
        return replace(self, has_unit=unit, orders=frozenset(orders))


def writing_of(name: str, column: Column, dialect: Csv) -> Writing:
    """How a column is written: its own settings, then those for all."""
    own = dialect.columns.get(name, Values())

    def setting(key: str) -> Any:
        given = getattr(own, key)
        return getattr(dialect, key) if given is None else given

    decimal, thousands = _marks(name, setting("decimal"), setting("thousands"))
    true, false = setting("true_values"), setting("false_values")
    return Writing(
        decimal=decimal or ".",
        thousands="" if thousands in (None, "none") else thousands,
        is_stated=decimal is not None,
        may_be_german=dialect.delimiter == ";",
        nulls=frozenset(text.strip() for text in ("", *(setting("nulls") or []))),
        true=_words(true, _TRUE),
        false=_words(false, _FALSE),
        date_format=setting("date_format"),
        # A unit of 1, which some write for none, is no mark of a number.
        unit="" if re.match(r"[\d.,+()-]", column.unit.strip()) else column.unit.strip(),
        spelling=Spelling(column.labels),
    )


def _words(given: list[str] | None, usual: tuple[str, ...]) -> frozenset[str]:
    return frozenset(usual if given is None else (word.strip().lower() for word in given))


def _marks(name: str, decimal: str | None, thousands: str | None) -> tuple[str | None, str | None]:
    if thousands is None:
        return decimal, {".": ",", ",": "."}.get(decimal or "")
    if decimal is None:
        decimal = "," if thousands == "." else "." if thousands == "," else None
    if decimal == thousands:
        raise PerennialError(
            f"column {name}: decimal and thousands are both {decimal!r}",
            where="params.yaml: collect.csv",
            hint=f"state both in collect.csv.columns.{name}",
        )
    return decimal, thousands
