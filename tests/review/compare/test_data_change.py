"""What changed in the data: rows by period, columns, labels, rejects, and how far values moved."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perennial.data import parquet
from perennial.data.contract import Contract
from perennial.data.row_changes import RowChange
from perennial.model.types import TYPES
from perennial.review.compare.data_change import (
    ColumnChange,
    Drift,
    PeriodChange,
    column_changes,
    distance,
    drift,
    label_changes,
    period_changes,
    reject_changes,
)

DAYS = [dt.datetime(2024, 1, day) for day in range(1, 11)]  # noqa: DTZ001 - as the contract has it


def contract(**columns: dict[str, Any]) -> Contract:
    described = {"key": {"type": "text", "role": "id"}, "x": {"type": "number"}, **columns}
    described.setdefault("y", {"type": "boolean", "role": "target"})
    return Contract.model_validate({"version": 1, "name": "t", "columns": described})


def write(folder: Path, period: str, rows: list[tuple[str, float]]) -> None:
    folder.mkdir(exist_ok=True)
    keys, values = zip(*rows, strict=True)
    parquet.write(folder / f"{period}.parquet", pa.table({"key": list(keys), "x": list(values)}))


class TestPeriods:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        base, head = tmp_path / "base", tmp_path / "head"
        for folder in (base, head):
            write(folder, "2024-01", [("a", 1.0), ("b", 2.0)])
        write(base, "2024-02", [("c", 3.0), ("d", 4.0), ("e", 5.0)])
        write(head, "2024-02", [("c", 3.0), ("d", 4.5), ("f", 6.0), ("g", 7.0)])
        write(head, "2024-03", [("h", 8.0)])
        return base, head

    def test_an_id_distinguishes_changed_rows(self, folders: tuple[Path, Path]) -> None:
        assert period_changes(*folders, [contract(), contract()]) == [
            PeriodChange("2024-02", RowChange(added=2, removed=1, changed=1)),
            PeriodChange("2024-03", RowChange(added=1, removed=0, changed=0)),
        ]

    def test_without_an_id_a_changed_row_went_and_another_came(
        self, folders: tuple[Path, Path]
    ) -> None:
        assert period_changes(*folders)[0] == PeriodChange("2024-02", RowChange(3, 2, 0))

    def test_a_period_that_is_gone_lost_its_rows(self, folders: tuple[Path, Path]) -> None:
        base, head = folders
        assert period_changes(head, base)[1] == PeriodChange("2024-03", RowChange(0, 1, 0))


class TestColumns:
    def test_each_kind_of_change_is_named(self) -> None:
        base = contract(old={"type": "text"}, turned={"type": "number"})
        head = contract(new={"type": "category"}, turned={"type": "integer", "role": "ignored"})
        assert column_changes(base, head) == [
            ColumnChange("old", "removed (it was text)"),
            ColumnChange("new", "added (category, feature)"),
            ColumnChange("turned", "type number → integer"),
            ColumnChange("turned", "role feature → ignored"),
        ]
        assert column_changes(base, base) == []


class TestReports:
    def test_only_what_differs_is_listed(self) -> None:
        base = {"labels": {"test": {"positive": 0.1}, "train": {"positive": 0.2}}}
        head = {
            "labels": {"test": {"positive": 0.3}, "train": {"positive": 0.2}},
            "rejects": {"r": 2},
        }
        assert label_changes(base, head) == [("test", "positive", 0.1, 0.3)]
        assert reject_changes(base, head) == [("r", 0, 2)]
        assert reject_changes(head, base) == [("r", 2, 0)]
        assert label_changes(head, {}) == [
            ("test", "positive", 0.3, None),
            ("train", "positive", 0.2, None),
        ]


class TestDrift:
    def test_of_numbers_it_is_kolmogorovs_and_smirnovs(self) -> None:
        """The largest gap between the two shares of values up to some point."""
        rng = np.random.default_rng(0)
        base, head = rng.normal(size=300), rng.normal(0.3, size=200)
        points = np.concatenate([base, head])
        gaps = [abs((base <= point).mean() - (head <= point).mean()) for point in points]
        np.testing.assert_allclose(distance(pd.Series(base), pd.Series(head)), max(gaps))

    def test_of_categories_it_is_total_variation(self) -> None:
        base, head = pd.Series(["a"] * 6 + ["b"] * 4), pd.Series(["a"] * 3 + ["c"] * 7)
        assert distance(base, head) == pytest.approx(0.7)

    @pytest.mark.parametrize("values", [[0.0] * 10, ["x"] * 10])
    def test_values_that_went_missing_count(self, values: list[Any]) -> None:
        whole, gone = pd.Series(values), pd.Series([None] * 4 + values[4:])
        assert distance(whole, gone) == pytest.approx(0.4)
        assert distance(whole, whole) == 0
        assert distance(gone, gone) == 0

    @pytest.mark.parametrize(
        ("kind", "base", "head", "expected", "missing"),
        [
            ("datetime", DAYS, [day + dt.timedelta(5) for day in DAYS], 0.5, 0.0),
            ("datetime", DAYS, [None, None, *DAYS[2:]], 0.2, 0.2),
            ("boolean", [True] * 10, [True] * 4 + [False] * 3 + [None] * 3, 0.3, 0.3),
            ("integer", list(range(10)), [None, *range(1, 10)], 0.1, 0.1),
            ("category", ["a"] * 10, ["a"] * 9 + [None], 0.1, 0.1),
        ],
    )
    def test_every_type_is_measured(
        self, tmp_path: Path, kind: str, base: Any, head: Any, expected: float, missing: float
    ) -> None:
        for name, values in (("base", base), ("head", head)):
            column = pa.array(values, TYPES[kind].arrow)
            table = pa.table({"key": [""] * 10, "x": [0.0] * 10, "z": column})
            parquet.write(tmp_path / f"{name}.parquet", table)
        described = contract(z={"type": kind})
        (moved,) = drift(tmp_path / "base.parquet", tmp_path / "head.parquet", described, described)
        assert moved == Drift("z", pytest.approx(expected), 0.0, pytest.approx(missing))

    def test_the_farthest_comes_first_and_what_stayed_is_left_out(self, tmp_path: Path) -> None:
        described = contract(z={"type": "number"}, w={"type": "number"})
        same = list(np.linspace(0, 1, 20))
        moved = {"base": (same, same), "head": ([v + 0.1 for v in same], [v + 2 for v in same])}
        for name, (z, w) in moved.items():
            table = pa.table({"key": [""] * 20, "x": same, "z": z, "w": w})
            parquet.write(tmp_path / f"{name}.parquet", table)
        paths = (tmp_path / "base.parquet", tmp_path / "head.parquet")
        result = drift(*paths, described, described)
        assert [item.column for item in result] == ["w", "z"]
        assert result[0].distance == 1
        assert drift(paths[0], paths[0], described, described) == []
