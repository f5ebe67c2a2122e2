"""Each step computes what scikit-learn and pandas compute, row by row, and survives JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from perennial.model.preprocessing import (
    CLIP,
    Calendar,
    Category,
    Number,
    OneHot,
    Preprocessing,
    Refused,
    Standard,
    Step,
    TargetMean,
    Tfidf,
    words,
)
from perennial.runtime import jsonfile

PARTS = ["year", "month", "day", "weekday", "day_of_year", "hour", "minute", "minute_of_day"]

HOSTILE_TEXT = st.sampled_from(
    [None, "", " ", "unseen", "a", "A", "a ", "nan", "☃ 雪 🙂", "\ud800", "\x00", "x" * 100_000]
) | st.text(max_size=20)
HOSTILE: dict[str, st.SearchStrategy[Any]] = {
    "category": HOSTILE_TEXT,
    "text": HOSTILE_TEXT,
    "number": st.floats(),
    "datetime": st.sampled_from(["NaT", "0001-01-01", "9999-12-31T23:59:59.999999", "1969-12-31"])
    | st.datetimes().map(str),
}
DTYPES = {"category": object, "text": object, "number": "float64", "datetime": "datetime64[us]"}
TYPES = {"c": "category", "o": "category", "t": "category"} | {
    "x": "number",
    "f": "number",
    "when": "datetime",
    "note": "text",
}


def texts(*values: str | None) -> Any:
    return np.array(values, dtype=object)


def moments(*values: str) -> Any:
    return np.array(values, dtype="datetime64[us]")


def program(standard: bool = False) -> Preprocessing:
    steps: list[Step] = [
        Category("c", ["b", "a"]),
        OneHot("o", ["a", "b"]),
        TargetMean("t", ["a", "b"], [[0.1], [0.9]], [0.5]),
        Number("x"),
        Number("f", fill=7.0),
        Calendar("when", PARTS, fill=[0.0] * len(PARTS)),
        Tfidf("note", ["aa", "bb"], [1.0, 1.5]),
    ]
    made = Preprocessing(TYPES, steps)
    width = len(made.names)
    rescaled = Standard([0.5] * width, [1e-9] * width) if standard else None
    return Preprocessing(TYPES, steps, standard=rescaled)


finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1, max_size=5)
categories = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=4)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    column, listed = draw(names), draw(categories)
    means = [[draw(finite), draw(finite)] for _ in listed]
    return draw(
        st.sampled_from(
            [
                Number(column, draw(st.none() | finite)),
                Category(column, listed),
                OneHot(column, listed),
                TargetMean(column, listed, means, [draw(finite), draw(finite)]),
                Calendar(column, PARTS, draw(st.none() | st.just([draw(finite)] * len(PARTS)))),
                Tfidf(column, listed, [draw(finite) for _ in listed]),
            ]
        )
    )


class TestOracles:
    def test_onehot(self) -> None:
        seen = texts("b", "a", "c", "a")
        asked = texts("a", "b", "c", "d", None, "")
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        encoder.fit(seen[:, np.newaxis])
        step = OneHot("x", ["a", "b", "c"])
        np.testing.assert_array_equal(step.apply(asked), encoder.transform(asked[:, np.newaxis]))
        assert step.names == ["x=a", "x=b", "x=c"]

    @pytest.mark.parametrize("classes", [0, 2, 3])
    def test_target_mean(self, classes: int) -> None:
        rng = np.random.default_rng(0)
        values = rng.choice(list("abcd"), 200).astype(object)
        target = rng.integers(0, classes, 200) if classes else rng.normal(size=200)
        encoder = TargetEncoder(smooth="auto").fit(values[:, np.newaxis], target)
        means = np.stack(encoder.encodings_, axis=1)
        default = np.atleast_1d(encoder.target_mean_)
        step = TargetMean("x", list("abcd"), means.tolist(), default.tolist())
        asked = texts("d", "a", "b", "c", "never")
        expected = encoder.transform(asked[:, np.newaxis])
        np.testing.assert_allclose(step.apply(asked), expected, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(step.apply(texts(None)), default[np.newaxis])

    def test_tfidf(self) -> None:
        seen = ["The cat sat on the mat", "a Cat's 9 lives", "été à l'été", "snake_case x9"]
        asked = [*seen, "", "cat cat CAT!", "unknown words only", "mat" * 3, "a b c", "ÉTÉ"]
        vectorizer = TfidfVectorizer().fit(seen)
        step = Tfidf("x", vectorizer.get_feature_names_out().tolist(), vectorizer.idf_.tolist())
        expected = vectorizer.transform(asked).toarray()
        np.testing.assert_allclose(step.apply(texts(*asked)), expected, rtol=0, atol=1e-15)
        assert not step.apply(texts(None)).any()

    @settings(max_examples=60)
    @given(st.text())
    def test_words(self, text: str) -> None:
        assert words(text) == TfidfVectorizer().build_analyzer()(text)

    def test_standard(self) -> None:
        rng = np.random.default_rng(0)
        matrix = rng.normal(5, 3, size=(50, 3))
        scaler = StandardScaler().fit(matrix)
        encoded = Standard(scaler.mean_.tolist(), scaler.scale_.tolist()).apply(matrix)
        np.testing.assert_allclose(encoded, scaler.transform(matrix), rtol=0, atol=1e-12)

    @pytest.mark.parametrize("part", PARTS)
    @settings(max_examples=60)
    @given(when=st.lists(st.datetimes() | st.sampled_from(["NaT"]), min_size=1, max_size=5))
    def test_calendar(self, part: str, when: list[Any]) -> None:
        values = np.array(when, dtype="datetime64[us]")
        dt = pd.Series(values).dt
        expected = {
            "weekday": dt.day_of_week,
            "day_of_year": dt.day_of_year,
            "minute_of_day": dt.hour * 60 + dt.minute,
        }.get(part)
        expected = getattr(dt, part) if expected is None else expected
        encoded = Calendar("x", [part]).apply(values)[:, 0]
        np.testing.assert_array_equal(encoded, expected.to_numpy(np.float64))

    def test_calendar_by_hand(self) -> None:
        # A leap day, the last microsecond before 1970, a Monday, and nothing.
        values = moments("2024-02-29T23:59:59", "1969-12-31T23:59:59.999999", "2024-01-01", "NaT")
        assert Calendar("x", PARTS, fill=[-1.0] * 8).apply(values).tolist() == [
            [2024, 2, 29, 3, 60, 23, 59, 1439],
            [1969, 12, 31, 2, 365, 23, 59, 1439],
            [2024, 1, 1, 0, 1, 0, 0, 0],
            [-1] * 8,
        ]
        assert np.isnan(Calendar("x", PARTS).apply(values)[3]).all()
        assert Calendar("x", ["day"]).names == ["x:day"]


class TestMissing:
    def test_category_places_and_what_has_none(self) -> None:
        encoded = Category("x", ["b", "a"]).apply(texts("a", "b", "c", None, "A", ""))[:, 0]
        np.testing.assert_array_equal(encoded, [1, 0, np.nan, np.nan, np.nan, np.nan])

    def test_number(self) -> None:
        values = np.array([1.0, np.nan, np.inf])
        np.testing.assert_array_equal(Number("x").apply(values)[:, 0], values)
        np.testing.assert_array_equal(Number("x", fill=3.0).apply(values)[:, 0], [1, 3, np.inf])

    def test_nothing_listed(self) -> None:
        asked = texts("a", None)
        assert np.isnan(Category("x", []).apply(asked)).all()
        assert OneHot("x", []).apply(asked).shape == (2, 0)
        assert Tfidf("x", [], []).apply(asked).shape == (2, 0)
        assert TargetMean("x", [], [], [0.25]).apply(asked).tolist() == [[0.25], [0.25]]


class TestProgram:
    @pytest.mark.parametrize("standard", [False, True])
    @settings(max_examples=60)
    @given(data=st.data())
    def test_hostile_rows_are_encoded_and_no_row_depends_on_another(
        self, standard: bool, data: st.DataObject
    ) -> None:
        made, rows = program(standard), data.draw(st.integers(1, 5))
        columns = {}
        for name, kind in TYPES.items():
            values = data.draw(st.lists(HOSTILE[kind], min_size=rows, max_size=rows))
            columns[name] = np.array(values, dtype=DTYPES[kind])
        matrix = made.encode(columns)
        assert matrix.shape == (rows, len(made.names))
        assert matrix.dtype == np.float64
        for row in range(rows):
            alone = made.encode({name: values[[row]] for name, values in columns.items()})
            assert alone.tobytes() == matrix[[row]].tobytes()
        if standard:
            assert not (np.abs(matrix) > CLIP).any()

    @settings(max_examples=60)
    @given(
        st.lists(steps(), max_size=4),
        st.none() | st.builds(Standard, st.lists(finite), st.lists(finite)),
        st.sampled_from(["float32", "float64"]),
        st.booleans(),
    )
    def test_json_gives_the_same_program(
        self, made: list[Step], standard: Standard | None, dtype: str, is_finite: bool
    ) -> None:
        before = Preprocessing({"x": "number"}, made, standard, dtype, is_finite)
        text = jsonfile.dumps(before.to_json())
        after = Preprocessing.from_json(jsonfile.json.loads(text))
        assert after == before
        assert jsonfile.dumps(after.to_json()) == text

    def test_through_a_file(self, tmp_path: Path) -> None:
        jsonfile.write(tmp_path / "program.json", program().to_json())
        after = Preprocessing.from_json(jsonfile.read(tmp_path / "program.json"))
        assert after == program()
        assert [type(step) for step in after.steps] == [type(step) for step in program().steps]

    def test_names_and_origin_say_where_each_matrix_column_comes_from(self) -> None:
        made = program()
        assert made.names[:6] == ["c", "o=a", "o=b", "t:mean", "x", "f"]
        assert made.origin[:6] == ["c", "o", "o", "t", "x", "f"]
        assert len(made.origin) == len(made.names)

    def test_no_rows(self) -> None:
        none = {name: np.array([], dtype=DTYPES[kind]) for name, kind in TYPES.items()}
        assert program().encode(none).shape == (0, len(program().names))


class TestCast:
    MATRIX = np.array([[0.1, 1.0], [np.nan, 2.0], [1e300, 3.0]])

    def made(self, dtype: str, is_finite: bool) -> Preprocessing:
        return Preprocessing({}, [Number("a"), Number("b")], dtype=dtype, finite=is_finite)

    def test_values_are_rounded_to_the_type_that_the_model_compares_in(self) -> None:
        encoded = self.made("float32", False).cast(self.MATRIX)
        assert encoded.dtype == np.float32
        assert encoded[0, 0] == np.float32(0.1)
        assert encoded[2, 0] == np.inf
        assert self.made("float64", True).cast(self.MATRIX).tobytes() == self.MATRIX.tobytes()

    def test_what_the_fitted_model_would_refuse_is_refused_by_name(self) -> None:
        with pytest.raises(Refused, match=r"row 2, a: 1e\+300 is too large"):
            self.made("float32", True).cast(self.MATRIX)
        with pytest.raises(Refused, match="row 0, a: -inf"):
            self.made("float64", True).cast(np.array([[-np.inf, 0.0]]))
