"""The stage in projects of its own: what it reads, writes, prints, and refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from perennial.data import parquet
from perennial.params import paths
from perennial.preparation.leakage.checks import CHECKS
from perennial.runtime.errors import PerennialError
from perennial.stages import prepare

ROOT = Path(__file__).parents[2]
CODES = {check.code for check in CHECKS}

IRIS = """\
version: 1
name: iris
columns:
  flower: {type: integer, role: id}
  sepal_length: {type: number, min: 0, max: 10, unit: cm}
  sepal_width: {type: number, min: 0, max: 10, unit: cm}
  petal_length: {type: number, min: 0, max: 10, unit: cm}
  petal_width: {type: number, min: 0, max: 10, unit: cm}
  species: {type: category, role: target, categories: [setosa, versicolor, virginica]}
"""
SALES = """\
version: 1
name: sales
columns:
  order: {type: text, role: id}
  sold: {type: datetime, role: time, parts: [weekday]}
  shop: {type: category, categories: [north, south]}
  amount: {type: number, min: 0, missing: 0.2}
  note: {type: text, role: ignored}
  returned: {type: boolean, role: target, missing: 0.1}
"""


def iris() -> pa.Table:
    """The csv that scikit-learn ships, read without importing it."""
    specification = find_spec("sklearn")
    assert specification is not None
    path = Path(str(specification.origin)).parent / "datasets/data/iris.csv"
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    species = ["setosa", "versicolor", "virginica"]
    return pa.table(
        {
            "flower": pa.array(range(len(rows)), pa.int64()),
            **{name: [float(row[i]) for row in rows] for i, name in enumerate(names)},
            "species": [species[int(row[4])] for row in rows],
        }
    )


def sales(month: int, rows: int = 200) -> pa.Table:
    """A month of orders; every tenth lacks its amount, every twentieth its label."""
    draw = np.random.Generator(np.random.PCG64(month))
    minutes = np.arange(rows) * 60
    start = np.datetime64(f"2013-{month:02}-01T00:00", "us")
    amount = np.where(np.arange(rows) % 10 == 3, np.nan, draw.lognormal(3, 1, rows))
    returned = draw.random(rows) < 0.3
    return pa.table(
        {
            "order": [f"{month}-{i}" for i in range(rows)],
            "sold": pa.array(start + minutes.astype("timedelta64[m]")),
            "shop": draw.choice(["north", "south"], rows).tolist(),
            "amount": amount,
            "note": pa.array([None] * rows, pa.string()),
            "returned": [None if i % 20 == 7 else bool(v) for i, v in enumerate(returned)],
        }
    )


def changed(table: pa.Table, column: str, values: dict[int, Any]) -> pa.Table:
    place = table.column_names.index(column)
    items = table[column].to_pylist()
    for row, value in values.items():
        items[row] = value
    return table.set_column(place, column, pa.array(items, table.schema.field(column).type))


class Project:
    """A folder with what the stage reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data/raw").mkdir(parents=True)
        (folder / "requirements").mkdir()
        (folder / "requirements/build.txt").touch()

    def params(self, **sections: Any) -> None:
        # JSON is YAML.
        (self.folder / "params.yaml").write_text(json.dumps({"prepare": sections}))

    def contract(self, text: str) -> None:
        (self.folder / "data/contract.yaml").write_text(text, encoding="utf-8")

    def raw(self, **periods: pa.Table) -> None:
        for name, table in periods.items():
            parquet.write(self.folder / f"data/raw/{name}.parquet", table)

    def start(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Start the stage as DVC does, from a copy of the source."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", self.folder / "src", ignore=ignored, dirs_exist_ok=True)
        return subprocess.run(
            [sys.executable, "src", "prepare"],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def metrics(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "metrics/data.json").read_text())
        return value

    def prepared(self, name: str) -> pa.Table:
        return parquet.read(self.folder / f"data/prepared/{name}.parquet")

    def outputs(self) -> dict[str, bytes]:
        paths = [*self.folder.glob("data/prepared/*"), *self.folder.glob("metrics/*")]
        return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@pytest.fixture
