"""Tables that broke other tools, through collect and prepare: the right value, or a question."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.data import parquet
from perennial.runtime.errors import PerennialError
from perennial.stages import collect, prepare

#: Rows of each table. The values under test come first, those after them repeat the last.
ROWS = 60

Table = Callable[..., list[Any]]


@pytest.fixture
def table(in_folder: Path) -> Table:
    """Collects and prepares a table of one column under test, and gives that column's values."""

    def run(
        values: list[str], column: str, csv: dict[str, Any] | None = None, **files: bytes
    ) -> list[Any]:
        (in_folder / "data/landing").mkdir(parents=True, exist_ok=True)
        params = {
            "collect": {"source": "files", "period": "all", "csv": csv or {}},
            "prepare": {
                "split": {"method": "random"},
                "checks": {"accept": ["PL001", "PL002", "PL004"]},
            },
        }
        (in_folder / "params.yaml").write_text(json.dumps(params))
        (in_folder / "data/contract.yaml").write_text(
            "version: 1\nname: t\ncolumns:\n  row: {type: integer, role: id}\n"
            f"  x: {column}\n  y: {{type: boolean, role: target}}\n",
            encoding="utf-8",
        )
        mark = (csv or {}).get("delimiter", ",")
        texts = values + values[-1:] * (ROWS - len(values))
        lines = [mark.join((str(i), text, str(i % 3 == 0))) for i, text in enumerate(texts)]
        text = "\n".join([mark.join(("row", "x", "y")), *lines]) + "\n"
        (in_folder / "data/landing/rows.csv").write_text(text, encoding="utf-8")
        for name, content in files.items():
            (in_folder / "data/landing" / name.replace("_", ".")).write_bytes(content)
        collect.main()
        prepare.main()
        sides = [parquet.read(Path(f"data/prepared/{n}.parquet")) for n in SIDES]
        known = {row["row"]: row["x"] for side in sides for row in side.to_pylist()}
        return [known[i] for i in range(len(values))]

    return run


SIDES = ("train", "validation", "test")
GAPS = "missing: 1.0}"


@pytest.mark.parametrize(
    ("values", "column", "csv", "expected"),
    [
        (["NA", '"NA"', "", "EMEA"], "{type: category, " + GAPS, {}, ["NA", "NA", None, "EMEA"]),
        (["123", "", "1582218195625938945"], "{type: integer, " + GAPS, {},
         [123, None, 1582218195625938945]),
        (["123", "", "1582218195625938945"], "{type: text, " + GAPS, {},
         ["123", None, "1582218195625938945"]),
        (["1,1", "2,25", "1.234,5", "(432)"], "{type: number}",
         {"delimiter": ";", "decimal": ","}, [1.1, 2.25, 1234.5, -432.0]),
        (["10 kg", "2.5 kg"], "{type: number, unit: kg}", {}, [10.0, 2.5]),
        (["29%", "3%"], '{type: number, unit: "%"}', {}, [29.0, 3.0]),
        (['"$ 1,200"', "$ 5"], "{type: number, unit: $}", {"decimal": "."}, [1200.0, 5.0]),
        (["true", "", "false"], "{type: boolean, " + GAPS, {}, [True, None, False]),
        (["Y", "N", ""], "{type: boolean, " + GAPS, {}, [True, False, None]),
        (["NULL", "1", "0"], "{type: boolean, " + GAPS, {"nulls": ["NULL"]}, [None, True, False]),
        (["True", "TRUE", "1", "1.0"], "{type: category}", {}, ["true", "true", "1", "1"]),
        (["0.123456789012345678901", "1"], "{type: number}", {}, [0.12345678901234568, 1.0]),
    ],
)  # fmt: skip
def test_the_right_value(
    table: Table, values: list[str], column: str, csv: dict[str, Any], expected: list[Any]
) -> None:
    assert table(values, column, csv) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["28/01/2023", "04/07/2024"], ["2023-01-28T00:00:00", "2024-07-04T00:00:00"]),
        (["2022-10-15", "2019-10-15 12:00:00"], ["2022-10-15T00:00:00", "2019-10-15T12:00:00"]),
        (["2024-04-07T01:30:00+10:00", "2024-04-07T01:30:00+11:00"],
         ["2024-04-06T15:30:00", "2024-04-06T14:30:00"]),
        (["1/01/1800 00:00", "12/31/2200 23:59", "8/15/2700 7:12"],
         ["1800-01-01T00:00:00", "2200-12-31T23:59:00", "2700-08-15T07:12:00"]),
    ],
)  # fmt: skip
def test_the_right_moment(table: Table, values: list[str], expected: list[str]) -> None:
    moments = table(values, "{type: datetime}")
    assert [moment.isoformat() for moment in moments] == expected
    warnings = json.loads(Path("metrics/data.json").read_text()).get("warnings", [])
    assert ("moments outside of" in str(warnings)) == ("1800" in expected[0])


