"""A last period that is not over is told where it is the whole test set, and no other is."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.contract import Contract
from perennial.params.prepare import ShareSplit, Split, TimeSplit
from perennial.preparation.cautions import odd_years, partial_period

CONTRACT = Contract.model_validate(
    {
        "version": 1,
        "name": "t",
        "columns": {
            "at": {"type": "datetime", "role": "time"},
            "x": {"type": "number"},
            "y": {"type": "boolean", "role": "target"},
        },
    }
)


def side(start: str, end: str, rows: int) -> pd.DataFrame:
    moments = pd.date_range(start, end, periods=rows).astype(pd.ArrowDtype(pa.timestamp("us")))
    return pd.DataFrame({"at": moments})


def told(last: str, test: Any, before: Any, split: Split | None = None) -> list[str]:
    sides = {"validation": side(*before), "test": side(*test)}
    return list(partial_period(sides, CONTRACT, split or TimeSplit(method="time"), last))


MARCH = ("2024-03-01", "2024-03-31T20:00", 500)


@pytest.mark.parametrize(
    ("last", "test", "before", "share"),
    [
        ("2024-04", ("2024-04-01", "2024-04-05T12:00", 80), MARCH, "15%"),
        ("2024", ("2024-01-01", "2024-07-01", 80), ("2023-01-01", "2023-12-31", 500), "50%"),
        ("2024-04-02", ("2024-04-02", "2024-04-02T06:00", 60),
         ("2024-04-01", "2024-04-01T23:00", 300), "25%"),
    ],
)  # fmt: skip
def test_a_last_period_that_is_not_over(last: str, test: Any, before: Any, share: str) -> None:
    (message,) = told(last, test, before)
    assert message.startswith(f"the last period, {last}, ends on {test[1][:10]}T")
    assert f"after {share} of it, and is the whole test set ({test[2]} rows)" in message
    assert "collect.until" in message


@pytest.mark.parametrize(
    ("last", "test", "before"),
    [
        ("2024-04", ("2024-04-01", "2024-04-29", 80), MARCH),
        # Rows that bear the first of their month, and rows that are few.
        ("2024-04", ("2024-04-01", "2024-04-01", 80), ("2024-03-01", "2024-03-01", 80)),
        ("2024-04", ("2024-04-01", "2024-04-14", 5), ("2024-03-01", "2024-03-31", 9)),
        # Periods whose names are not of a calendar, and the end of time.
        ("10", ("2024-04-01", "2024-04-05", 80), MARCH),
        ("9999-12", ("9999-12-01", "9999-12-05", 80), ("9999-11-01", "9999-11-30", 500)),
    ],
)
def test_other_last_periods(last: str, test: Any, before: Any) -> None:
    assert told(last, test, before) == []


def test_without_validation_the_end_of_train_shows_what_is_usual() -> None:
    split = TimeSplit(method="time", validation=1)
    sides = {
        "train": side("2023-01-01", "2024-03-31T20:00", 3000),
        "validation": side("2024-01-01", "2024-01-01", 1)[:0],
        "test": side("2024-04-01", "2024-04-05", 80),
    }
    assert len(list(partial_period(sides, CONTRACT, split, "2024-04"))) == 1


@pytest.mark.parametrize("split", [TimeSplit(method="time", test=2), ShareSplit(method="random")])
def test_other_splits(split: Split) -> None:
    assert told("2024-04", ("2024-04-01", "2024-04-05", 80), MARCH, split) == []


def test_moments_that_few_tables_have() -> None:
    dates = ["1800-01-01", "2200-12-31T23:59", "2700-08-15T07:12", None, "2024-01-01"]
    moments = pd.Series(dates).astype(pd.ArrowDtype(pa.timestamp("us")))
    sides = {"train": pd.DataFrame({"at": moments}), "test": pd.DataFrame({"at": moments[3:]})}
    (message,) = odd_years(sides, CONTRACT)
    assert message.startswith(
        "column at: 3 moments outside of the years 1900 to 2099, from 1800-01-01T00:00:00 to "
        "2700-08-15T07:12:00"
    )
    usual = {name: rows[3:] for name, rows in sides.items()}
    assert list(odd_years(usual, CONTRACT)) == []
    assert list(odd_years({"train": sides["train"][3:4]}, CONTRACT)) == []
    for change in ({"max": "2800-01-01"}, {"sensitive": True}):
        column = CONTRACT.columns["at"].model_copy(update=change)
        columns = {**CONTRACT.columns, "at": column}
        assert list(odd_years(sides, CONTRACT.model_copy(update={"columns": columns}))) == []
