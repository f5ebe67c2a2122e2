"""How two versions of an output differ, in the words of their kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from perennial.data import parquet
from perennial.review.verify.differences import compare, values

ROWS = {"a": [1, 2, 3], "b": ["x", None, "z"], "c": [1.0, float("nan"), -0.0]}


def written(folder: Path, **columns: Any) -> Path:
    folder.mkdir(exist_ok=True)
    parquet.write(folder / "rows.parquet", pa.table({**ROWS, **columns}))
    return folder / "rows.parquet"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": [1, 2, 4]}, ["column a: 1 of 3 values, first in row 2: 3 before, 4 now"]),
        ({"b": ["x", "y", "z"]}, ["column b: 1 of 3 values, first in row 1: None before, 'y' now"]),
        ({"c": [1.0, float("nan"), 0.0]},
         ["column c: 1 of 3 values, first in row 2: -0.0 before, 0.0 now"]),
        ({"a": [1.0, 2.0, 3.0]}, ["column a: int64 before, double now"]),
        ({"d": [0, 0, 0]}, ["column d is new"]),
        ({"a": [1], "b": ["x"], "c": [1.0]}, ["rows: 3 before, 1 now"]),
    ],
)  # fmt: skip
def test_rows_columns_and_values_of_a_table(
    tmp_path: Path, columns: dict[str, Any], expected: list[str]
) -> None:
    assert compare(written(tmp_path / "old"), written(tmp_path / "new", **columns)) == expected


def test_what_is_around_the_rows(tmp_path: Path) -> None:
    old, new = written(tmp_path / "old"), tmp_path / "new.parquet"
    table = pa.table(ROWS)
    pa.parquet.write_table(table, new, compression="gzip")
    assert compare(old, new) == ["how the file is written; rows and values are the same"]
    pa.parquet.write_table(table.replace_schema_metadata({"by": "me"}), new)
    assert compare(old, new) == ["the schema's metadata; rows and values are the same"]


def test_a_table_that_is_none_is_compared_by_its_bytes(tmp_path: Path) -> None:
    old, new = written(tmp_path / "old"), tmp_path / "new.parquet"
    new.write_bytes(b"PAR1")
    assert compare(old, new)[0].startswith("bytes from 4 on; ")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, ["a: 1 before, 1.0 now"]),
        ([1], [1, {"b": None}], ['[1]: absent before, {"b": null} now']),
        ({"a": [1]}, {"a": {"b": 1}}, ['a: [1] before, {"b": 1} now']),
        (list(range(5)), [9] * 5, [
            "[0]: 0 before, 9 now", "[1]: 1 before, 9 now", "[2]: 2 before, 9 now",
            "and 2 more values",
        ]),
    ],
)  # fmt: skip
def test_keys_of_a_json_value(old: Any, new: Any, expected: list[str]) -> None:
    assert values(old, new) == expected


def test_files_of_a_folder_and_lines_of_a_text(tmp_path: Path) -> None:
    for name, files in {
        "old": {"a.csv": "x\n1\n2\n", "gone.txt": "", "same.bin": "s"},
        "new": {"a.csv": "x\n1\n3\n", "new.txt": "", "same.bin": "s"},
    }.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    assert compare(tmp_path / "old", tmp_path / "new") == [
        "gone.txt is gone",
        "new.txt is new",
        'a.csv: 1 of 4 lines, first line 3: "2" before, "3" now',
    ]
    assert compare(tmp_path / "old", tmp_path / "old") == []
    assert compare(tmp_path / "old", tmp_path / "old/a.csv") == ["a folder before, not now"]
