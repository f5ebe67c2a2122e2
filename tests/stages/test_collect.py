"""The stage files rows by period, in one canonical order, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.params.collect import Collect
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import parsed
from perennial.stages import collect

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/example"
CONTRACT = """\
version: 1
name: sales
columns:
  id: {type: text, role: id}
  at: {type: datetime, role: time}
  price: {type: number}
  sold: {type: boolean, role: target}
"""
HEADER = "id,at,price,sold\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "data/landing").mkdir(parents=True)
    (tmp_path / "data/contract.yaml").write_text(CONTRACT)
    (tmp_path / "params.yaml").write_text("collect: {source: files}\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/build.txt").touch()
    return tmp_path


def run(project: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "src", "collect"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def land(project: Path, name: str, *rows: str) -> None:
    text = HEADER + "".join(f"{row}\n" for row in rows)
    (project / "data/landing" / name).write_text(text)


def hashes(project: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "data/raw").iterdir())
    }


JANUARY = ("b,2024-01-31T23:59:59,1,yes", "a,2024-01-02,2,no", "c,2024-01-02,,")
FEBRUARY = ("d,2024-02-01,4,yes",)


class TestStage:
    def test_one_file_a_month_sorted_by_time_and_id(self, project: Path) -> None:
        land(project, "rows.csv", *FEBRUARY, *JANUARY)
        assert run(project).returncode == 0
        assert list(hashes(project)) == ["2024-01.parquet", "2024-02.parquet"]
        january = parquet.read(project / "data/raw/2024-01.parquet")
        assert january["id"].to_pylist() == ["a", "c", "b"]
        assert january.schema.names == ["id", "at", "price", "sold"]

    def test_a_new_month_changes_no_earlier_file(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY)
        run(project)
        before = hashes(project)
        land(project, "more.csv", *FEBRUARY)
        run(project)
        after = hashes(project)
        assert after.pop("2024-02.parquet")
        assert after == before

    def test_the_bytes_depend_on_rows_alone(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY, *FEBRUARY)
        run(project)
        before = hashes(project)
        (project / "data/landing/rows.csv").unlink()
        land(project, "z.csv", *reversed(JANUARY))
        land(project, "a.csv", *FEBRUARY)
        elsewhere = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
        run(project, env={**os.environ, **elsewhere})
        assert hashes(project) == before

    def test_flights_until_september(self, project: Path) -> None:
        shutil.copy(EXAMPLE / "contract.yaml", project / "data/contract.yaml")
        (project / "params.yaml").write_text('collect: {until: "2013-09"}\n')
        assert run(project).returncode == 0
        counts = [
            parquet.read(path, ["late"]).num_rows
            for path in sorted((project / "data/raw").iterdir())
        ]
        assert len(counts) == 9
        assert sum(counts) == 252_484

    def test_the_flights_contract_is_asked_for(self, project: Path) -> None:
        (project / "params.yaml").write_text("collect: {}\n")
        done = run(project)
        assert done.returncode == 1
        assert "the source flights: its columns are not those of data/contract.yaml" in done.stderr

    def test_a_bad_row_is_reported_and_earlier_raw_rows_stay(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY)
        run(project)
        before = hashes(project)
        land(project, "more.csv", *FEBRUARY, "e,someday,5,yes")
        done = run(project)
        assert done.returncode == 1
        assert "collect: data/landing/more.csv: wrong values" in done.stderr
        assert 'line 3, column at: "someday" is not a date and time' in done.stderr
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
        assert hashes(project) == before

    def test_a_full_disk_leaves_nothing_half_written(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY)
        run(project)
        before = hashes(project)
        land(project, "more.csv", *(f"{i},2024-02-01,{i},yes" for i in range(9_999)))
        limit = (20_000, 20_000)
        done = run(project, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        assert done.returncode == 1
        assert "File too large" in done.stderr
        assert "Traceback" not in done.stderr
        assert hashes(project) == before
        assert sorted(path.name for path in (project / "data").iterdir()) == [
            "contract.yaml",
            "landing",
            "raw",
        ]

    def test_it_says_what_it_leaves_out_and_what_nobody_keeps(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY, "f,2024-02-01,1,yes", "m1,2024-03-01,1,yes",
             "m2,2024-03-02,1,yes")  # fmt: skip
        land(project, "kept.csv", "j,2024-01-31,1,no")
        (project / "data/landing/kept.csv.dvc").write_text("outs: []\n")
        (project / "params.yaml").write_text('collect: {source: files, until: "2024-01"}\n')
        assert run(project).stdout.splitlines() == [
            f"collected {len(JANUARY) + 1} rows of 1 period (2024-01)",
            "left out 3 rows of 2 periods (2024-02 to 2024-03), by collect.until: 2024-01:",
            "  2024-02 1, 2024-03 2",
            "no .dvc file keeps 1 of the files in data/landing:",
            "  unless git keeps them: dvc add data/landing/rows.csv",
        ]

    def test_a_source_that_is_taken_whole_leaves_nothing_out(self, project: Path) -> None:
        land(project, "rows.csv", *JANUARY, "f,2024-02-01,1,yes")
        (project / "data/landing/rows.csv.dvc").write_text("outs: []\n")
        rows = f"{len(JANUARY) + 1} rows of 2 periods"
        assert run(project).stdout == f"collected {rows} (2024-01 to 2024-02)\n"


class TestPeriods:
    SALES = Contract.model_validate(
        {
            "version": 1,
            "name": "sales",
            "columns": {
                "at": {"type": "datetime", "role": "time"},
                "x": {"type": "integer"},
                "y": {"type": "boolean", "role": "target"},
            },
        }
    )
    DATES = ("2012-12-31", "2013-08-31", "2013-09-01", "2013-09-30T23:59", "2013-10-01")

    def rows(self) -> pd.DataFrame:
        text = "at,x,y\n" + "".join(f"{date},1,yes\n" for date in reversed(self.DATES))
        return parsed(text.encode(), "rows.csv", self.SALES)

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"period": "year"}, ["2012", "2013"]),
            ({"period": "month", "since": "2013"}, ["2013-08", "2013-09", "2013-10"]),
            (
                {"period": "day", "since": "2013-09", "until": "2013-09"},
                ["2013-09-01", "2013-09-30"],
            ),
            ({"period": "month", "until": "2013-08-01"}, ["2012-12", "2013-08"]),
            ({"period": "all"}, ["all"]),
        ],
    )
    def test_periods_wanted(self, params: dict[str, Any], expected: list[str]) -> None:
        rows, _ = collect.by_period(self.rows(), self.SALES, Collect(**params))
        assert list(rows) == expected

    def test_no_rows_left(self) -> None:
        with pytest.raises(
            PerennialError, match="no rows from 2014: the source has 2012-12 to 2013"
        ):
            collect.by_period(self.rows(), self.SALES, Collect(since="2014"))

    def test_a_table_without_time_needs_the_period_all(self) -> None:
        columns = {**self.SALES.columns}
        columns["at"] = columns["at"].model_copy(update={"role": "ignored"})
        timeless = self.SALES.model_copy(update={"columns": columns})
        with pytest.raises(PerennialError, match=r"collect\.period: all"):
            collect.by_period(self.rows(), timeless, Collect())
        rows, _ = collect.by_period(self.rows(), timeless, Collect(period="all"))
        assert len(rows["all"]) == len(self.DATES)


def test_the_examples_contract_is_valid_and_explains_every_column() -> None:
    contract = read_contract(EXAMPLE / "contract.yaml")
    assert contract.target == "late"
    assert contract.only("id") == "flight_id"
    assert "scheduled_departure" in contract.features
    for name, column in contract.columns.items():
        assert column.description, name
        assert column.unit or column.type not in {"number", "datetime"}, name


class TestWrittenElsewhere:
    """Through the real stage, with settings from params.yaml; the rest is in tests/sources."""

    def test_a_german_table(self, project: Path) -> None:
        (project / "params.yaml").write_text(
            'collect:\n  source: files\n  csv:\n    delimiter: ";"\n    decimal: ","\n'
            '    encoding: cp1252\n    date_format: "%d.%m.%Y"\n'
            "    true_values: [ja]\n    false_values: [nein]\n    nulls: [k. A.]\n"
        )
        rows = "ä;28.01.2024;1.234,5;ja", "b;04.02.2024;(432);Nein", "c;05.02.2024;k. A.;ja"
        text = "id;at;price;sold\n" + "\n".join(rows) + "\n"
        (project / "data/landing/rows.CSV").write_bytes(text.encode("cp1252"))
        done = run(project)
        assert (done.returncode, done.stderr) == (0, "")
        january, february = (
            parquet.read(project / f"data/raw/2024-0{month}.parquet").to_pylist()
            for month in (1, 2)
        )
        assert [(row["id"], row["price"], row["sold"]) for row in january] == [("ä", 1234.5, True)]
        assert [(row["price"], row["sold"]) for row in february] == [(-432.0, False), (None, True)]

    def test_what_often_means_a_missing_value_is_kept_and_told(self, project: Path) -> None:
        contract = CONTRACT.replace("  price: {type: number}", "  price: {type: category}")
        (project / "data/contract.yaml").write_text(contract)
        land(project, "rows.csv", *(f"{i},2024-01-02,{text},yes" for i, text in
                                    enumerate(["NA", "BE", '"NA"', ""])))  # fmt: skip
        done = run(project)
        assert done.returncode == 0
        assert "column price: 'NA' (2 rows) taken as a value" in done.stderr
        assert "collect.csv.columns.price.nulls" in done.stderr
        raw = parquet.read(project / "data/raw/2024-01.parquet")
        assert raw["price"].to_pylist() == ["NA", "BE", "NA", None]

    def test_true_of_january_is_the_true_of_february(self, project: Path) -> None:
        contract = CONTRACT.replace("  price: {type: number}", "  price: {type: category}")
        (project / "data/contract.yaml").write_text(contract)
        land(project, "a.csv", "a,2024-01-02,True,yes", "b,2024-01-03,1,yes")
        land(project, "b.csv", "a,2024-02-02,TRUE,YES", "b,2024-02-03,1.0,yes")
        assert run(project).returncode == 0
        one, two = (
            parquet.read(project / f"data/raw/2024-0{month}.parquet")["price"].to_pylist()
            for month in (1, 2)
        )
        assert one == two == ["true", "1"]

    def test_a_setting_for_no_column_is_refused(self, project: Path) -> None:
        (project / "params.yaml").write_text(
            'collect: {source: files, csv: {columns: {prize: {decimal: ","}}}}\n'
        )
        land(project, "rows.csv", *JANUARY)
        done = run(project)
        assert done.returncode == 1
        assert "line 1: collect.csv.columns.prize: no column of the contract" in done.stderr

    def test_both_files_that_are_wrong_are_told_at_once(self, project: Path) -> None:
        land(project, "a.csv", *JANUARY, "e,2024-01-02,much,yes")
        land(project, "b.csv", "f,2024-02-01,more,maybe", *FEBRUARY)
        done = run(project)
        assert done.returncode == 1
        assert "2 files cannot be read:" in done.stderr
        assert '"much" in data/landing/a.csv, line 5, "more" in data/landing/b.csv' in done.stderr
        assert 'data/landing/b.csv, line 2, column sold: "maybe" is not true' in done.stderr
