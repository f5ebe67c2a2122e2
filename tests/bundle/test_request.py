"""A request is answered, marked or refused by the contract in the manifest, in whatever form."""

from __future__ import annotations

import datetime
import math
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.bundle import manifest as manifests
from perennial.bundle.bundle import Bundle, BundleError, RequestError, load
from perennial.bundle.request import RequestRules
from perennial.data.contract import Column
from perennial.preparation.rules import RULES
from perennial.runtime import jsonfile

GOLDEN = Path(__file__).parents[1] / "golden/format-1"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def of(setting: str, folder: Path, golden: str = "iris", **columns: dict[str, Any]) -> Bundle:
    """A golden bundle whose contract says what becomes of values outside it."""
    target = folder / setting
    shutil.copytree(GOLDEN / golden, target)
    described = jsonfile.read(target / "manifest.json")
    for name, changes in columns.items():
        described["columns"][name] |= changes
    manifests.write(target, {**described, "requests": {"outside": setting}})
    return load(target)


#: What prepare would reject in the golden flowers: every length is 0 to 10.
LONG = {**FLOWER, "petal_length": 90.0}
WHY = "90.0 is not what the contract allows: from 0.0 to 10.0"


class TestSettings:
    def test_answer(self, tmp_path: Path) -> None:
        bundle = of("answer", tmp_path)
        assert bundle.respond([LONG]) == load(GOLDEN / "iris").respond([LONG])
        assert [each.reason for each in bundle.check([FLOWER, LONG])] == [WHY]

    def test_mark(self, tmp_path: Path) -> None:
        bundle = of("mark", tmp_path)
        inside, outside = bundle.respond([FLOWER, LONG])
        assert [inside] == load(GOLDEN / "iris").respond([FLOWER])
        assert outside.pop("outside") == {"petal_length": WHY}
        assert [outside] == load(GOLDEN / "iris").respond([LONG])
        assert bundle.predict([LONG]).shape == (1,)

    @pytest.mark.parametrize(
        "form", [list, pd.DataFrame, pa.Table.from_pylist, lambda rows: (row for row in rows)]
    )
    def test_refuse(self, tmp_path: Path, form: Any) -> None:
        bundle = of("refuse", tmp_path)
        assert bundle.respond([FLOWER])
        for ask in (bundle.predict, bundle.predict_proba, bundle.respond):
            with pytest.raises(RequestError) as refused:
                ask(form([FLOWER, LONG]))
            assert str(refused.value) == f"row 1, petal_length: {WHY}"

    def test_a_bundle_from_before_the_setting_answers(self) -> None:
        bundle = load(GOLDEN / "iris")
        assert bundle.manifest["requests"] == {"outside": "answer"}
        assert "outside" not in bundle.respond([LONG])[0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"requests": {"outside": "ignore"}},
            {"requests": []},
            {"requests": {"outside": "mark", "normal_form": "yes"}},
            {"columns": {"min": "0"}},
            {"columns": {"max": [1]}},
            {"columns": {"max": 10**400}},
            {"columns": {"categories": "abc"}},
            {"columns": {"type": "datetime", "min": "soon"}},
        ],
    )
    def test_a_manifest_with_another_setting_is_refused(
        self, tmp_path: Path, changes: dict[str, Any]
    ) -> None:
        shutil.copytree(GOLDEN / "iris", tmp_path / "bundle")
        described = jsonfile.read(tmp_path / "bundle/manifest.json")
        described["columns"]["petal_length"] |= changes.pop("columns", {})
        manifests.write(tmp_path / "bundle", {**described, **changes})
        with pytest.raises(BundleError, match="not a manifest: "):
            load(tmp_path / "bundle")


def rules_of(column: Column) -> RequestRules:
    return RequestRules(
        {
            "features": ["x"],
            "columns": {"x": column.model_dump(mode="json")},
            "requests": {"outside": "mark"},
        }
    )


ENDS = [pd.Timestamp(2000, 3, 1), pd.Timestamp(2000, 6, 30, 12)]
MOMENTS = st.datetimes(*ENDS) | st.datetimes() | st.sampled_from(ENDS)
COLUMNS: list[tuple[dict[str, Any], Any, pa.DataType]] = [
    (
        {"type": "number", "min": -1.5, "max": 2},
        st.floats(-3, 3) | st.sampled_from([-1.5, 2.0]),
        pa.float64(),
    ),
    ({"type": "number", "min": 0}, st.floats(-1, 1) | st.just(-0.0), pa.float64()),
    ({"type": "integer", "max": 2.5}, st.integers(-5, 5), pa.int64()),
    (
        {"type": "datetime", "min": "2000-03-01", "max": "2000-06-30T12:00:00"},
        MOMENTS,
        pa.timestamp("us"),
    ),
    ({"type": "category", "categories": ["a", "b"]}, st.sampled_from("abc "), pa.string()),
]


