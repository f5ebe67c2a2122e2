"""Every file in the landing folder counts, and nothing else may be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.data.contract import Contract
from perennial.params.collect import Collect
from perennial.runtime.errors import PerennialError
from perennial.sources import files

CONTRACT = Contract.model_validate(
    {
        "version": 1,
        "name": "t",
        "columns": {"x": {"type": "number"}, "y": {"type": "boolean", "role": "target"}},
    }
)


def test_files_are_read_in_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("x,y\n2,yes\n")
    (tmp_path / "a.jsonl").write_text('{"y": false, "x": 1}\n')
    (tmp_path / "c.csv").write_text("y,x\nno,3\n")
    assert files.read(CONTRACT, Collect(), tmp_path)["x"].tolist() == [1.0, 2.0, 3.0]


def test_files_that_belong_to_the_folder_are_passed_over(tmp_path: Path) -> None:
    for name in ("README.md", ".gitignore", "a.csv.dvc", "a.csv"):
        (tmp_path / name).write_text("x,y\n1,yes\n")
    assert files.present(tmp_path) == [tmp_path / "a.csv"]


def test_other_files_are_named_all_at_once(tmp_path: Path) -> None:
    for name in ("rows.xlsx", ".2024-01.parquet.partial", "a.csv", "b.CSV"):
        (tmp_path / name).write_text("x,y\n1,yes\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PerennialError, match="files that are not rows") as refused:
        files.read(CONTRACT, Collect(), tmp_path)
    for name in ("rows.xlsx", ".2024-01.parquet.partial", "folder"):
        assert f"- {name}" in str(refused.value)
    assert "b.CSV" not in str(refused.value)
    assert "save the sheet as CSV" in str(refused.value)
    assert "move what is in folder/ up" in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_a_tracked_file_that_is_not_here_is_never_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,yes\n")
    (tmp_path / "b.csv.dvc").write_text("outs: []\n")
    with pytest.raises(PerennialError, match=r"not here:\s+- b.csv\s+hint: dvc pull"):
        files.read(CONTRACT, Collect(), tmp_path)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_no_file_at_all(tmp_path: Path, name: str) -> None:
    with pytest.raises(PerennialError, match="holds no file") as refused:
        files.read(CONTRACT, Collect(), tmp_path / name)
    assert "perennial land" in str(refused.value)


def test_a_fault_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,yes\n")
    (tmp_path / "b.csv").write_text("x,y\n1,yes\nmuch,no\n")
    with pytest.raises(PerennialError) as refused:
        files.read(CONTRACT, Collect(), tmp_path)
    assert f"{tmp_path / 'b.csv'}: wrong values:\n  - line 3, column x" in str(refused.value)
