"""Every format gives the same table; a file that is damaged is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.parquet import ARROW
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import read

if TYPE_CHECKING:
    from tables.conftest import Sales

HEADER = "id,at,shop,price,count,sold\n"
GOOD = "a,2024-01-02T03:04,north,1.5,2,true\n"


class TestFormats:
    def test_all_formats_give_the_same_table(self, sales: Sales) -> None:
        rows = (HEADER + GOOD).encode()
        typed = sales.read(rows)
        line = json.dumps({**sales.row, "at": "2024-01-02T03:04:00"})
        assert typed.to_pylist() == [sales.row]
        for name, content in {
            "sales.csv.gz": gzip.compress(rows),
            "sales.parquet": sales.parquet(typed),
            "sales.jsonl": f"{line}\n\n".encode(),
        }.items():
            assert sales.parsed(content, name).equals(typed), name

    def test_columns_come_in_the_contracts_order_and_types(self, sales: Sales) -> None:
        table = sales.read("sold,count,price,shop,at,id\nno,1,2,south,2024-01-01,b\n")
        assert table.schema.equals(
            pa.schema([(n, ARROW[c.type]) for n, c in sales.contract.columns.items()])
        )

    def test_a_file_on_disk_is_read(self, sales: Sales, tmp_path: Path) -> None:
        (tmp_path / "sales.csv").write_text(HEADER + GOOD)
        assert read(tmp_path / "sales.csv", sales.contract).to_dict("records") == [sales.row]

    def test_what_leaves_is_a_frame_of_arrow_backed_columns(
        self, sales: Sales, tmp_path: Path
    ) -> None:
        (tmp_path / "sales.csv").write_text(HEADER + GOOD)
        frame = read(tmp_path / "sales.csv", sales.contract)
        assert frame.dtypes.to_dict() == {
            name: pd.ArrowDtype(ARROW[column.type])
            for name, column in sales.contract.columns.items()
        }

    def test_other_formats_are_refused(self, sales: Sales) -> None:
        message = sales.refusal("x", "sales.orc")
        assert "sales.orc" in message
        assert ".csv, .csv.gz, .tsv, .parquet, .jsonl" in message

    @pytest.mark.parametrize("name", ["sales.xlsx", "SALES.XLSX"])
    def test_a_workbook_is_refused_with_the_way_out(self, sales: Sales, name: str) -> None:
        assert "hint: save the sheet as CSV" in sales.refusal("PK", name)

    @pytest.mark.parametrize("name", ["SALES.CSV", "sales.Csv", "sales.tsv", "SALES.TSV"])
    def test_the_end_of_a_name_counts_in_any_case(self, sales: Sales, name: str) -> None:
        text = HEADER + GOOD
        text = text.replace(",", "\t") if name.lower().endswith("tsv") else text
        assert sales.parsed(text, name).to_pylist() == [sales.row]


class TestBadFiles:
    @pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.parquet", "s.jsonl"])
    def test_an_empty_file(self, sales: Sales, name: str) -> None:
        assert f"{name}: the file is empty" in sales.refusal(b"", name)

    def test_files_without_rows(self, sales: Sales) -> None:
        nothing = sales.read(HEADER + GOOD).slice(0, 0)
        assert "sales.csv: it has no rows" in sales.refusal(HEADER)
        assert "the file is empty" in sales.refusal("\n\n")
        assert "s.parquet: it has no rows" in sales.refusal(sales.parquet(nothing), "s.parquet")
        assert "s.jsonl: it has no rows" in sales.refusal("\n", "s.jsonl")

    def test_truncated_files(self, sales: Sales) -> None:
        whole = sales.parquet(sales.read(HEADER + GOOD))
        packed = gzip.compress((HEADER + GOOD).encode())
        assert "s.parquet: not a whole Parquet file" in sales.refusal(whole[:-20], "s.parquet")
        assert "s.csv.gz: not a whole gzip file" in sales.refusal(packed[:-12], "s.csv.gz")
        assert "s.csv.gz: not a whole gzip file" in sales.refusal(b"id,at\n", "s.csv.gz")

    def test_a_file_that_is_not_there(self, sales: Sales, tmp_path: Path) -> None:
        with pytest.raises(PerennialError, match=r"gone\.csv: the file is missing"):
            read(tmp_path / "gone.csv", sales.contract)

    def test_a_file_that_cannot_be_read(self, sales: Sales, tmp_path: Path) -> None:
        (tmp_path / "folder.csv").mkdir()
        with pytest.raises(PerennialError, match=r"folder.csv: cannot be read: Is a directory"):
            read(tmp_path / "folder.csv", sales.contract)
