"""A bundle answers the same to every form of a question, and refuses what it does not know."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perennial.bundle.bundle import Bundle, RequestError, load
from perennial.data import parquet
from perennial.data.contract import read_contract
from perennial.model.columns import evenly_spaced
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

BUNDLE = "models/bundle"
ROW = {
    "seen": "2024-03-01T09:30",
    "clinic": "north",
    "ward": None,
    "parity": 2,
    "age": 50.5,
    "nickname": "nick1",
    "smoker": True,
    "asked": "2023-12-01T10:00",
    "radius": 14.0,
    "texture": 20.0,
    "smoothness": 0.1,
    "flat": 1.5,
}


@pytest.fixture(scope="module")
def bundle(cancer: Project) -> Bundle:
    return load(cancer.root / BUNDLE)


@pytest.fixture(scope="module")
def rows(cancer: Project) -> pa.Table:
    return parquet.read(cancer.root / "data/prepared/test.parquet")


def as_records(table: pa.Table) -> Any:
    return table.to_pylist()


def as_json(table: pa.Table) -> Any:
    texts = {pa.timestamp("us"): lambda value: value and value.isoformat()}
    columns = {
        name: [
            texts.get(table.schema.field(name).type, lambda value: value)(value)
            for value in table.column(name).to_pylist()
        ]
        for name in table.column_names
    }
    return json.loads(json.dumps(columns))


def as_frame(table: pa.Table) -> Any:
    return pd.DataFrame({name: table.column(name).to_pylist() for name in table.column_names})


def as_typed_frame(table: pa.Table) -> Any:
    frame = as_frame(table)
    return frame.astype(
        {
            "clinic": "category",
            "ward": "string",
            "smoker": "boolean",
            "parity": "Int64",
            "asked": "datetime64[ns]",
            "seen": "datetime64[us]",
        }
    )


def as_other_arrow(table: pa.Table) -> Any:
    """The same values in other Arrow types, in chunks, with the columns in another order."""
    other = {
        "clinic": pa.dictionary(pa.int8(), pa.string()),
        "ward": pa.large_string(),
        "parity": pa.float64(),
        "asked": pa.timestamp("ns"),
        "seen": pa.timestamp("us", "UTC"),
    }
    changed = table.select(table.column_names[::-1])
    for name, kind in other.items():
        place = changed.column_names.index(name)
        changed = changed.set_column(place, name, changed.column(name).cast(kind))
    return pa.concat_tables([changed.slice(0, 5), changed.slice(5)])


FORMS = [as_records, as_json, as_frame, as_typed_frame, as_other_arrow]


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    def test_every_form_of_the_rows_has_the_same_answers(
        self, bundle: Bundle, rows: pa.Table, form: Callable[[pa.Table], Any]
    ) -> None:
        asked = form(rows)
        np.testing.assert_array_equal(bundle.predict_proba(asked), bundle.predict_proba(rows))
        np.testing.assert_array_equal(bundle.predict(asked), bundle.predict(rows))

    def test_the_answers_are_those_that_were_evaluated(
        self, bundle: Bundle, rows: pa.Table, cancer: Project
    ) -> None:
        scored = parquet.read(cancer.root / "data/scored/test.parquet")
        assert bundle.predict(rows).tolist() == scored["prediction"].to_pylist()
        np.testing.assert_array_equal(bundle.predict_proba(rows)[:, 1], scored["probability"])

    def test_answers_depend_neither_on_the_batch_nor_on_threads(
        self, bundle: Bundle, rows: pa.Table, cancer: Project
    ) -> None:
        records = rows.to_pylist()
        together = bundle.predict_proba(records)
        apart = np.concatenate([bundle.predict_proba([record]) for record in records])
        np.testing.assert_array_equal(apart, together)
        backwards = bundle.predict_proba(records[::-1])[::-1]
        np.testing.assert_array_equal(backwards, together)
        for threads in (2, 3):
            result = load(cancer.root / BUNDLE, threads=threads).predict_proba(records)
            np.testing.assert_array_equal(result, together)

    @pytest.mark.parametrize(
        "nothing", [[], {}, {"radius": []}, pa.table({"radius": pa.array([])})]
    )
    def test_no_rows_no_answers(self, bundle: Bundle, nothing: Any) -> None:
        assert bundle.predict(nothing).shape == (0,)
        assert bundle.predict_proba(nothing).shape == (0, 2)
        assert bundle.respond(nothing) == []

    def test_columns_that_are_no_feature_do_not_count(self, bundle: Bundle) -> None:
        assert bundle.respond([{**ROW, "diagnosis": "benign", "patient": 3}]) == bundle.respond(
            [ROW]
        )

    def test_a_column_that_may_be_missing_may_be_left_out(self, bundle: Bundle) -> None:
        short = {name: value for name, value in ROW.items() if name not in {"ward", "smoker"}}
        filled = {**ROW, "ward": None, "smoker": float("nan")}
        assert bundle.respond([short]) == bundle.respond([filled])
        assert bundle.respond([short, ROW]) == bundle.respond([filled]) + bundle.respond([ROW])

    @pytest.mark.parametrize(
        "moment",
        [
            "2024-03-01T09:30:00",
            "2024-03-01T09:30Z",
            "2024-03-01T10:30+01:00",
            datetime.datetime(2024, 3, 1, 9, 30),  # noqa: DTZ001
            pd.Timestamp("2024-03-01T10:30+01:00"),
            np.datetime64("2024-03-01T09:30"),
        ],
    )
    def test_a_moment_may_be_written_in_many_ways(self, bundle: Bundle, moment: Any) -> None:
        (result,) = bundle.columns([{**ROW, "seen": moment}])["seen"]
        assert result == np.datetime64("2024-03-01T09:30")


WRONG = [
    ("radius", "14.0", "row 1, radius: '14.0' is not a number"),
    ("radius", True, "row 1, radius: True is not a number"),
    ("radius", float("inf"), "row 1, radius: inf is not a number: it is infinite"),
    ("parity", 2.5, "row 1, parity: 2.5 is not a integer: it has a fraction"),
    ("parity", "2", "row 1, parity: '2' is not a integer"),
    ("clinic", 3.5, "row 1, clinic: 3.5 is not a category"),
    ("smoker", 1, "row 1, smoker: 1 is not a boolean"),
    ("smoker", "yes", "row 1, smoker: 'yes' is not a boolean"),
    ("seen", "yesterday", "row 1, seen: 'yesterday' is not a datetime: Invalid isoformat string"),
    ("seen", 20240301, "row 1, seen: 20240301 is not a datetime"),
    ("radius", None, "row 1, radius: missing, and it must not be"),
    ("clinic", None, "row 1, clinic: missing, and it must not be"),
    ("seen", None, "row 1, seen: missing, and it must not be"),
]


class TestRefusals:
    @pytest.mark.parametrize(("name", "value", "message"), WRONG)
    def test_a_wrong_value_is_reported_by_row_column_and_value(
        self, bundle: Bundle, name: str, value: Any, message: str
    ) -> None:
        asked = [ROW, {**ROW, name: value}]
        columns = {key: [row[key] for row in asked] for key in ROW}
        for rows in (asked, columns):
            for ask in (bundle.predict, bundle.predict_proba, bundle.respond):
                with pytest.raises(RequestError) as refused:
                    ask(rows)
                assert str(refused.value).startswith(message)

    @pytest.mark.parametrize(
        ("name", "values", "message"),
        [
            ("radius", ["1.0", "2.0"], "row 0, radius: '1.0' is not a number"),
            ("radius", [True, False], "row 0, radius: True is not a number"),
            ("radius", [1.0, float("-inf")], "row 1, radius: -inf is not a number: it is infinite"),
            ("parity", [1.0, 2.5], "row 1, parity: 2.5 is not a integer: it has a fraction"),
            ("clinic", [1.5, 2], "row 0, clinic: 1.5 is not a category"),
            ("smoker", [1, 0], "row 0, smoker: 1 is not a boolean"),
            ("seen", ["x", "y"], "row 0, seen: 'x' is not a datetime"),
            ("radius", [1.0, None], "row 1, radius: missing"),
        ],
    )
    def test_an_arrow_table_and_a_frame_of_other_types_are_refused_alike(
        self, bundle: Bundle, name: str, values: list[Any], message: str
    ) -> None:
        typed = {**ROW, "seen": datetime.datetime(2024, 3, 1), "ward": "a"}  # noqa: DTZ001
        table = pa.Table.from_pylist([typed, typed]).drop_columns([name])
        for rows in (table.append_column(name, [values]), as_frame(table).assign(**{name: values})):
            with pytest.raises(RequestError) as refused:
                bundle.predict(rows)
            assert str(refused.value).startswith(message)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("raduis", "no column 'raduis'; did you mean radius?"),
            ("Clinic", "no column 'Clinic'; did you mean clinic?"),
            ("xyz", "no column 'xyz'"),
            (3, "no column 3"),
        ],
    )
    def test_an_unknown_column_is_reported_with_the_nearest_name(
        self, bundle: Bundle, name: Any, message: str
    ) -> None:
        forms: list[Any] = [
            [ROW, {**ROW, name: 1}],
            {**{key: [ROW[key]] for key in ROW}, name: [1]},
        ]
        if isinstance(name, str):
            forms += [pd.DataFrame([{**ROW, name: 1}]), pa.Table.from_pylist([{**ROW, name: 1}])]
        for rows in forms:
            with pytest.raises(RequestError) as refused:
                bundle.predict(rows)
            assert str(refused.value) == message

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([1, 2], "a row is a mapping of columns to values, not int"),
            (["radius"], "a row is a mapping of columns to values, not str"),
            ({"radius": 1.0}, "radius: a column is a list of values; one row is [row]"),
            ({"clinic": "north"}, "clinic: a column is a list of values; one row is [row]"),
            ({"radius": [1.0], "texture": [1.0, 2.0]}, "columns differ in length: "),
            ([{}], "row 0, seen: missing, and it must not be"),
            (None, "'NoneType' object is not iterable"),
        ],
    )
    def test_what_are_no_rows(self, bundle: Bundle, rows: Any, message: str) -> None:
        with pytest.raises(RequestError) as refused:
            bundle.predict(rows)
        assert str(refused.value).startswith(message)


class TestTasks:
    def test_binary(self, bundle: Bundle, rows: pa.Table) -> None:
        assert bundle.classes == ["benign", "malignant"]
        assert bundle.threshold is not None
        probabilities = bundle.predict_proba(rows)
        positive = probabilities[:, 1] >= bundle.threshold
        assert bundle.predict(rows).tolist() == [
            bundle.classes[code] for code in positive.astype(int)
        ]
        first = bundle.respond(rows)[0]
        assert first["prediction"] == bundle.predict(rows)[0]
        assert list(first["probabilities"].values()) == probabilities[0].tolist()

    def test_multiclass(self, iris: Project) -> None:
        bundle = load(iris.root / BUNDLE)
        rows = parquet.read(iris.root / "data/prepared/test.parquet")
        assert bundle.classes == ["setosa", "versicolor", "virginica"]
        assert bundle.threshold is None
        probabilities = bundle.predict_proba(rows)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-8)
        likeliest = [bundle.classes[code] for code in probabilities.argmax(axis=1)]
        assert bundle.predict(rows).tolist() == likeliest
        assert bundle.respond(rows)[0]["probabilities"].keys() == set(bundle.classes)

    def test_regression(self, diabetes: Project) -> None:
        bundle = load(diabetes.root / BUNDLE)
        rows = parquet.read(diabetes.root / "data/prepared/test.parquet")
        scored = parquet.read(diabetes.root / "data/scored/test.parquet")
        assert (bundle.classes, bundle.threshold) == ([], None)
        assert bundle.predict(rows).tolist() == scored["prediction"].to_pylist()
        assert bundle.respond(rows)[0] == {"prediction": scored["prediction"][0].as_py()}
        with pytest.raises(RequestError, match="a regression has no probabilities: call predict"):
            bundle.predict_proba(rows)


class TestPacked:
    """What `export` put into the bundle."""

    def test_the_manifest_names_what_it_was_made_of(self, cancer: Project, bundle: Bundle) -> None:
        manifest = bundle.manifest
        contract = read_contract(cancer.root / "data/contract.yaml")
        assert (manifest["format"], manifest["name"], manifest["task"]) == (1, "cancer", "binary")
        assert (manifest["target"], manifest["features"]) == (contract.target, contract.features)
        assert manifest["columns"].keys() == contract.columns.keys()
        assert manifest["engine"] == "treelite"
        assert {"numpy", "treelite", "scikit-learn"} <= manifest["packages"].keys()
        for name, path in {
            "contract.yaml": "data/contract.yaml",
            "train.parquet": "data/prepared/train.parquet",
            "test.parquet": "data/prepared/test.parquet",
        }.items():
            digest = subprocess.run(
                ["sha256sum", cancer.root / path], capture_output=True, text=True, check=True
            )
            assert manifest["data"][name] == digest.stdout.split()[0]

    def test_no_sensitive_value_is_in_any_file_of_rows(self, cancer: Project) -> None:
        folder = cancer.root / BUNDLE
        for name in ("reference.json", "distributions.json"):
            columns = jsonfile.read(folder / name)["columns"]
            assert {"radius", "clinic", "smoker"} <= columns.keys()
            assert not {"age", "nickname"} & columns.keys()
        cases = jsonfile.read(folder / "sample.json")["cases"]
        assert len(cases) == 10
        for name in ("age", "nickname"):
            assert len({case["request"][name] for case in cases}) == 1, "one made for all"
        assert len({case["request"]["radius"] for case in cases}) > 5
        for path in ("reference.json", "distributions.json", "MODEL_CARD.md"):
            text = (folder / path).read_text()
            assert "73000" not in text
            assert "nick1" not in text

    def test_samples_are_test_rows_with_the_answers_of_the_bundle(
        self, cancer: Project, bundle: Bundle, rows: pa.Table
    ) -> None:
        cases = jsonfile.read(cancer.root / BUNDLE / "sample.json")["cases"]
        answers = bundle.respond([case["request"] for case in cases])
        assert answers == [case["response"] for case in cases]
        radii = set(rows["radius"].to_pylist())
        assert all(case["request"]["radius"] in radii for case in cases)

    def test_the_reference_holds_rows_and_their_answers(
        self, cancer: Project, rows: pa.Table
    ) -> None:
        reference = jsonfile.read(cancer.root / BUNDLE / "reference.json")
        assert {len(values) for values in reference["columns"].values()} == {50}
        assert reference["answers"].keys() == {"prediction", "probability"}
        scored = parquet.read(cancer.root / "data/scored/test.parquet")
        places = evenly_spaced(rows.num_rows, 50)
        assert reference["columns"]["radius"] == rows["radius"].take(places).to_pylist()
        for name, answers in reference["answers"].items():
            assert answers == scored[name].take(places).to_pylist()

    def test_distributions_count_every_test_row(self, cancer: Project, rows: pa.Table) -> None:
        distributions = jsonfile.read(cancer.root / BUNDLE / "distributions.json")
        for part in [*distributions["columns"].values(), *distributions["answers"].values()]:
            assert part["rows"] == rows.num_rows
            counts = part["categories"].values() if "categories" in part else part["counts"]
            assert sum(counts) + part.get("other", 0) + part["missing"] == rows.num_rows


def test_answering_imports_no_library_of_training_or_tables(cancer: Project) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from perennial.bundle.bundle import load\n"
        f"bundle = load({str(cancer.root / BUNDLE)!r})\n"
        f"bundle.predict([{ROW!r}]); bundle.predict_proba([{ROW!r}]); bundle.respond([{ROW!r}])\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    src = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": src},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert {"perennial", "numpy", "treelite"} <= loaded
    assert not loaded & {"pandas", "sklearn", "joblib", "dvc", "pyarrow", "pydantic", "ruamel"}
