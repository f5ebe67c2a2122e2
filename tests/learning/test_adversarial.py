"""Adversarial rows hold every hostile value of a type, and every threshold of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perennial.learning.adversarial import adversarial_columns, at_split_points


class TestHostileValues:
    TYPES = {
        "c": "category",
        "note": "text",
        "x": "number",
        "k": "integer",
        "flag": "boolean",
        "when": "datetime",
    }

    def made(self, rows: int = 4000) -> dict[str, Any]:
        honest = {
            "c": np.array(["Ab", "Cd", None], dtype=object),
            "note": np.array(["a train", "a bus", None], dtype=object),
            "x": np.array([0.5, 2.5, np.nan]),
            "k": np.array([3.0, 4.0, np.nan]),
            "flag": np.array([0.0, 1.0, np.nan]),
            "when": np.array(["2024-05-05", "2024-06-06", "NaT"], dtype="datetime64[us]"),
        }
        return adversarial_columns(honest, self.TYPES, rows, seed=0)

    def test_categories_and_texts(self) -> None:
        table = self.made()
        for name, known in (("c", "Ab"), ("note", "a train")):
            values = set(table[name])
            assert {None, "", " ", "never seen before", known, known.upper(), f"{known} "} <= values
            assert max(len(value or "") for value in values) == 100_000
            assert any(not (value or "").isascii() for value in values)

    def test_numbers(self) -> None:
        for name, low, high in (("x", 0.5, 2.5), ("k", 3.0, 4.0)):
            values = self.made()[name]
            assert np.isnan(values).any()
            beside = [np.nextafter(edge, to) for edge in (low, high) for to in (-np.inf, np.inf)]
            expected = [np.inf, -np.inf, 0.0, 1e300, 5e-324, low, high, *beside]
            expected += [2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**63, -(2.0**63)]
            assert np.isin(expected, values).all()

    def test_booleans_and_dates(self) -> None:
        table = self.made()
        assert set(table["flag"][~np.isnan(table["flag"])]) == {0.0, 1.0}
        edges = [
            *["0001-01-01", "9999-12-31T23:59:59.999999", "1900-02-28T23:59:59.999999"],
            *["2024-02-29T23:59:59", "1970-01-01", "1969-12-31T23:59:59.999999"],
            "2262-04-11T23:47:16.854775",
        ]
        assert np.isin(np.array(edges, dtype="datetime64[us]"), table["when"]).all()
        assert np.isnat(table["when"]).any()

    def test_most_values_stay_honest_so_that_rows_go_deep(self) -> None:
        x = self.made()["x"]
        assert 0.6 < np.mean(np.isin(x, [0.5, 2.5]) | np.isnan(x)) < 0.95

    def test_the_same_rows_for_the_same_seed(self) -> None:
        first, second = self.made(50), self.made(50)
        for name in self.TYPES:
            np.testing.assert_array_equal(first[name], second[name])

    def test_a_column_without_a_value(self) -> None:
        nothing = {
            "c": np.array([None, None], dtype=object),
            "x": np.full(2, np.nan),
            "when": np.full(2, "NaT", dtype="datetime64[us]"),
        }
        types = {name: self.TYPES[name] for name in nothing}
        table = adversarial_columns(nothing, types, 100, seed=0)
        assert {name: len(values) for name, values in table.items()} == dict.fromkeys(types, 100)


class TestSplitPoints:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_values_on_and_one_unit_beside_split_thresholds(self, dtype: str) -> None:
        honest = np.full((3000, 2), 0.123)
        points = [np.array([0.5, 7.25]), np.empty(0)]
        changed = at_split_points(honest, points, dtype, seed=0)
        assert (changed[:, 1] == 0.123).all()
        assert (honest == 0.123).all()
        kind = np.dtype(dtype).type
        expected = {0.123} | {
            float(value)
            for point in (kind(0.5), kind(7.25))
            for value in (point, np.nextafter(point, kind(9)), np.nextafter(point, kind(0)))
        }
        assert set(changed[:, 0]) == expected

    def test_no_threshold_is_left_out_where_there_are_rows_for_all(self) -> None:
        points = np.linspace(0, 1, 250)
        changed = at_split_points(np.full((3000, 1), 7.0), [points], "float64", seed=0)
        beside = [np.nextafter(points, end) for end in (-9, 9)]
        assert set(np.concatenate([points, *beside])) <= set(changed[:, 0])
