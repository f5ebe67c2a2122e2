"""Values as other people write them: the right one, or a question, and never a guess."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from perennial.data.contract import Contract
from perennial.params.collect import Collect, Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import parsed
from perennial.sources.reading.together import together


def contract(**column: Any) -> Contract:
    """A column `x`, an ignored column and a target."""
    columns = {
        "x": column,
        "rest": {"type": "text", "role": "ignored"},
        "y": {"type": "boolean", "role": "target"},
    }
    return Contract.model_validate({"version": 1, "name": "t", "columns": columns})


def csv(texts: list[str]) -> bytes:
    return ("x;rest;y\n" + "".join(f"{text};-;1\n" for text in texts)).encode()


def values(texts: list[str], column: dict[str, Any], **dialect: Any) -> list[Any]:
    """What texts of a CSV file mean."""
    dialect = {"delimiter": ";", **dialect}
    frame = parsed(csv(texts), "t.csv", contract(**column), Csv.model_validate(dialect))
    return pa.Table.from_pandas(frame)["x"].to_pylist()


def refusal(texts: list[str], column: dict[str, Any], **dialect: Any) -> str:
    with pytest.raises(PerennialError) as refused:
        values(texts, column, **dialect)
    assert refused.value.hint
    return str(refused.value)


NUMBER, INTEGER, BOOLEAN = {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
CATEGORY, TEXT, MOMENT = {"type": "category"}, {"type": "text"}, {"type": "datetime"}


def day(year: int, month: int, day_: int, *clock: int) -> datetime.datetime:
    return datetime.datetime(year, month, day_, *clock)  # type: ignore[arg-type]  # noqa: DTZ001


class TestNumbers:
    def test_a_decimal_comma_that_is_stated(self) -> None:
        texts = ["1,1", "2,25", "1.234,5", "(432)", "-1.234.567", "1.234", "7", "", "1,5e3"]
        expected = [1.1, 2.25, 1234.5, -432.0, -1234567.0, 1234.0, 7.0, None, 1500.0]
        assert values(texts, NUMBER, decimal=",") == expected

    @pytest.mark.parametrize("kind", ["number", "integer"])
    @pytest.mark.parametrize(
        "texts", [["1,234", "5,678"], ["1,5"], ["1.234,5"], ["1,234,567"], ["(1,234)"], ["1 234"]]
    )
    def test_a_comma_of_no_stated_meaning_is_a_question(self, kind: str, texts: list[str]) -> None:
        message = refusal(texts, {"type": kind})
        assert f'"{texts[0]}" is not a' in message
        assert "set collect.csv.decimal to the decimal mark" in message

    @pytest.mark.parametrize("kind", ["number", "integer"])
    def test_a_point_before_three_digits_is_a_question_where_semicolons_separate(
        self, kind: str
    ) -> None:
        assert "collect.csv.decimal" in refusal(["1.000", "12.000"], {"type": kind})
        assert values(["1.000", "12.500"], NUMBER, decimal=".") == [1.0, 12.5]
        assert values(["1.000", "12.000"], {"type": kind}, decimal=",") == [1000, 12000]
        frame = parsed(b"x,rest,y\n1.125,-,1\n", "t.csv", contract(type="number"), Csv())
        assert frame["x"].tolist() == [1.125]

    @pytest.mark.parametrize("texts", [["1.5"], ["12.34"], ["1.2345"], ["0.512"], ["1,2,3"]])
    def test_what_is_no_number_with_a_decimal_comma(self, texts: list[str]) -> None:
        assert f'"{texts[0]}" is not a number' in refusal(texts, NUMBER, decimal=",")

    @pytest.mark.parametrize(
        ("text", "dialect"),
        [
            ("1,234.5", {"decimal": "."}),
            ("1,234.5", {"thousands": ","}),
            ("1.234,5", {"thousands": "."}),
            ("1 234,5", {"decimal": ",", "thousands": " "}),
            ("1\u202f234,5", {"decimal": ",", "thousands": " "}),
            ("1\u00a0234.5", {"decimal": ".", "thousands": " "}),
            ("1'234.5", {"decimal": ".", "thousands": "'"}),
            ("1\u2019234.5", {"decimal": ".", "thousands": "'"}),
            ("1_234.5", {"decimal": ".", "thousands": "_"}),
            ("+1,234.5", {"decimal": "."}),
        ],
    )
    def test_marks_between_thousands(self, text: str, dialect: dict[str, str]) -> None:
        assert values([text, "2"], NUMBER, **dialect) == [1234.5, 2.0]

    def test_no_marks_between_thousands(self) -> None:
        assert '"1,234" is not' in refusal(["1,234"], NUMBER, decimal=".", thousands="none")

    def test_one_column_is_written_otherwise(self) -> None:
        dialect = {"decimal": ",", "columns": {"x": {"decimal": "."}}}
        assert values(["1.5", "1,000.5"], NUMBER, **dialect) == [1.5, 1000.5]
        dialect = {"decimal": ",", "thousands": " ", "columns": {"x": {"thousands": ","}}}
        assert "column x: decimal and thousands are both ','" in refusal(["1"], NUMBER, **dialect)

    @pytest.mark.parametrize(
        "text", ["9007199254740993", "-9007199254740993", "9007199254740993.0", "1" + "0" * 400]
    )
    def test_past_2_to_53_a_number_is_refused_and_never_rounded(self, text: str) -> None:
        assert "past 2^53" in refusal(["1", text], NUMBER)
        assert values(["9007199254740992", "1e300"], NUMBER) == [2.0**53, 1e300]

    @pytest.mark.parametrize(
        ("unit", "texts", "expected"),
        [
            ("kg", ["10 kg", "2.5kg", "", "-3 kg"], [10.0, 2.5, None, -3.0]),
            ("%", ["29%", "3 %"], [29.0, 3.0]),
            ("$", ["$ 1,200", "$5", "-$7", "($8)"], [1200.0, 5.0, -7.0, -8.0]),
            ("€", ["1,234.50 €", "(43) €", "( 43 €)", "€ (5)"], [1234.5, -43.0, -43.0, -5.0]),
            ("kg", ["1", "2"], [1.0, 2.0]),
        ],
    )
    def test_the_units_that_the_contract_names(
        self, unit: str, texts: list[str], expected: list[float]
    ) -> None:
        assert values(texts, {**NUMBER, "unit": unit}, decimal=".") == expected

    @pytest.mark.parametrize("text", ["1 kg 2", "1kg000", "kg", "5 kg kg", "k5g"])
    def test_a_unit_stands_before_or_behind_its_number(self, text: str) -> None:
        message = refusal(["3 kg", text], {**NUMBER, "unit": "kg"})
        assert f'line 3, column x: "{text}" is not a number' in message

    def test_a_unit_that_is_a_number_is_none(self) -> None:
        assert values(["1,5", "(21)"], {**NUMBER, "unit": "1"}, decimal=",") == [1.5, -21.0]

    @pytest.mark.parametrize("text", ["1.0", "1.00", "1.5"])
    def test_a_point_is_no_decimal_mark_of_a_whole_number_once_the_comma_is(
        self, text: str
    ) -> None:
        assert f'"{text}" is not a whole number' in refusal([text], INTEGER, decimal=",")
        assert values(["1,0", "1.000", "7"], INTEGER, decimal=",") == [1, 1000, 7]

    def test_units_that_do_not_agree(self) -> None:
        column = {**NUMBER, "unit": "kg"}
        message = refusal(["10 kg", "5 lb", "7"], column)
        assert 'line 3, column x: "5 lb" is not a number' in message
        assert 'line 4, column x: "7" is not a number in kg, as other rows have it' in message
        assert 'if all rows are in kg, write `unit: "kg"`' in refusal(["10 kg"], NUMBER)

    def test_censored_values_are_refused_with_their_rows(self) -> None:
        message = refusal(["2.5", "<1.0", "3", "<1.0", "> 9"], NUMBER)
        assert "unit" not in message
        assert 'line 3, column x: "<1.0" is not a number (3 rows: ' in message
        assert '"<1.0" in line 3 and 1 more, "> 9" in line 6)' in message

    @given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=5), st.sampled_from(".,"))
    def test_any_number_comes_back(self, numbers: list[float], mark: str) -> None:
        swap = str.maketrans(",.", ".,") if mark == "," else {}
        texts = [f"{number:,.6f}".translate(swap) for number in numbers]
        expected = [float(f"{number:.6f}") + 0.0 for number in numbers]
        assert values(texts, NUMBER, decimal=mark) == expected


class TestWords:
    def test_the_usual_words_and_gaps(self) -> None:
        assert values(["true", "", "FALSE"], BOOLEAN) == [True, None, False]
        assert values(["Y", "N", "", "t", "F", "1.0"], BOOLEAN) == [
            True, False, None, True, False, True,
        ]  # fmt: skip

    def test_null_is_told(self) -> None:
        message = refusal(["NULL", "1", "0"], BOOLEAN)
        assert 'line 2, column x: "NULL" is not true or false' in message
        assert "collect.csv.nulls" in message
        assert values([" NULL", "1", "0"], BOOLEAN, nulls=["NULL"]) == [None, True, False]

    def test_in_json_true_is_no_number(self) -> None:
        with pytest.raises(PerennialError, match="line 2, column x: true is not a number"):
            read([1, True, 1.0], "number", "jsonl")

    def test_words_of_ones_own(self) -> None:
        words = {"columns": {"x": {"true_values": ["Ja"], "false_values": ["Nein"]}}}
        assert values(["ja", "NEIN", ""], BOOLEAN, **words) == [True, False, None]
        assert '"yes" is not true or false' in refusal(["yes"], BOOLEAN, **words)

    @pytest.mark.parametrize(
        "dialect",
        [
            {"true_values": ["ja"], "false_values": ["JA "]},
            {"decimal": ",", "thousands": ","},
            {"delimiter": ",", "quote": ","},
            {"delimiter": "\n"},
            {"delimiter": ""},
            {"delimiter": ", "},
            {"date_format": "DD/MM/YYYY"},
            {"date_format": "%d/%m"},
            {"columns": {"x": {"delimiter": ";"}}},
            {"decimals": ","},
        ],
    )
    def test_settings_that_cannot_be(self, dialect: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Csv.model_validate(dialect)


class TestMissing:
    @pytest.mark.parametrize("kind", ["category", "text", "number", "integer", "boolean"])
    def test_nulls_are_trimmed_as_values_are(self, kind: str) -> None:
        assert values([" ? ", "?", "", "  ", "1"], {"type": kind}, nulls=["? "])[:4] == [None] * 4

    def test_nulls_of_one_column(self) -> None:
        dialect = {"nulls": ["NA"], "columns": {"x": {"nulls": []}}}
        assert values(["NA", "", "?"], CATEGORY, **dialect) == ["NA", None, "?"]

    @pytest.mark.parametrize("kind", ["category", "text"])
    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_an_empty_text_is_missing_and_a_value_is_trimmed_in_every_format(
        self, kind: str, form: str
    ) -> None:
        assert read([" a", "", "b ", " ", "a"], kind, form) == ["a", None, "b", None, "a"]


def read(given_: list[Any], kind: str, form: str, **column: Any) -> list[Any]:
    """Values that were written in a format, as they are read."""
    rules = contract(type=kind, **column)
    if form == "csv":
        content = csv(["" if value is None else str(value) for value in given_])
    elif form == "jsonl":
        rows = [{"x": value, "rest": "-", "y": True} for value in given_]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    else:
        sink = pa.BufferOutputStream()
        rest, target = ["-"] * len(given_), [True] * len(given_)
        pq.write_table(pa.table({"x": given_, "rest": rest, "y": target}), sink)
        content = sink.getvalue().to_pybytes()
    frame = parsed(content, f"t.{form}", rules, Csv(delimiter=";"))
    return pa.Table.from_pandas(frame)["x"].to_pylist()


class TestCategories:
    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("given_", "expected"),
        [
            ([1, 2], ["1", "2"]),
            ([1.0, 2.0, None], ["1", "2", None]),
            ([True, False], ["true", "false"]),
            (["True", "TRUE", "true"], ["true"] * 3),
            (["1", "1.0", "01", "1.50", "v1.0"], ["1", "1", "01", "1.50", "v1.0"]),
        ],
    )
    def test_the_same_value_is_one_category_in_every_format(
        self, form: str, given_: list[Any], expected: list[str]
    ) -> None:
        assert read(given_, "category", form) == expected

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_the_contracts_spelling_counts(self, form: str) -> None:
        labels = {"categories": ["1.0", "2.0", "True", " odd"]}
        given_ = ["1", "1.0", "2", "TRUE", "odd"]
        assert read(given_, "category", form, **labels) == ["1.0", "1.0", "2.0", "True", " odd"]

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_truth_that_the_contract_lists_is_spelled_as_tables_hold_it(self, form: str) -> None:
        labels = {"categories": [True, False]}
        for given_ in ([True, False], ["True", "FALSE"]):
            assert read(given_, "category", form, **labels) == ["true", "false"]

    def test_two_spellings_that_the_contract_keeps_apart(self) -> None:
        labels = {"categories": ["1", "1.0"]}
        assert read(["1", "1.0"], "category", "csv", **labels) == ["1", "1.0"]

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_a_float_that_the_contract_lists_is_a_category(self, form: str) -> None:
        labels = {"categories": [1.0, 1.5, 2.0]}
        assert read([1.0, 1.5, 2.0], "category", form, **labels) == ["1.0", "1.5", "2.0"]

    def test_a_float_that_is_no_whole_number_is_no_category(self) -> None:
        with pytest.raises(PerennialError, match=r"row 2, column x: 1\.5 is not a text"):
            read([1.0, 1.5], "category", "parquet")


class TestTimes:
    def test_the_day_comes_first_where_one_date_shows_it(self) -> None:
        texts = ["28/01/2023", "04/07/2024", "13/02/2000"]
        expected = [day(2023, 1, 28), day(2024, 7, 4), day(2000, 2, 13)]
        assert values(texts, MOMENT) == expected
        assert values([text.replace("/", ".") for text in texts], MOMENT) == expected

    def test_the_month_comes_first_where_one_date_shows_it(self) -> None:
        texts = ["1/01/1800 00:00", "12/31/2200 23:59", "8/15/2700 7:12", ""]
        expected = [day(1800, 1, 1), day(2200, 12, 31, 23, 59), day(2700, 8, 15, 7, 12), None]
        assert values(texts, MOMENT) == expected

    def test_days_up_to_12_are_a_question(self) -> None:
        message = refusal(["04/07/2024", "01/02/2024"], MOMENT)
        assert "none of the file's dates shows whether the day or the month comes first" in message
        assert "set collect.csv.date_format" in message
        both = refusal(["28/01/2023", "01/28/2023"], MOMENT)
        assert "some of the file's dates have the day first and others the month" in both

    @pytest.mark.parametrize(
        ("form", "text"),
        [
            ("%d/%m/%Y", "04/07/2024"),
            ("%d.%m.%y", "4.7.24"),
            ("%d %B %Y", "4 July 2024"),
            ("%Y/%m/%d", "2024/07/04"),
            ("iso", "20240704"),
        ],
    )
    def test_a_stated_format(self, form: str, text: str) -> None:
        assert values([text, ""], MOMENT, date_format=form) == [day(2024, 7, 4), None]

    def test_what_is_not_in_the_stated_format(self) -> None:
        message = refusal(["04/07/2024", "2024-07-04"], MOMENT, date_format="%d/%m/%Y")
        assert 'line 3, column x: "2024-07-04" is not a date written %d/%m/%Y' in message
        assert '"28/01/2023" is not a date and time' in refusal(
            ["28/01/2023"], MOMENT, date_format="iso"
        )

    def test_a_format_of_one_column(self) -> None:
        dialect = {"date_format": "%m/%d/%Y", "columns": {"x": {"date_format": "%d/%m/%Y"}}}
        assert values(["04/07/2024"], MOMENT, **dialect) == [day(2024, 7, 4)]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("20240131", day(2024, 1, 31)),
            ("20240131T0712", day(2024, 1, 31, 7, 12)),
            ("20240131T071205Z", day(2024, 1, 31, 7, 12, 5)),
            ("2024-W05-3", day(2024, 1, 31)),
            ("2024-01-31T07:12+02", day(2024, 1, 31, 5, 12)),
            ("2024-01-31 07:12:05,5", day(2024, 1, 31, 7, 12, 5, 500_000)),
            ("2024-01-31T07:12:05.123456789", day(2024, 1, 31, 7, 12, 5, 123_456)),
        ],
    )
    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_iso_8601_in_all_its_forms(
        self, form: str, text: str, expected: datetime.datetime
    ) -> None:
        assert read([text], "datetime", form) == [expected]

    @pytest.mark.parametrize(
        "text", ["1704067200", "1704067200000", "2024-02-30", "2024-01-31T24:00"]
    )
    def test_what_is_no_time(self, text: str) -> None:
        assert f'"{text}" is not a date and time of ISO 8601' in refusal(
            ["2024-01-01", text], MOMENT
        )

    def test_a_date_among_times_is_its_midnight(self) -> None:
        texts = ["2022-10-15", "2021-12-25", "2019-10-15 12:00:00"]
        assert values(texts, MOMENT) == [
            day(2022, 10, 15), day(2021, 12, 25), day(2019, 10, 15, 12),
        ]  # fmt: skip

    def test_the_hour_that_summer_time_repeats_is_two_instants(self) -> None:
        texts = ["2024-04-07T01:30:00+11:00", "2024-04-07T01:30:00+10:00"]
        assert values(texts, MOMENT) == [day(2024, 4, 6, 14, 30), day(2024, 4, 6, 15, 30)]

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_times_of_two_kinds_in_one_column(self, form: str) -> None:
        texts = ["2024-04-07T01:30:00+11:00", "2024-04-07T01:30:00", "2024-04-08T01:30:00"]
        with pytest.raises(PerennialError, match="with an offset from UTC in some rows") as refused:
            read(texts, "datetime", form)
        assert "(2 rows: " in str(refused.value)

    def test_times_of_two_kinds_across_files(self) -> None:
        rules = contract(type="datetime")
        stamp = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"x": [stamp], "rest": ["-"], "y": [True]}), sink)
        files = {
            "a.csv": csv(["2024-01-01T00:00:00"]),
            "b.parquet": sink.getvalue().to_pybytes(),
            "c.csv": csv([""]),
        }
        with pytest.raises(PerennialError) as refused:
            together(files.items(), rules, Csv(delimiter=";"))
        expected = "column x: with an offset from UTC in b.parquet; without one in a.csv"
        assert expected in str(refused.value)
        del files["a.csv"]
        rows = together(files.items(), rules, Csv(delimiter=";"))
        assert rows is not None
        assert rows["x"].dtype.pyarrow_dtype == pa.timestamp("us")


class TestManyFaults:
    def test_faults_of_all_files_are_told_at_once(self) -> None:
        files = {
            "a.csv": csv(["1", *[f"bad{i}" for i in range(25)]]),
            "b.csv": csv(["bad3", "2"]),
            "c.csv": csv(["3"]).replace(b"-;1", b"-"),
            "d.csv": csv(["4"]),
        }
        with pytest.raises(PerennialError) as refused:
            together(files.items(), contract(type="number"), Csv(delimiter=";"))
        message = str(refused.value)
        assert message.startswith("3 files cannot be read:")
        assert "c.csv, line 2: 2 values where the header has 3" in message
        assert 'a.csv, line 3, column x: "bad0" is not a number (26 rows: ' in message
        assert '"bad3" in a.csv, line 6 and 1 more' in message
        assert '"bad19"' in message
        assert '"bad20"' not in message
        assert "5 more values)" in message

    def test_sensitive_values_are_counted_and_not_shown(self) -> None:
        message = refusal(["secret", "1", "hidden"], {**NUMBER, "sensitive": True})
        assert "secret" not in message
        assert "hidden" not in message
        assert "(2 rows: " in message


class TestIgnoredColumns:
    @pytest.mark.parametrize("rest", [[[1, 2]], [b"\x00\xff"], [{"a": 1}], [1.5]])
    def test_a_type_that_no_column_has_does_not_stop(self, rest: list[Any]) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"x": [1.0], "rest": rest, "y": [True]}), sink)
        rules = contract(type="number")
        if isinstance(rest[0], float):
            return
        frame = parsed(sink.getvalue().to_pybytes(), "t.parquet", rules)
        assert frame["rest"].isna().all()
        if not isinstance(rest[0], bytes):
            line = json.dumps({"x": 1.0, "rest": rest[0], "y": True}).encode()
            assert parsed(line, "t.jsonl", rules)["rest"].isna().all()

    def test_half_a_surrogate_pair_is_named(self) -> None:
        line = b'{"x": "a", "rest": "-", "y": true}\n{"x": "\\ud800", "rest": "-", "y": true}\n'
        with pytest.raises(PerennialError, match="line 2, column x") as refused:
            parsed(line, "t.jsonl", contract(type="text"))
        assert "half of a surrogate pair" in str(refused.value)
        str(refused.value).encode()


def test_the_guides_german_table_is_read_as_the_guide_says() -> None:
    page = (Path(__file__).parents[3] / "docs/guides/your-table.md").read_text(encoding="utf-8")
    (example,) = [part for part in re.findall(r"```yaml\n(.*?)```", page, re.S) if "csv:" in part]
    dialect = Collect.model_validate(YAML(typ="safe").load(example)["collect"]).csv
    columns = {
        "price": {"type": "number"},
        "on": {"type": "datetime"},
        "country": {"type": "category"},
        "y": {"type": "boolean", "role": "target"},
    }
    rules = Contract.model_validate({"version": 1, "name": "t", "columns": columns})
    text = "price;on;country;y\n1.234,5;04.07.2024;NA;ja\n(432);13.02.2000;k. A.;NEIN\n"
    frame = parsed(text.encode("cp1252"), "t.csv", rules, dialect)
    assert pa.Table.from_pandas(frame).to_pylist() == [
        {"price": 1234.5, "on": day(2024, 7, 4), "country": "NA", "y": True},
        {"price": -432.0, "on": day(2000, 2, 13), "country": "k. A.", "y": False},
    ]


@pytest.mark.parametrize("text", ["0000-01-01", "-0001-01-01", "10000-01-01"])
def test_a_year_that_no_date_has_is_refused(text: str) -> None:
    assert "line 2, column x: " in refusal([text], MOMENT)
    micros = pa.array([0, 2**62], pa.timestamp("us"))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": micros, "rest": ["-"] * 2, "y": [True] * 2}), sink)
    with pytest.raises(PerennialError, match=r"row 2, column x: .* of the years 1 to 9999"):
        parsed(sink.getvalue().to_pybytes(), "t.parquet", contract(type="datetime"))


def test_spaces_around_names_do_not_count_unless_the_contract_has_them() -> None:
    columns = {
        "a": {"type": "number"},
        " b": {"type": "number"},
        "y": {"type": "boolean", "role": "target"},
    }
    rules = Contract.model_validate({"version": 1, "name": "t", "columns": columns})
    for text in ("a , b,y\n1, 2,1\n", ' "a", " b",y\n1,2,1\n'):
        frame = parsed(text.encode(), "t.csv", rules)
        assert frame.to_dict("list") == {"a": [1.0], " b": [2.0], "y": [True]}
    with pytest.raises(PerennialError, match="columns of the same name"):
        parsed(b"a, a,y\n1,2,1\n", "t.csv", contract(type="number"))


def test_utf_16_is_named() -> None:
    content = csv(["1"]).decode().encode("utf-16")
    with pytest.raises(PerennialError, match=r"set collect\.csv\.encoding to utf-16"):
        parsed(content, "t.csv", contract(type="number"), Csv(delimiter=";"))
    rows = parsed(content, "t.csv", contract(type="number"), Csv(delimiter=";", encoding="utf-16"))
    assert rows["x"].tolist() == [1.0]
