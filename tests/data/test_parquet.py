"""The same rows are the same bytes; a broken file is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from perennial.data import parquet
from perennial.runtime.errors import PerennialError

ROWS = parquet.ROW_GROUP + 7
TABLE = pa.table(
    {
        "number": np.arange(ROWS) / 7,
        "word": pa.array([f"w{number % 5}" if number % 3 else None for number in range(ROWS)]),
        # Long enough that pages end somewhere, and a page must not end where a chunk does.
        "line": pa.array([f"{number:050}" for number in range(ROWS)]),
        "at": pa.array(np.arange(ROWS).astype("datetime64[us]")),
    }
)


def written(folder: Path, table: pa.Table, name: str = "rows.parquet") -> bytes:
    parquet.write(folder / name, table)
    return (folder / name).read_bytes()


def test_rows_come_back_in_order_with_their_types(tmp_path: Path) -> None:
    written(tmp_path, TABLE)
    assert parquet.read(tmp_path / "rows.parquet").equals(TABLE)


def test_chunks_metadata_name_and_time_do_not_matter(tmp_path: Path) -> None:
    once = written(tmp_path, TABLE)
    chunked = pa.concat_tables([TABLE.slice(0, 11), TABLE.slice(11, 5_000), TABLE.slice(5_011)])
    described = chunked.replace_schema_metadata({"made": "today"})
    assert written(tmp_path, described, "other.parquet") == once


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_do_not_matter(tmp_path: Path, threads: str) -> None:
    code = (
        "import sys; from pathlib import Path; from perennial.data import parquet\n"
        "parquet.write(Path(sys.argv[2]), parquet.read(Path(sys.argv[1])))"
    )
    once = written(tmp_path, TABLE)
    src = str(Path(__file__).parents[2] / "src")
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "rows.parquet", tmp_path / "again"],
        env={**os.environ, "PYTHONPATH": src, "OMP_NUM_THREADS": threads},
        check=True,
    )
    assert (tmp_path / "again").read_bytes() == once


def test_some_columns_in_the_order_of_the_request(tmp_path: Path) -> None:
    written(tmp_path, TABLE)
    table = parquet.read(tmp_path / "rows.parquet", ["word", "number"])
    assert table.equals(TABLE.select(["word", "number"]))


def test_an_absent_column_is_reported_by_name(tmp_path: Path) -> None:
    written(tmp_path, TABLE)
    with pytest.raises(PerennialError, match=r"rows\.parquet: no such column: .*price"):
        parquet.read(tmp_path / "rows.parquet", ["word", "price"])


def test_a_missing_file_is_reported_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(PerennialError, match="the file is missing\n  hint: dvc repro"):
        parquet.read(tmp_path / "rows.parquet")


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_file_cut_short_is_reported_and_no_row_is_given(tmp_path: Path, keep: int) -> None:
    whole = written(tmp_path, TABLE.slice(0, 50))
    (tmp_path / "rows.parquet").write_bytes(whole[:keep])
    with pytest.raises(PerennialError, match=r"rows\.parquet: not a whole Parquet file: "):
        parquet.read(tmp_path / "rows.parquet")


def test_a_file_that_may_not_be_read_is_not_called_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root reads everything, so the refusal of a plain user is given here.
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(parquet.pq, "ParquetFile", refuse)
    with pytest.raises(PermissionError):
        parquet.read(tmp_path / "rows.parquet")
