"""Rows in any form are the same columns, or are refused in the same words."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.model.columns import from_values, missing_in
from perennial.model.tables import read

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "number": (st.none() | st.floats(allow_nan=False, allow_infinity=False), pa.float64()),
    "integer": (st.none() | st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "boolean": (st.none() | st.booleans(), pa.bool_()),
    "category": (TEXTS, pa.string()),
    "text": (TEXTS, pa.string()),
    "datetime": (st.none() | st.datetimes(), pa.timestamp("us")),
}
TYPES = {name: name for name in VALUES}
NAMES = st.lists(st.sampled_from([*TYPES]), min_size=1, unique=True)


class Exported:
    """Another library's table, as Polars has them."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        return self._table


def encoded(table: pa.Table) -> pa.Table:
    return pa.table({name: table[name].dictionary_encode() for name in table.column_names})


FORMS: dict[str, Callable[[pa.Table], Any]] = {
    "records": lambda table: table.to_pylist(),
    "a tuple of records": lambda table: tuple(table.to_pylist()),
    "a generator of records": lambda table: (row for row in table.to_pylist()),
    "lists": lambda table: table.to_pydict(),
    "a mapping of iterators": lambda table: {
        name: iter(values) for name, values in table.to_pydict().items()
    },
    "arrays of objects": lambda table: {
        name: np.array([*values, None], dtype=object)[:-1]
        for name, values in table.to_pydict().items()
    },
    "Arrow arrays": lambda table: {
        name: table[name].combine_chunks() for name in table.column_names
    },
    "a frame": lambda table: pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in table.to_pydict().items()}
    ),
    "a frame of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "a frame with an index": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype).set_axis(
        [f"r{row}" for row in range(table.num_rows)]
    ),
    "a batch": lambda table: pa.RecordBatch.from_pydict(table.to_pydict(), table.schema),
    "a stream": lambda table: table.to_reader(),
    "chunks": lambda table: pa.concat_tables([table.slice(0, 1), table.slice(1)]),
    "codes": encoded,
    "exported": Exported,
    "other order": lambda table: table.select(table.column_names[::-1]),
}


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @settings(max_examples=20)
    @given(data=st.data())
    def test_every_form_is_the_same_columns(self, form: str, data: st.DataObject) -> None:
        rows = data.draw(st.integers(1, 4))
        names = data.draw(NAMES)
        lists = {
            name: data.draw(st.lists(VALUES[name][0], min_size=rows, max_size=rows))
            for name in names
        }
        schema = pa.schema([(name, VALUES[name][1]) for name in names])
        table = pa.Table.from_pydict(lists, schema)
        types = {name: name for name in names}
        columns = from_values(FORMS[form](table), types)
        for name, expected in from_values(table, types).items():
            assert columns[name].dtype == expected.dtype
            np.testing.assert_array_equal(columns[name], expected)

    @pytest.mark.parametrize("form", FORMS)
    def test_and_refused_in_the_same_words(self, form: str) -> None:
        table = pa.table({"x": ["1", None, "three"]})
        with pytest.raises(ValueError, match=r"^row 0, x: '1' is not a number$"):
            from_values(FORMS[form](table), {"x": "number"})

    def test_a_row_that_lacks_a_name_lacks_the_value(self) -> None:
        column = from_values([{"x": 1.0}, {}, {"y": 2}], {"x": "number"})["x"]
        assert missing_in(column).tolist() == [False, True, True]


class TestTwice:
    @pytest.mark.parametrize(
        "rows",
        [
            pd.DataFrame([["a", 1, "b"]], columns=["x", "y", "x"]),
            pd.DataFrame([["a", 1, "b"]], columns=["x", "y", "x"]).astype("category"),
            pa.table([["a"], [1], ["b"]], names=["x", "y", "x"]),
            pa.RecordBatch.from_arrays([pa.array(["a"])] * 3, names=["x", "y", "x"]),
            pa.table([["a"], [1], ["b"]], names=["x", "y", "x"]).to_reader(),
        ],
        ids=["frame", "categories", "table", "batch", "stream"],
    )
    def test_a_name_of_two_columns_is_refused_with_both_places(self, rows: Any) -> None:
        message = r"^'x' is the name of more than one column: 1 and 3$"
        with pytest.raises(ValueError, match=message):
            read(rows)


