"""Tables that other tools are known to have read wrongly: each value here is the right one."""

from __future__ import annotations

import datetime
import json

import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources import periods
from perennial.sources.reading.formats import parsed

DATES = ("1800-01-01 00:00", "2200-12-31 23:59", "2700-08-15 07:12")


def read(content: str, file: str = "rows.csv", /, **types: str) -> pa.Table:
    """The rows of columns of some types, and of an integer target `y`."""
    columns = {
        column: {"type": kind} if column != "y" else {"type": kind, "role": "target"}
        for column, kind in {**types, "y": "integer"}.items()
    }
    contract = Contract.model_validate({"version": 1, "name": "t", "columns": columns})
    frame = parsed(content.encode(), file, contract, Csv())
    return pa.Table.from_pandas(frame, preserve_index=False)


def refusal(content: str, /, **types: str) -> str:
    with pytest.raises(PerennialError) as refused:
        read(content, **types)
    return str(refused.value)


def test_na_is_a_category_and_only_the_empty_cell_is_missing() -> None:
    text = 'name,iso2,region,y\nNamibia,NA,EMEA,1\nNaaldwijk,"NA",NA,1\nBali,,APAC,1\n'
    table = read(text, name="text", iso2="category", region="category")
    assert table["iso2"].to_pylist() == ["NA", "NA", None]
    assert table["region"].to_pylist() == ["EMEA", "NA", "APAC"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("rows.csv", "x,y\n123,1\n,1\n1582218195625938945,1\n"),
        (
            "rows.jsonl",
            "".join(json.dumps({"x": x, "y": 1}) + "\n" for x in (123, None, 1582218195625938945)),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["integer", "text"])
def test_nineteen_digits_survive_a_gap(file: str, content: str, kind: str) -> None:
    values = [123, None, 1582218195625938945]
    expected = values if kind == "integer" else [value and str(value) for value in values]
    assert read(content, file, x=kind)["x"].to_pylist() == expected


def test_a_comma_at_the_end_of_every_row_shifts_no_column() -> None:
    message = refusal("A,B,y\n1,4,7,\n2,5,8,\n", A="integer", B="integer")
    assert "rows.csv, line 2: 4 values where the header has 3 (and 1 more such lines)" in message


def test_dates_outside_the_range_of_nanoseconds_stay_what_they_are() -> None:
    table = read("at,y\n" + "".join(f"{date},1\n" for date in (*DATES, "")), at="datetime")
    expected = [datetime.datetime.fromisoformat(date) for date in DATES]
    assert table["at"].to_pylist() == [*expected, None]


@pytest.mark.parametrize("length", ["day", "month", "year"])
def test_such_dates_have_their_periods(length: str) -> None:
    moments = pd.Series(list(DATES)).astype(pd.ArrowDtype(pa.timestamp("us")))
    digits = {"day": 10, "month": 7, "year": 4}[length]
    assert periods.names(moments, length).tolist() == [date[:digits] for date in DATES]  # type: ignore[arg-type]


class TestOneTypeAColumn:
    """A reader that guesses types a block at a time makes 12 in row 1 another value than later."""

    WIDE = 30
    ROWS = 100_001

    def table(self, last: str) -> str:
        header = ",".join(["code", *(f"c{i}" for i in range(self.WIDE)), "y"]) + "\n"
        rest = "," + ",".join(["0.123456789012345678901"] * self.WIDE) + ",1\n"
        return header + f"12{rest}" * (self.ROWS - 1) + last + rest

    def test_a_late_text_makes_no_early_number(self) -> None:
        types = {"code": "category"} | {f"c{i}": "number" for i in range(self.WIDE)}
        table = read(self.table("12x"), **types)
        assert table["code"].value_counts().to_pylist() == [
            {"values": "12", "counts": self.ROWS - 1},
            {"values": "12x", "counts": 1},
        ]
        assert table["c0"].unique().to_pylist() == [0.123456789012345678901]

    def test_a_late_text_among_whole_numbers_is_refused_with_its_line(self) -> None:
        types = {"code": "integer"} | {f"c{i}": "number" for i in range(self.WIDE)}
        message = refusal(self.table("12x"), **types)
        assert f'line {self.ROWS + 1}, column code: "12x" is not a whole number' in message


def test_a_name_that_two_columns_have_is_refused_with_both_positions() -> None:
    message = refusal("x,z,x,y\n1,2,3,1\n", x="number", z="number")
    assert "columns of the same name:\n  - 'x': columns 1 and 3" in message


def test_names_that_differ_in_their_brackets_are_two() -> None:
    text = "x[1],x(1),y\n1,2,1\n"
    assert read(text, **{"x[1]": "number", "x(1)": "number"})["x(1)"].to_pylist() == [2.0]
