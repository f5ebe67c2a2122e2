"""What changed in the data: rows by period, columns, labels, rejects, and how far values moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from perennial.data import parquet
from perennial.data.contract import Contract
from perennial.data.row_changes import RowChange
from perennial.review.compare.data_change import (
    ColumnChange,
    PeriodChange,
    column_changes,
    distance,
    drift,
    label_changes,
    period_changes,
    reject_changes,
)


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

    def test_rows_are_told_apart_by_id(self, folders: tuple[Path, Path]) -> None:
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
    def test_only_what_differs_is_told(self) -> None:
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
        rng = np.random.default_rng(0)
        base, head = rng.normal(size=300), rng.normal(0.3, size=200)
        np.testing.assert_allclose(distance(base, head), ks_2samp(base, head).statistic)

    def test_of_categories_it_is_total_variation(self) -> None:
        base = np.array(["a"] * 6 + ["b"] * 4, dtype=object)
        head = np.array(["a"] * 3 + ["c"] * 7, dtype=object)
        assert distance(base, head) == pytest.approx(0.7)

    @pytest.mark.parametrize("values", [np.zeros(10), np.array(["x"] * 10, dtype=object)])
    def test_values_that_went_missing_count(self, values: Any) -> None:
        gone = values.copy()
        gone[:4] = None if values.dtype == object else np.nan
        assert distance(values, gone) == pytest.approx(0.4)
        assert distance(values, values) == 0

    def test_moments_are_numbers(self) -> None:
        days = np.datetime64("2024-01-01", "us") + np.arange(10).astype("timedelta64[D]")
        assert distance(days, days + np.timedelta64(5, "D")) == pytest.approx(0.5)

    def test_the_farthest_comes_first_and_what_stayed_is_left_out(self, tmp_path: Path) -> None:
        described = contract(z={"type": "number"}, w={"type": "number"})
        same = list(np.linspace(0, 1, 20))
        moved = {"base": (same, same), "head": ([v + 0.1 for v in same], [v + 2 for v in same])}
        for name, (z, w) in moved.items():
            table = pa.table({"key": [""] * 20, "x": same, "z": z, "w": w})
            parquet.write(tmp_path / f"{name}.parquet", table)
        paths = (tmp_path / "base.parquet", tmp_path / "head.parquet")
        found = drift(*paths, described, described)
        assert [item.column for item in found] == ["w", "z"]
        assert found[0].distance == 1
        assert drift(paths[0], paths[0], described, described) == []