def normal(**column: Any) -> RequestRules:
    """Rules of a bundle of today for a column x, as `export` writes them."""
    described = Column.model_validate({"missing": 1.0, **column}).model_dump(mode="json")
    manifest = {
        "features": ["x"],
        "columns": {"x": described},
        "requests": {"outside": "mark", "normal_form": True},
    }
    return RequestRules(manifest)


YES_NO = ["true", "false"]


class TestNormalForm:
    """A text means in a request what it means in a file that `collect` reads."""

    @pytest.mark.parametrize("form", [list, np.array, pd.Series, pa.array])
    @pytest.mark.parametrize(
        ("column", "given", "read"),
        [
            ({"type": "category"}, [" Private", "Private\t", "  "], ["Private", "Private", None]),
            ({"type": "category"}, ["1.0", "TRUE", "007"], ["1", "true", "007"]),
            ({"type": "category", "categories": ["1.0", "True"]}, ["1", "TRUE"], ["1.0", "True"]),
            (
                {"type": "category", "categories": [True, False]},
                ["True", "false"],
                ["true", "false"],
            ),
            ({"type": "category", "categories": [1, 2]}, ["1", "2.0"], ["1", "2"]),
            ({"type": "text"}, [" 1.0 ", "", "TRUE"], ["1.0", None, "TRUE"]),
        ],
    )
    def test_texts(self, form: Any, column: Any, given: list[str], read: list[Any]) -> None:
        rules = normal(**column)
        columns = rules.read({"x": form(given)})
        assert columns["x"].tolist() == read
        assert rules.outside(columns) == []

    @pytest.mark.parametrize("form", [list, np.array, pd.Series, pa.array])
    @pytest.mark.parametrize(
        ("categories", "given", "read"),
        [
            ([1, 2, 3], [3, 1], ["3", "1"]),
            ([1, 2, 3], [3.0, 1.0], ["3", "1"]),
            (None, [3, 10**17], ["3", "100000000000000000"]),
            ([1.5, 2.0], [1.5, 2.0], ["1.5", "2.0"]),
            ([True, False], [True, False], ["true", "false"]),
        ],
    )
    def test_numbers_that_are_categories(
        self, form: Any, categories: Any, given: list[Any], read: list[Any]
    ) -> None:
        rules = normal(type="category", categories=categories)
        columns = rules.read({"x": form(given)})
        assert columns["x"].tolist() == read
        assert rules.outside(columns) == []

    def test_a_gap_among_numbers_stays_one(self) -> None:
        rules = normal(type="category", categories=[1, 2])
        assert rules.read({"x": pd.Series([1, None])})["x"].tolist() == ["1", None]
        assert rules.read([{"x": 2}, {"x": None}])["x"].tolist() == ["2", None]

    def test_a_number_that_is_no_category_is_refused(self) -> None:
        with pytest.raises(RequestError, match=r"row 1, x: 2\.5 is not a category"):
            normal(type="category", categories=[1, 2]).read([{"x": 1}, {"x": 2.5}])

    def test_a_blank_is_missing_where_none_may_be(self) -> None:
        with pytest.raises(RequestError, match="row 0, x: missing, and it must not be"):
            normal(type="category", missing=0.0).read([{"x": " "}])

    def test_a_bundle_from_before_takes_texts_as_they_come(self) -> None:
        rules = rules_of(Column(type="category", missing=1.0))
        assert rules.read([{"x": " 1.0"}])["x"].tolist() == [" 1.0"]

    @pytest.mark.parametrize("categories", [[1, 2], [1.5, 2.0], [True, False]])
    def test_what_the_contract_lists_as_numbers_tables_hold_as_texts(self, categories: Any) -> None:
        column = Column(type="category", categories=categories)
        rules = rules_of(column)
        assert rules.outside(rules.read({"x": column.labels})) == []
        (other,) = rules.outside(rules.read([{"x": "other"}]))
        assert other.allowed == ", ".join(column.labels)


def test_a_feature_in_the_index_is_no_missing_one() -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "y": [1, 2]})
    rules = normal(type="category")
    with pytest.raises(RequestError, match=r"x is the frame's index, and no column: take reset_i"):
        rules.read(frame[["x"]].set_index("x"))
    kept = frame[["x"]].set_index("x", drop=False)
    assert rules.read(kept)["x"].tolist() == ["a", "b"]
    assert rules.read(frame.set_index("y"))["x"].tolist() == ["a", "b"]


#: What people send where something else is wanted.
HOSTILE: list[Any] = [
    *(None, math.nan, pd.NA, pd.NaT, np.float32("nan"), np.timedelta64("NaT"), Decimal("NaN")),
    *(np.int64(3), np.uint64(2**64 - 1), np.float32(1.5), np.bool_(False), np.str_("north")),
    *(2**53 + 1, 10**400, -0.0, 5e-324, 1e308, 3.5e38, math.inf, 1j, Decimal("2.5"), True),
    *("", "x", "2024-01-01", "2024-02-30", "2024-01-01T00:00:00+02:00", b"a", [1], {"a": 1}),
    *(pd.Timestamp("2024-01-01T00:00:00.123456789"), np.datetime64("20000-01-01")),
    *(datetime.timedelta(1), np.timedelta64(1, "ns"), datetime.date(2024, 1, 1)),
]


