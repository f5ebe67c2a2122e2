"""Values of any source become the same numpy columns, or are refused by column and row."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.model.columns import from_arrow, from_values, is_missing, missing_in

MOMENTS = st.none() | st.datetimes()
VALUES = {
    "number": (st.none() | st.floats(allow_nan=False, allow_infinity=False), pa.float64()),
    "integer": (st.none() | st.integers(-(2**53), 2**53), pa.int64()),
    "boolean": (st.none() | st.booleans(), pa.bool_()),
    "category": (st.none() | st.text(st.characters(exclude_categories=["Cs"])), pa.string()),
    "text": (st.none() | st.text(st.characters(exclude_categories=["Cs"])), pa.string()),
    "datetime": (MOMENTS, pa.timestamp("us")),
}
DTYPES = {"category": object, "text": object, "datetime": np.dtype("datetime64[us]")}


def one(value: Any, kind: str) -> Any:
    return from_values({"x": [value]}, {"x": kind})["x"][0]


@pytest.mark.parametrize("kind", VALUES)
class TestBothSources:
    @settings(max_examples=40)
    @given(data=st.data())
    def test_a_table_and_a_list_give_the_same_column(self, kind: str, data: st.DataObject) -> None:
        strategy, arrow = VALUES[kind]
        values = data.draw(st.lists(strategy, max_size=8))
        listed = from_values({"x": values}, {"x": kind})["x"]
        table = from_arrow(pa.table({"x": pa.array(values, arrow)}), {"x": kind})["x"]
        assert listed.dtype == table.dtype == DTYPES.get(kind, np.float64)
        np.testing.assert_array_equal(listed, table)
        np.testing.assert_array_equal(missing_in(table), [value is None for value in values])

    def test_a_chunked_column_is_one_column(self, kind: str) -> None:
        _, arrow = VALUES[kind]
        chunks = pa.chunked_array([pa.array([None], arrow), pa.array([None, None], arrow)])
        column = from_arrow(pa.table({"x": chunks}), {"x": kind})["x"]
        assert missing_in(column).tolist() == [True, True, True]

    @pytest.mark.parametrize("nothing", [None, math.nan, np.datetime64("NaT"), pd.NaT, pd.NA])
    def test_each_kind_of_nothing_is_missing(self, kind: str, nothing: Any) -> None:
        assert is_missing(nothing)
        assert missing_in(from_values({"x": [nothing]}, {"x": kind})["x"]).all()

    def test_no_rows(self, kind: str) -> None:
        assert len(from_values({"x": []}, {"x": kind})["x"]) == 0


#: Types of pandas' columns by contract type: numpy's, nullable, Arrow-backed, categories.
FORMS = {
    "number": ["float64", "float32", "Float64", "double[pyarrow]", object, "category"],
    "integer": ["Int64", "UInt32", "int64[pyarrow]", "float64", object, "category"],
    "boolean": ["boolean", "bool[pyarrow]", object, "category"],
    "category": ["str", "string", "string[pyarrow]", "large_string[pyarrow]", object, "category"],
    "text": ["str", "string", "string[pyarrow]", "large_string[pyarrow]", object, "category"],
    "datetime": ["datetime64[ns]", "datetime64[us]", "timestamp[us][pyarrow]", object, "category"],
}
EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  naive, as the contract means it
MICROSECOND = datetime.timedelta(microseconds=1)
SMALL = {
    "number": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
    "integer": st.none() | st.integers(0, 2**24),
    "boolean": st.none() | st.booleans(),
    "category": st.none() | st.sampled_from(["JFK", "EWR", "", "é"]),
    "text": st.none() | st.text("ab é", max_size=3),
    "datetime": st.none() | st.integers(-(2**50), 2**50).map(lambda us: EPOCH + us * MICROSECOND),
}


def refusal(values: Any, kind: str) -> str:
    with pytest.raises(ValueError, match="row ") as refused:
        from_values({"x": values}, {"x": kind})
    return str(refused.value)


class TestFrames:
    @pytest.mark.parametrize(
        ("kind", "form"), [(kind, form) for kind in FORMS for form in FORMS[kind]]
    )
    @settings(max_examples=25)
    @given(data=st.data())
    def test_a_series_of_any_type_is_the_column_of_its_values(
        self, kind: str, form: Any, data: st.DataObject
    ) -> None:
        values = data.draw(st.lists(SMALL[kind], max_size=6))
        series = pd.Series(values, dtype=object).astype(form)
        column = from_values({"x": series}, {"x": kind})["x"]
        one_by_one = [one(value, kind) for value in values]
        assert column.dtype == DTYPES.get(kind, np.float64)
        np.testing.assert_array_equal(column, np.array(one_by_one, dtype=column.dtype))

    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", "+05:30"])
    @pytest.mark.parametrize("form", ["datetime64[ns, {}]", "timestamp[us, tz={}][pyarrow]", "O"])
    def test_a_series_with_a_zone_is_converted_to_utc(self, zone: str, form: str) -> None:
        moments = pd.Series(["1969-12-31T23:59:59.999999", None], dtype="datetime64[us]")
        series = moments.dt.tz_localize("UTC").dt.tz_convert(zone).astype(form.format(zone))
        column = from_values({"x": series}, {"x": "datetime"})["x"]
        np.testing.assert_array_equal(column, moments.to_numpy())

    @pytest.mark.parametrize(
        ("kind", "series"),
        [
            ("number", pd.Series([1.0, math.inf])),
            ("number", pd.Series([1.0, -math.inf], dtype="double[pyarrow]")),
            ("number", pd.Series([1.0, math.inf]).astype("category")),
            ("number", pd.Series([True, False])),
            ("number", pd.Series(["1", "2"])),
            ("number", pd.Series(["1", "2"], dtype="string[pyarrow]")),
            ("number", pd.Series([1, 10**400], dtype=object)),
            ("number", pd.Series([1.5], dtype=np.longdouble)),
            ("number", pd.Series([1j])),
            ("number", pd.to_timedelta(pd.Series([1]))),
            ("integer", pd.Series([1.0, 2.5])),
            ("integer", pd.Series([1.0, 2.5], dtype="Float64")),
            ("integer", pd.Series([None, 2.5, "x"], dtype=object)),
            ("boolean", pd.Series([1, 0])),
            ("boolean", pd.Series([1, 0], dtype="Int64")),
            ("category", pd.Series([1, 2])),
            ("category", pd.Series([1, 2]).astype("category")),
            ("category", pd.Series(["a", 2], dtype=object)),
            ("text", pd.Series([1.5, None], dtype="double[pyarrow]")),
            ("datetime", pd.Series([20240301])),
            ("datetime", pd.Series(["2024-01-01", "soon"])),
            ("datetime", pd.Series(["2024-01-01", "soon"]).astype("category")),
            ("datetime", pd.Series([datetime.date(2024, 1, 1)], dtype="date32[pyarrow]")),
        ],
    )
    def test_a_series_is_refused_in_the_words_for_its_values(
        self, kind: str, series: pd.Series
    ) -> None:
        assert refusal(series, kind) == refusal(series.tolist(), kind)

    def test_categories_that_no_row_has_do_not_matter(self) -> None:
        series = pd.Series(pd.Categorical(["a", None], categories=["a", 3]))
        assert from_values({"x": series}, {"x": "category"})["x"].tolist() == ["a", None]


class TestRefused:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("number", "1.5"),
            ("number", True),
            ("number", math.inf),
            ("number", -math.inf),
            ("number", 10**400),
            ("number", [1.0]),
            ("integer", 1.5),
            ("integer", "1"),
            ("integer", False),
            ("boolean", 1),
            ("boolean", "true"),
            ("category", 3),
            ("category", b"JFK"),
            ("text", 3.5),
            ("text", ["a"]),
            ("datetime", "someday"),
            ("datetime", 1_700_000_000),
            ("datetime", datetime.date(2024, 1, 1)),
        ],
    )
    def test_the_message_names_row_column_value_and_type(self, kind: str, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^row 1, price: .* is not a ") as refused:
            from_values({"price": [None, value]}, {"price": kind})
        assert repr(value) in str(refused.value)
        assert kind in str(refused.value)

    def test_columns_that_are_not_there(self) -> None:
        types = {"a": "number", "b": "number", "c": "text"}
        with pytest.raises(ValueError, match="no column b, c"):
            from_values({"a": [1.0]}, types)
        with pytest.raises(ValueError, match="no column b, c"):
            from_arrow(pa.table({"a": [1.0]}), types)

    def test_other_columns_do_not_matter(self) -> None:
        assert list(from_values({"a": [1.0], "b": ["?"]}, {"a": "number"})) == ["a"]


class TestDatetimes:
    @pytest.mark.parametrize(
        "value",
        [
            "2024-02-29T12:30:00+02:00",
            "2024-02-29T10:30:00Z",
            "2024-02-29 10:30",
            datetime.datetime(2024, 2, 29, 10, 30),  # noqa: DTZ001  naive, as the contract means it
            pd.Timestamp("2024-02-29T10:30:00"),
            pd.Timestamp("2024-02-29T05:30:00", tz="America/New_York"),
            np.datetime64("2024-02-29T10:30"),
        ],
    )
    def test_an_offset_is_converted_to_utc(self, value: Any) -> None:
        assert one(value, "datetime") == np.datetime64("2024-02-29T10:30:00", "us")

    def test_an_offset_at_the_edge_of_time_is_refused_not_a_crash(self) -> None:
        with pytest.raises(ValueError, match="row 0, x"):
            one("0001-01-01T00:00:00+05:00", "datetime")

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_numpy_and_pandas_of_any_unit(self, unit: str) -> None:
        values = np.array(["1969-12-31T23:59:59", "NaT"], dtype=f"datetime64[{unit}]")
        for column in (values, pd.Series(values), list(values)):
            converted = from_values({"x": column}, {"x": "datetime"})["x"]
            np.testing.assert_array_equal(converted, values.astype("datetime64[us]"))


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert one(12.0, "integer") == 12.0
    assert one(3, "number") == 3.0
