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
    found = list(slices(columns, {"x": kind}, ["x"]))
    rows = np.concatenate([part.rows for part in found])
    assert sorted(rows.tolist()) == list(range(len(values)))
    assert all(part.column == "x" and len(part.rows) for part in found)
    assert all(part.rows.tolist() == sorted(part.rows) for part in found)
    missing = [row for row, value in enumerate(values) if value is None]
    last = [part.rows.tolist() for part in found if part.value == "(missing)"]
    assert last == ([missing] if missing else [])


def test_categories_and_booleans_are_cut_by_value_in_order() -> None:
    columns = {
        "word": np.array(["b", "a", None, "b"], dtype=object),
        "flag": np.array([1.0, np.nan, 0.0, 1.0]),
    }
    found = slices(columns, {"word": "category", "flag": "boolean"}, ["flag", "word"])
    assert [(part.column, part.value, part.rows.tolist()) for part in found] == [
        ("flag", "(missing)", [1]),
        ("flag", "false", [2]),
        ("flag", "true", [0, 3]),
        ("word", "(missing)", [2]),
        ("word", "a", [1]),
        ("word", "b", [0, 3]),
    ]


def test_numbers_are_cut_in_quarters_from_low_to_high() -> None:
    values = np.array([*np.arange(100.0)[::-1], np.nan])
    found = list(slices({"x": values}, {"x": "number"}, ["x"]))
    assert [len(part.rows) for part in found[:-1]] == pytest.approx([25] * 4, abs=1)
    assert [part.value for part in found] == [
        "0 to 24",
        "24 to 49",
        "49 to 74",
        "74 to 99",
        "(missing)",
    ]
    tops = [values[part.rows].max() for part in found[:-1]]
    assert tops == sorted(tops)


def test_one_value_is_one_slice() -> None:
    (part,) = slices({"x": np.full(3, 7.0)}, {"x": "integer"}, ["x"])
    assert (part.value, part.rows.tolist()) == ("7 to 7", [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody", "nobody is no feature"),
        ("words", "words is of type text"),
        ("at", "at is of type datetime"),
    ],
)
def test_what_makes_no_slices_is_told_with_its_mend(name: str, told: str) -> None:
    with pytest.raises(PerennialError) as refused:
        list(slices({}, {"words": "text", "at": "datetime"}, [name]))
    assert str(refused.value) == (
        f"params.yaml: evaluate.slices: {told}\n"
        "  hint: name features of type category, boolean, number or integer"
    )
