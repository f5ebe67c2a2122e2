"""Slices of a column share its rows out among them: each row in one, none left over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.evaluation.slices import slices
from perennial.model.columns import from_values
from perennial.runtime.errors import PerennialError

VALUES = {
    "category": st.sampled_from(["a", "b", "c", "", "°"]) | st.none(),
    "boolean": st.booleans() | st.none(),
    "number": st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0]) | st.none(),
    "integer": st.integers(-5, 5) | st.none(),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_every_row_is_in_one_slice(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], min_size=1, max_size=60))
    columns = from_values({"x": values}, {"x": kind})
    result = list(slices(columns, {"x": kind}, ["x"]))
    rows = np.concatenate([part.rows for part in result])
    assert sorted(rows.tolist()) == list(range(len(values)))
    assert all(part.column == "x" and len(part.rows) for part in result)
    assert all(part.rows.tolist() == sorted(part.rows) for part in result)
    missing = [row for row, value in enumerate(values) if value is None]
    last = [part.rows.tolist() for part in result if part.value == "(missing)"]
    assert last == ([missing] if missing else [])


def test_categories_and_booleans_are_cut_by_value_in_order() -> None:
    columns = {
        "word": np.array(["b", "a", None, "b"], dtype=object),
        "flag": np.array([1.0, np.nan, 0.0, 1.0]),
    }
    result = slices(columns, {"word": "category", "flag": "boolean"}, ["flag", "word"])
    assert [(part.column, part.value, part.rows.tolist()) for part in result] == [
        ("flag", "(missing)", [1]),
        ("flag", "false", [2]),
        ("flag", "true", [0, 3]),
        ("word", "(missing)", [2]),
        ("word", "a", [1]),
        ("word", "b", [0, 3]),
    ]


def test_numbers_are_cut_in_quarters_from_low_to_high() -> None:
    values = np.array([*np.arange(100.0)[::-1], np.nan])
    result = list(slices({"x": values}, {"x": "number"}, ["x"]))
    assert [len(part.rows) for part in result[:-1]] == pytest.approx([25] * 4, abs=1)
    assert [part.value for part in result] == [
        "0 to 24",
        "24 to 49",
        "49 to 74",
        "74 to 99",
        "(missing)",
    ]
    tops = [values[part.rows].max() for part in result[:-1]]
    assert tops == sorted(tops)


def test_one_value_is_one_slice() -> None:
    (part,) = slices({"x": np.full(3, 7.0)}, {"x": "integer"}, ["x"])
    assert (part.value, part.rows.tolist()) == ("7 to 7", [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "nobody is no feature"),
        ("words", "words is of type text"),
        ("at", "at is of type datetime"),
    ],
)
def test_a_column_that_makes_no_slices_is_an_error_with_its_hint(name: str, message: str) -> None:
    with pytest.raises(PerennialError) as refused:
        list(slices({}, {"words": "text", "at": "datetime"}, [name]))
    assert str(refused.value) == (
        f"params.yaml: evaluate.slices: {message}\n"
        "  hint: name features of type category, boolean, number or integer"
    )