@pytest.mark.parametrize(
    ("values", "kind", "csv", "part"),
    [
        (['"1,234"', '"5,678"'], "number", {}, "collect.csv.decimal"),
        (["04/07/2024", "01/02/2024"], "datetime", {}, "collect.csv.date_format"),
        (["2.5", "<1.0", "<1.0"], "number", {}, '"<1.0" is not a number (59 rows)'),
        (["2024-01-01", "123"], "datetime", {}, '"123" is not a date and time'),
        (["2024-04-07T01:30:00+10:00", "2024-04-07T01:30:00"], "datetime", {},
         "with an offset from UTC in some rows"),
        (["10 kg", "5 lb"], "number", {}, 'unit: "kg"'),
        (["29%", "3 %"], "number", {}, 'unit: "%"'),
        (['"say \\"hi\\""'], "text", {}, "collect.csv.escape"),
        (["9007199254740993"], "number", {}, "past 2^53"),
    ],
)  # fmt: skip
def test_a_question(
    table: Table, values: list[str], kind: str, csv: dict[str, Any], part: str
) -> None:
    with pytest.raises(PerennialError) as refused:
        table(values, f"{{type: {kind}}}", csv)
    assert part in str(refused.value)
    assert refused.value.hint
    assert not Path("data/raw").exists()


def test_files_of_two_kinds_of_time_are_both_named(table: Table) -> None:
    other = b"row,x,y\n1000,2024-01-01T00:00Z,true\n"
    with pytest.raises(PerennialError) as refused:
        table(["2024-01-01"], "{type: datetime}", more_csv=other)
    assert "with an offset from UTC in data/landing/more.csv" in str(refused.value)
    assert "without one in data/landing/rows.csv" in str(refused.value)


def test_rows_without_a_label_are_counted_and_labels_are_the_contracts(in_folder: Path) -> None:
    (in_folder / "data/landing").mkdir(parents=True)
    (in_folder / "params.yaml").write_text(
        "collect: {source: files, period: all}\nprepare: {split: {method: random}}\n"
    )
    (in_folder / "data/contract.yaml").write_text(
        "version: 1\nname: t\ncolumns:\n  x: {type: number}\n"
        "  y: {type: category, role: target, missing: 0.5, categories: ['1.0', '2.0', '3.0']}\n"
    )
    labels = ["", *(["1", "2.0", "1.0"] * 30)]
    lines = [f"{i},{label}" for i, label in enumerate(labels)]
    path = in_folder / "data/landing/rows.csv"
    path.write_text("\n".join(["x,y", *lines, *(f"{i},3" for i in range(100, 130))]) + "\n")
    collect.main()
    prepare.main()
    figures = json.loads(Path("metrics/data.json").read_text())
    assert figures["rows"]["unlabelled"] == 1
    assert set(figures["labels"]["train"]) == {"1.0", "2.0", "3.0"}