def objects(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


class TestHostile:
    """A value that is wrong, or odd, is answered or refused alike in every form."""

    @settings(max_examples=150)
    @given(data=st.data())
    def test_every_form_ends_alike(self, data: st.DataObject) -> None:
        asked = load(GOLDEN / "cancer")
        cases = jsonfile.loads(asked.files["sample.json"])["cases"]
        rows = [dict(case["request"]) for case in cases[:2]]
        for _ in range(2):
            place = data.draw(st.sampled_from(asked.manifest["features"]))
            data.draw(st.sampled_from(rows))[place] = data.draw(st.sampled_from(HOSTILE))
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        arrays = {name: objects(values) for name, values in columns.items()}

        def end(form: Any) -> Any:
            try:
                return asked.respond(form)
            except RequestError as error:
                return str(error)

        expected = end(rows)
        for form in (columns, arrays, pd.DataFrame(arrays, dtype=object), iter(rows)):
            assert end(form) == expected


class TestPrepare:
    """What is outside is what `prepare` rejects, value by value."""

    @pytest.mark.parametrize(("described", "values", "arrow"), COLUMNS)
    @settings(max_examples=30)
    @given(data=st.data())
    def test_the_same_values_are_rejected(
        self, described: dict[str, Any], values: Any, arrow: pa.DataType, data: st.DataObject
    ) -> None:
        column = Column.model_validate({**described, "missing": 0.5})
        raw = data.draw(st.lists(st.none() | values, min_size=1, max_size=6))
        series = pd.Series(pa.array(raw, arrow).to_pandas(types_mapper=pd.ArrowDtype))
        rejected = np.zeros(len(raw), dtype=bool)
        for rule in RULES:
            if rule.applies_to(column):
                rejected |= rule.broken(series, column)
        rules = rules_of(column)
        found = rules.outside(rules.read({"x": raw}))
        assert [each.row for each in found] == np.flatnonzero(rejected).tolist()
        assert rules.outside(rules.read(pa.table({"x": pa.array(raw, arrow)}))) == found


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load(GOLDEN / "iris")


class TestRows:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (pd.DataFrame({"species": ["setosa"]}), "row 0, sepal_length: missing"),
            (pd.DataFrame([FLOWER]).to_dict(), "sepal_length: a column is a list of values, not"),
            (
                pd.DataFrame([[5.1, 3.5, 1.4, 0.2, 9.0]], columns=[*FLOWER, "sepal_length"]),
                "'sepal_length' is the name of more than one column: 1 and 5",
            ),
            (pd.Series(FLOWER), "Series is no table"),
        ],
    )
    def test_what_is_no_question(self, bundle: Bundle, rows: Any, message: str) -> None:
        with pytest.raises(RequestError) as refused:
            bundle.predict(rows)
        assert str(refused.value).startswith(message)

    def test_a_generator_is_read_once(self, bundle: Bundle) -> None:
        rows = [FLOWER, LONG]
        assert bundle.predict(row for row in rows).tolist() == bundle.predict(rows).tolist()

    def test_columns_go_by_name(self, bundle: Bundle) -> None:
        backwards = dict(reversed(FLOWER.items()))
        forms: list[Any] = [
            [backwards],
            pd.DataFrame([backwards]),
            pa.Table.from_pylist([backwards]),
        ]
        for rows in forms:
            np.testing.assert_array_equal(
                bundle.predict_proba(rows), bundle.predict_proba([FLOWER])
            )

    def test_rows_without_any_feature_are_refused_where_all_may_be_missing(
        self, tmp_path: Path
    ) -> None:
        bundle = of("answer", tmp_path, **{name: {"missing": 0.5} for name in FLOWER})
        assert bundle.predict([{"petal_width": 0.2}]).shape == (1,)
        assert bundle.predict([]).shape == bundle.predict(pd.DataFrame()).shape == (0,)
        for rows in (
            [{}],
            [{"species": "setosa"}],
            {"species": ["setosa"]},
            pd.DataFrame({"species": ["setosa"]}),
            pa.table({"species": ["setosa"]}),
        ):
            with pytest.raises(RequestError, match="no column of the model is there: sepal_length"):
                bundle.predict(rows)

    @pytest.mark.parametrize("form", [list, pd.DataFrame, pa.Table.from_pylist])
    def test_what_the_model_cannot_take_is_refused_by_row_and_column(self, form: Any) -> None:
        bundle = load(GOLDEN / "cancer")
        (row, *_) = jsonfile.loads(bundle.files["sample.json"])["cases"]
        assert bundle.manifest["columns"]["radius"]["max"] is None
        rows = form([row["request"], {**row["request"], "radius": 3.5e38}])
        for ask in (bundle.predict, bundle.predict_proba, bundle.respond):
            with pytest.raises(RequestError, match=r"^row 1, radius: 3.5e\+38 is too large"):
                ask(rows)
