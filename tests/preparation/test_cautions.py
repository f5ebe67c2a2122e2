"""A last period that is not over is told where it is the whole test set, and no other is."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.contract import Contract
from perennial.params.prepare import ShareSplit, Split, TimeSplit
from perennial.preparation.cautions import partial_period

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


@pytest.mark.parametrize("split", [TimeSplit(method="time", test=2), ShareSplit(method="random")])
def test_other_splits(split: Split) -> None:
    assert told("2024-04", ("2024-04-01", "2024-04-05", 80), MARCH, split) == []
