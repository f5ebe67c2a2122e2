"""What the monitor compares with: rows spread evenly, values as they came, every row counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.bundle.reference import (
    BINS,
    MOST_CATEGORIES,
    distribution,
    raw_values,
    reference_sample,
    typical,
)
from perennial.model.columns import evenly_spaced, from_values, missing_in

VALUES = {
    "number": [1.5, None, -0.25],
    "integer": [3, None, -2],
    "boolean": [True, None, False],
    "category": ["a", None, "°"],
    "text": ["a b", None, ""],
    "datetime": ["2013-09-30T23:59:00", None, "1969-12-31T23:59:59.000001"],
}


@given(st.integers(0, 300), st.integers(0, 300))
def test_rows_are_spread_evenly_and_never_twice(rows: int, wanted: int) -> None:
    rows_chosen = evenly_spaced(rows, wanted).tolist()
    assert len(rows_chosen) == min(rows, wanted)
    assert rows_chosen == sorted(set(rows_chosen))
    assert all(0 <= row < rows for row in rows_chosen)
    gaps = np.diff([*rows_chosen, rows])
    assert not rows_chosen or (rows_chosen[0] == 0 and gaps.max() - gaps.min() <= 1)


@pytest.mark.parametrize(("kind", "values"), VALUES.items())
def test_values_come_back_as_they_came_and_fit_into_json(kind: str, values: list[object]) -> None:
    column = from_values({"x": values}, {"x": kind})["x"]
    raw = raw_values(column, kind)
    assert raw == values
    assert [type(value) for value in raw] == [type(value) for value in values]
    assert json.loads(json.dumps(raw)) == values


@pytest.mark.parametrize("kind", ["number", "integer", "datetime"])
@given(data=st.data())
def test_bins_count_every_known_value(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(-10_000, 10_000) | st.none(), min_size=1))
    if kind == "datetime":
        moments = [None if value is None else np.datetime64(value, "s") for value in values]
        column = from_values({"x": moments}, {"x": kind})["x"]
    else:
        column = from_values({"x": values}, {"x": kind})["x"]
    summary = distribution(column, kind)
    known = len(values) - values.count(None)
    assert (summary["rows"], summary["missing"]) == (len(values), values.count(None))
    assert sum(summary.get("counts", [])) == known
    if known:
        assert len(summary["counts"]) == max(len(summary["edges"]) - 1, 1) <= BINS
        assert summary["edges"] == sorted(set(summary["edges"]))


def test_bins_hold_about_equally_many() -> None:
    summary = distribution(np.arange(1_000.0), "number")
    assert len(summary["counts"]) == BINS
    assert set(summary["counts"]) <= {49, 50, 51}


def test_categories_are_counted_the_commonest_first_and_the_rest_together() -> None:
    names = [f"c{number}" for number in range(MOST_CATEGORIES + 5)]
    column = np.array([*names, "c7", "c7", None], dtype=object)
    summary = distribution(column, "category")
    assert summary["categories"]["c7"] == 3
    assert len(summary["categories"]) == MOST_CATEGORIES
    assert summary["other"] == 5
    assert summary["missing"] == 1


def test_a_boolean_is_counted_under_its_name_in_json() -> None:
    summary = distribution(np.array([1.0, 0.0, 1.0, np.nan]), "boolean")
    assert summary["categories"] == {"true": 2, "false": 1}


@pytest.mark.parametrize("kind", VALUES)
def test_nothing_known_is_no_distribution(kind: str) -> None:
    column = from_values({"x": [None, None]}, {"x": kind})["x"]
    assert distribution(column, kind) == {"rows": 2, "missing": 2}


def test_a_text_is_never_described() -> None:
    assert distribution(np.array(["my name"], dtype=object), "text") == {"rows": 1, "missing": 0}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("number", [9.0, 1.0, None, 2.0], 2.0),
        ("integer", [9, 1, 2], 2),
        ("boolean", [True, False, True], True),
        ("category", ["b", "a", "b", None], "b"),
        ("category", ["b", "a"], "a"),
        ("text", ["somebody's words"], ""),
        ("datetime", ["2013-01-01", "2013-01-03", "2013-01-02"], "2013-01-02T00:00:00"),
        ("number", [None], None),
    ],
)
def test_the_typical_value(kind: str, values: list[object], expected: object) -> None:
    value = typical(from_values({"x": values}, {"x": kind})["x"], kind)
    assert value == expected
    assert type(value) is type(expected)


def test_a_sample_keeps_rows_together_and_only_the_columns_named() -> None:
    columns = {"a": np.arange(10.0), "b": np.arange(10.0) * 2, "secret": np.arange(10.0)}
    sample = reference_sample(columns, {"a": "number", "b": "number"}, 3)
    assert sample.keys() == {"a", "b"}
    assert sample["b"] == [2 * value for value in sample["a"]]
    assert len(sample["a"]) == 3
    assert reference_sample(columns, {}, 3) == {}
    assert not missing_in(np.array(sample["a"])).any()