def flowers(project: Project) -> Project:
    project.contract(IRIS)
    project.params(split={"method": "random"})
    project.raw(all=iris())
    return project


@pytest.fixture
def shop(project: Project) -> Project:
    project.contract(SALES)
    project.params(max_reject_share=0.02)
    project.raw(**{f"2013-{month:02}": sales(month) for month in (1, 2, 3, 4)})
    return project


def refusal() -> str:
    with pytest.raises(PerennialError) as caught:
        prepare.main()
    return str(caught.value)


def test_iris_is_split_at_random_and_nothing_stops_it(
    flowers: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.main()
    metrics = flowers.metrics()
    assert metrics["rows"] == {
        "raw": 150, "rejected": 0, "unlabelled": 0, "train": 90, "validation": 30, "test": 30,
    }  # fmt: skip
    assert set(metrics) == {"rows", "labels", "rejects", "missing", "time", "checks"}
    assert metrics["time"] == {}
    assert {check["code"] for check in metrics["checks"]} == CODES
    status = {check["code"]: check["status"] for check in metrics["checks"]}
    # PL002 could not look at so few rows, and says so.
    assert [code for code, word in status.items() if word == "not applicable"] == [
        "PL002", "PL003", "PL005",
    ]  # fmt: skip
    assert sum(metrics["labels"]["train"].values()) == pytest.approx(1, abs=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "150 rows of 1 period (all): 0 rejected, 0 unlabelled"
    assert lines[1].startswith("train: 90 rows, species setosa ")
    assert lines[-1] == "checks: 4 of 7 passed, not applicable: PL002, PL003, PL005"
    assert len(lines) == 5


def test_by_time_the_last_months_are_held_out(
    shop: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.main()
    train, validation, test = (shop.prepared(name) for name in ("train", "validation", "test"))
    assert [table.num_rows for table in (train, validation, test)] == [380, 190, 190]
    assert train["order"].to_pylist() == [
        f"{month}-{i}" for month in (1, 2) for i in range(200) if i % 20 != 7
    ]
    # No ignored column, no NaN, no row without label.
    assert train.column_names == ["order", "sold", "shop", "amount", "returned"]
    assert train["amount"].null_count == 40
    assert train["returned"].null_count == 0
    metrics = shop.metrics()
    assert metrics["rows"]["unlabelled"] == 40
    assert metrics["missing"]["amount"]["train"] == pytest.approx(40 / 380, abs=1e-6)
    assert metrics["time"]["test"] == {
        "first": "2013-04-01T00:00:00",
        "last": "2013-04-09T07:00:00",
    }
    share = np.mean(test["returned"].to_pylist())
    assert metrics["labels"]["test"] == {"positive": pytest.approx(share, abs=1e-6)}
    quarantine = shop.prepared("quarantine")
    assert quarantine.num_rows == 0
    assert quarantine.schema.field("reasons").type == pa.string()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "800 rows of 4 periods (2013-01 to 2013-04): 0 rejected, 40 unlabelled"
    assert lines[3] == f"test: 190 rows, returned True {share:.2%}"


def test_rows_that_break_the_contract_are_quarantined_with_their_reasons(shop: Project) -> None:
    january = changed(sales(1), "shop", {0: "west", 1: None})
    january = changed(january, "amount", {0: -1.0, 5: float("inf")})
    shop.raw(**{"2013-01": changed(january, "order", {6: "1-5"})})
    prepare.main()
    quarantine = shop.prepared("quarantine")
    assert quarantine.column_names == [
        "order", "sold", "shop", "amount", "note", "returned", "reasons",
    ]  # fmt: skip
    assert quarantine.select(["order", "reasons"]).to_pylist() == [
        {"order": "1-0", "reasons": "shop: category, amount: range"},
        {"order": "1-1", "reasons": "shop: missing"},
        {"order": "1-5", "reasons": "amount: not finite"},
        {"order": "1-5", "reasons": "order: duplicate id"},
    ]
    assert shop.metrics()["rejects"] == {
        "amount": {"not finite": 1, "range": 1},
        "order": {"duplicate id": 1},
        "shop": {"category": 1, "missing": 1},
    }
    assert shop.metrics()["rows"]["rejected"] == 4
    assert shop.prepared("train").num_rows == 376


EXTREMES = """\
version: 1
name: extremes
columns:
  key: {type: integer, role: id}
  number: {type: number, missing: 1.0}
  whole: {type: integer, missing: 1.0}
  at: {type: datetime, missing: 1.0}
  flag: {type: boolean, missing: 1.0}
  word: {type: text, missing: 1.0}
  y: {type: boolean, role: target}
"""


def extremes(numbers: list[Any]) -> pa.Table:
    """200 rows of four kinds, with values that frames are known to spoil."""
    years_1_and_9999 = [-62135596800000000, None, 253402300799999999, 1]
    columns = {
        "number": pa.array(numbers * 50, pa.float64()),
        "whole": pa.array([2**53 + 1, None, -(2**63), 2**63 - 1] * 50),
        "at": pa.array(years_1_and_9999 * 50, pa.timestamp("us")),
        "flag": pa.array([True, None, False, True] * 50),
        "word": pa.array(["", None, "None", "nan"] * 50),
        "y": pa.array([i % 3 == 0 for i in range(200)]),
    }
    return pa.table({"key": pa.array(range(2**60, 2**60 + 200)), **columns})


def test_values_come_through_unchanged_but_for_nan(project: Project) -> None:
    project.contract(EXTREMES)
    project.params(split={"method": "random"}, max_reject_share=0.25, checks={"accept": ["PL004"]})
    nan, infinite = float("nan"), float("inf")
    # A file that pandas wrote may name a column as its index: it stays a column.
    metadata = {"pandas": json.dumps({"index_columns": ["word"], "columns": []})}
    raw = extremes([5e-324, None, nan, infinite]).replace_schema_metadata(metadata)
    pq.write_table(raw, "data/raw/all.parquet")
    prepare.main()
    sides = [project.prepared(name) for name in ("train", "validation", "test")]
    is_accepted = pa.array([True, True, True, False] * 50)
    wanted = extremes([5e-324, None, None, infinite]).filter(is_accepted)
    assert pa.concat_tables(sides).sort_by("key").equals(wanted)
    quarantine = project.prepared("quarantine")
    assert quarantine.drop_columns(["reasons"]).equals(raw.filter(pc.invert(is_accepted)))


def test_a_rejected_row_keeps_its_nan(project: Project) -> None:
    project.contract(EXTREMES)
    project.params(split={"method": "random"}, max_reject_share=0.25, checks={"accept": ["PL004"]})
    raw = extremes([0.0, float("nan"), 1.0, 2.0])
    twice = pa.array([2**60 + (1 if i == 5 else i) for i in range(200)])
    project.raw(all=raw.set_column(0, "key", twice))
    prepare.main()
    quarantine = project.prepared("quarantine")
    assert quarantine["reasons"].to_pylist() == ["key: duplicate id"]
    assert quarantine["key"].to_pylist() == [2**60 + 1]
    assert quarantine["number"].null_count == 0


def test_past_the_limits_every_breach_is_listed_at_once_and_nothing_is_written(
    shop: Project,
) -> None:
    january = changed(sales(1), "shop", dict.fromkeys(range(20), "west"))
    january = changed(january, "amount", dict.fromkeys(range(199), None))
    january = changed(january, "returned", dict.fromkeys(range(100, 199), None))
    february = sales(2).drop_columns(["sold"]).append_column("rebate", pa.array([1.0] * 200))
    march = sales(3)
    march = march.set_column(3, "amount", march["amount"].cast(pa.float32()))
    shop.raw(**{"2013-01": january, "2013-02": february})
    message = refusal()
    for part in (
        "data/raw: the rows break data/contract.yaml:",
        "data/raw/2013-02.parquet: column sold is absent",
        "data/raw/2013-02.parquet: column rebate is not in the contract",
        "returned: 134 of 800 rows are unlabelled (16.75%), 10.00% may be",
        "amount: 155 of 666 labelled rows lack it",
        "19 of 800 rows are rejected (2.38%), 2.00% may be (prepare.max_reject_share)",
        "shop: category: 19 rows; first: order 1-0 of period 2013-01, value 'west'",
        "hint: ",
    ):
        assert part in message
    assert shop.outputs() == {}
    shop.raw(**{"2013-03": march})
    assert "data/raw/2013-03.parquet: column amount is float" in refusal()


def test_a_leak_stops_the_stage_and_says_how_to_accept_it(
    shop: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.contract(SALES.replace("note: {type: text, role: ignored}", "note: {type: text}"))
    months = {f"2013-{month:02}": sales(month) for month in (1, 2, 3, 4)}
    for name, table in months.items():
        notes = [f"refund {v}" if v else "thanks" for v in table["returned"].to_pylist()]
        months[name] = changed(table, "note", dict(enumerate(notes)))
    shop.raw(**months)
    message = refusal()
    assert "PL001 the target copied into a feature: note" in message
    assert "PL002 a feature that nearly determines the target: note" in message
    assert "prepare.checks.accept: [PL001, PL002]" in message
    assert shop.outputs() == {}
    capsys.readouterr()
    shop.params(checks={"accept": ["PL001", "PL002"]})
    prepare.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:2] for line in lines if line.startswith("acc")] == [
        ["accepted:", "PL001"],
        ["accepted:", "PL002"],
    ]
    records = {check["code"]: check for check in shop.metrics()["checks"]}
    assert records["PL001"]["status"] == "finding"
    assert records["PL001"]["accepted"] is True


def test_a_reader_who_hangs_up_costs_no_output(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare.main()
    outputs = shop.outputs()
    for path in (paths.TRAIN, paths.DATA_METRICS):
        path.unlink()

    def closed(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    with pytest.raises(BrokenPipeError):
        prepare.main()
    assert shop.outputs() == outputs


def test_a_warning_is_one_line_and_goes_into_the_metrics(
    shop: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.contract(SALES.replace("text, role: ignored}", "text, missing: 1.0}"))
    prepare.main()
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("warning: P")]
    assert line.startswith("warning: PC002 a feature that is always missing: note: ")
    records = {check["code"]: check for check in shop.metrics()["checks"]}
    assert records["PC002"]["details"][0]["name"] == "note"
    assert records["PC002"]["accepted"] is False


def test_a_last_period_that_is_not_over_is_told(
    shop: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.main()
    assert not any("last period" in line for line in shop.metrics().get("warnings", []))
    whole = {f"2013-{month:02}": sales(month, 640) for month in (1, 2, 3)}
    shop.raw(**whole, **{"2013-04": sales(4)})
    capsys.readouterr()
    prepare.main()
    lines = [s for s in capsys.readouterr().out.splitlines() if s.startswith("warning")]
    assert "the last period, 2013-04, ends on 2013-04-09T" in lines[0]
    assert shop.metrics()["warnings"] == [line.removeprefix("warning: ") for line in lines]


def test_a_regression_is_summed_up_by_mean_and_deviation(
    shop: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SALES.replace("missing: 0.2}", "missing: 0.2, role: target}")
    shop.contract(text.replace("role: target, missing: 0.1}", "missing: 0.1}"))
    prepare.main()
    values = np.array(shop.prepared("train")["amount"].to_pylist())
    assert shop.metrics()["labels"]["train"] == {
        "mean": pytest.approx(values.mean(), abs=1e-6),
        "std": pytest.approx(values.std(), abs=1e-6),
    }
    assert f"train: 360 rows, amount mean {values.mean():.6g}, std" in capsys.readouterr().out


def test_no_raw_rows_are_refused(flowers: Project) -> None:
    path = flowers.folder / "data/raw/all.parquet"
    parquet.write(path, iris().slice(0, 0))
    assert refusal().startswith("data/raw: the periods have no rows")
    path.unlink()
    assert refusal().startswith("data/raw: no period has been collected")
    shutil.rmtree(path.parent)
    assert refusal().startswith("data/raw: no period has been collected")


def test_a_broken_raw_file_is_refused_by_name(flowers: Project) -> None:
    path = flowers.folder / "data/raw/all.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    assert refusal().startswith("data/raw/all.parquet: not a whole Parquet file")


def test_a_table_with_other_columns_altogether_is_refused(flowers: Project) -> None:
    flowers.raw(all=pa.table({"a": [1], "b": ["x"]}))
    message = refusal()
    assert "data/raw/all.parquet: column species is absent" in message
    assert "data/raw/all.parquet: column b is not in the contract" in message


def test_the_name_of_the_quarantines_own_column_is_taken(flowers: Project) -> None:
    flowers.contract(IRIS.replace("flower:", "reasons:"))
    flowers.raw(all=iris().rename_columns(["reasons", *iris().column_names[1:]]))
    assert "a column is named reasons, as the quarantine's own is: rename it" in refusal()


def test_periods_that_do_not_sort_in_time_order_are_a_leak(shop: Project) -> None:
    # "10" sorts before "2": October would train while the checks see a future row.
    for path in shop.folder.glob("data/raw/*"):
        path.unlink()
    shop.raw(**{str(month): sales(month) for month in (2, 3, 10)})
    assert "PL005 training rows from the future of held-out rows" in refusal()


def test_order_of_columns_chunks_and_metadata_of_raw_files_do_not_matter(shop: Project) -> None:
    prepare.main()
    before = shop.outputs()
    table = sales(2)
    table = pa.concat_tables([table.slice(0, 7), table.slice(7)]).select(table.column_names[::-1])
    fields = [field.with_metadata({"a": "b"}).with_nullable(True) for field in table.schema]
    shop.raw(**{"2013-02": table.cast(pa.schema(fields, metadata={"c": "d"}))})
    prepare.main()
    assert shop.outputs() == before


def test_a_new_period_moves_no_row_of_a_split_by_id(shop: Project) -> None:
    shop.params(split={"method": "id"})
    names = ("train", "validation", "test")
    prepare.main()
    before = {name: set(shop.prepared(name)["order"].to_pylist()) for name in names}
    shop.raw(**{"2013-05": sales(5)})
    prepare.main()
    for name in names:
        orders = shop.prepared(name)["order"].to_pylist()
        assert {order for order in orders if not order.startswith("5-")} == before[name]


def test_the_same_bytes_under_any_hash_seed_zone_locale_and_threads(shop: Project) -> None:
    first = shop.start(PYTHONHASHSEED="1", TZ="Asia/Tokyo", OMP_NUM_THREADS="1")
    assert (first.returncode, first.stderr) == (0, "")
    outputs = shop.outputs()
    assert set(outputs) == {
        "train.parquet", "validation.parquet", "test.parquet", "quarantine.parquet", "data.json",
    }  # fmt: skip
    second = shop.start(PYTHONHASHSEED="2", TZ="America/New_York", LC_ALL="C", OMP_NUM_THREADS="4")
    assert second.stdout == first.stdout
    assert shop.outputs() == outputs
    # And the same as in this process.
    prepare.main()
    assert shop.outputs() == outputs


def test_the_stage_reports_a_fault_and_imports_neither_scikit_learn_nor_dvc(
    flowers: Project,
) -> None:
    params = flowers.folder / "params.yaml"
    whole = {**json.loads(params.read_text()), "collect": {"period": "all"}}
    params.write_text(json.dumps(whole))
    sound = flowers.start(PYTHONPROFILEIMPORTTIME="1")
    assert sound.returncode == 0
    imported = set(re.findall(r"\| +(\S+)", sound.stderr))
    assert "pyarrow" in imported
    assert not imported & {"sklearn", "scipy", "dvc"}
    flowers.params(split={"method": "time"})
    fault = flowers.start()
    assert fault.returncode == 1
    assert fault.stderr.startswith("prepare: params.yaml: 2 wrong:\n")
    assert "prepare.split.method: time goes by the column of role time" in fault.stderr
    assert "Traceback" not in fault.stderr