class TestNoRows:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (None, "'NoneType' object is not iterable: give a list of mappings, "),
            (3, "'int' object is not iterable"),
            ("abc", "a row is a mapping of columns to values, not str"),
            ([[1.0]], "a row is a mapping of columns to values, not list"),
            (np.zeros((2, 2)), "a row is a mapping of columns to values, not ndarray"),
            (pd.Series({"x": 1.0}), "Series is no table: give "),
            (pa.array([1.0]), "DoubleArray is no table: give "),
            ({"x": 1.0}, "x: a column is a list of values; one row is"),
            ({"x": {"r0": 1.0}}, "x: a column is a list of values, not a mapping; .*to_dict"),
            ({"x": {1.0, 2.0}}, "x: a column is a list of values"),
            ({"x": np.array(1.0)}, "x: a column is a list of values"),
            ({"x": np.zeros((2, 1))}, "x: a column is a list of values"),
            ({"x": [1.0], "y": [1, 2]}, "columns differ in length: {'x': 1, 'y': 2}"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_the_message_says_what_they_are(self, rows: Any, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            read(rows)

    def test_a_fault_of_a_generator_is_its_own(self) -> None:
        def broken() -> Iterator[dict[str, Any]]:
            yield {"x": 1.0}
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            read(broken())


def one(value: Any, kind: str) -> Any:
    return from_values([{"x": value}], {"x": kind})["x"][0]


class TestScalars:
    """One value in a row, of whatever class, is the value that Python has for it."""

    @pytest.mark.parametrize(
        ("value", "kind", "same"),
        [
            (np.int64(3), "number", 3),
            (np.uint8(3), "integer", 3),
            (np.float32(0.1), "number", float(np.float32(0.1))),
            (np.float64(3), "integer", 3),
            (np.array(3.5), "number", 3.5),
            (np.bool_(True), "boolean", True),
            (np.str_("a"), "category", "a"),
            (Decimal("1.5"), "number", 1.5),
            (Decimal(3), "integer", 3),
            (pa.scalar(2.5), "number", 2.5),
            (pa.scalar("a"), "category", "a"),
            (np.float32("nan"), "number", None),
            (np.float16("nan"), "boolean", None),
            (Decimal("NaN"), "number", None),
            (pa.scalar(None), "text", None),
            (2**53 + 1, "integer", 2**53),
            (np.uint64(2**64 - 1), "integer", 2**64 - 1),
        ],
    )
    def test_it_is_the_same_value(self, value: Any, kind: str, same: Any) -> None:
        np.testing.assert_array_equal(one(value, kind), one(same, kind))

    @pytest.mark.parametrize(
        ("value", "kind", "message"),
        [
            (np.bool_(True), "number", "row 0, x: True is not a number"),
            (np.int64(1), "boolean", "row 0, x: 1 is not a boolean"),
            (np.float32(1.5), "integer", "row 0, x: 1.5 is not a integer: it has a fraction"),
            (np.float32("inf"), "number", "row 0, x: inf is not a number: it is infinite"),
            (Decimal("1.5"), "integer", "it has a fraction"),
            (Decimal("9007199254740993.5"), "integer", "it has a fraction"),
            (Decimal("1e999"), "number", "it is infinite"),
            (np.timedelta64(1, "ns"), "number", "is not a number"),
            (datetime.timedelta(1), "integer", "is not a integer"),
            (np.datetime64(1, "ns"), "number", "is not a number"),
            (np.datetime64(10**15, "s"), "datetime", "is not a datetime: it is out of reach"),
            (1j, "number", "is not a number"),
        ],
    )
    def test_or_is_refused_as_it(self, value: Any, kind: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            one(value, kind)


class TestArrowTypes:
    """A column of any of Arrow's types is what its values are one by one."""

    @pytest.mark.parametrize("kind", TYPES)
    @pytest.mark.parametrize(
        "values",
        [
            pa.array([1, None], pa.uint8()),
            pa.array([2**63 + 1, None], pa.uint64()),
            pa.array([2**53 + 1, -(2**62) - 1, None]),
            pa.array([1.5, None], pa.float32()),
            pa.array([2.0, float("nan")]),
            pa.array([np.float16(1.5)], pa.float16()),
            pa.array([1.5, float("inf")]),
            pa.array([Decimal("1.50"), None], pa.decimal128(5, 2)),
            pa.array([Decimal("2.00"), None], pa.decimal256(5, 2)),
            pa.array([True, None]),
            pa.nulls(2),
            pa.array(["2024-01-01T00:00:00.123456789", None]),
            pa.array(["a", None], pa.large_string()),
            pa.array(["a", None], pa.string_view()),
            pa.array(["a", "a", None]).dictionary_encode(),
            pa.array([3, 3, None]).dictionary_encode(),
            pa.array(["a", None], pa.string_view()).dictionary_encode(),
            pa.nulls(2).dictionary_encode(),
            pc.run_end_encode(pa.array(["a", "a", None])),
            pa.array([b"a", None]),
            pa.array([-1, 1_500, None], pa.timestamp("ns")),
            pa.array([-1, None], pa.timestamp("ns", "Europe/Berlin")),
            pa.array([2**40, None], pa.timestamp("s", "+05:30")),
            pa.array([10**15, None], pa.timestamp("s")),
            pa.array([1, None], pa.date32()),
            pa.array([10**7, None], pa.date32()),
            pa.array([1, None], pa.time64("us")),
            pa.array([1, None], pa.duration("ns")),
            pa.array([[1.0], None]),
            pa.array([{"a": 1}, None]),
        ],
        ids=lambda array: str(array.type),
    )
    def test_the_column_and_its_values_agree(self, values: pa.Array, kind: str) -> None:
        def column(rows: Any) -> Any:
            try:
                return from_values(rows, {"x": kind})["x"]
            except ValueError as error:
                # Python has no name for some of Arrow's values: their place is enough.
                return str(error)[:6]

        expected = column([{"x": value} for value in singly(values)])
        forms: list[Any] = [
            pa.table({"x": values}),
            {"x": values},
            {"x": pa.chunked_array([values])},
        ]
        for rows in [*forms, pa.record_batch({"x": values})]:
            np.testing.assert_array_equal(column(rows), expected)


def singly(values: pa.Array) -> list[Any]:
    """Values as Python has them; moments as numpy has them, which end later, as days do."""
    if str(values.type).startswith("date"):
        return list(values)
    if not str(values.type).startswith("timestamp"):
        return list(values.to_pylist())
    unit = values.type.unit
    counts = values.cast("int64").to_pylist()
    return [None if count is None else np.datetime64(count, unit) for count in counts]


class TestMoments:
    def test_nanoseconds_are_cut_off_alike_on_every_way(self) -> None:
        text, count = "1969-12-31T23:59:59.999999999", -1
        expected = np.datetime64("1969-12-31T23:59:59.999999")
        for rows in (
            [{"x": text}],
            [{"x": np.datetime64(count, "ns")}],
            [{"x": pd.Timestamp(count)}],
            {"x": np.array([count], "datetime64[ns]")},
            pd.DataFrame({"x": pd.to_datetime([count])}),
            pa.table({"x": pa.array([count], pa.timestamp("ns"))}),
        ):
            assert from_values(rows, {"x": "datetime"})["x"].tolist() == [expected.item()]

    @pytest.mark.parametrize("count", [10**14, -(10**14)])
    def test_years_that_microseconds_do_not_reach_are_refused(self, count: int) -> None:
        for rows in (
            {"x": np.array([0, count], "datetime64[s]")},
            pd.DataFrame({"x": np.array([0, count], "datetime64[s]")}),
            pa.table({"x": pa.array([0, count], pa.timestamp("s"))}),
        ):
            with pytest.raises(ValueError, match="x: "):
                from_values(rows, {"x": "datetime"})


def test_a_masked_value_is_missing() -> None:
    column = from_values({"x": np.ma.array([1.0, 9.0], mask=[False, True])}, {"x": "number"})["x"]
    np.testing.assert_array_equal(column, [1.0, np.nan])
