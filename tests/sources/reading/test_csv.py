"""CSV is read in the contract's types, or refused with a message that names file and line."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import parsed

if TYPE_CHECKING:
    from tables.conftest import Sales

HEADER = "id,at,shop,price,count,sold\n"
GOOD = "a,2024-01-02T03:04,north,1.5,2,true\n"


class TestCsvValues:
    @pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "Yes", " yes "])
    def test_true(self, sales: Sales, text: str) -> None:
        assert sales.value(text, "sold") is True

    @pytest.mark.parametrize("text", ["false", "False", "0", "no", "NO"])
    def test_false(self, sales: Sales, text: str) -> None:
        assert sales.value(text, "sold") is False

    @pytest.mark.parametrize(("text", "number"), [("12", 12), ("-3", -3), (" 7 ", 7), ("12.0", 12)])
    def test_whole_numbers(self, sales: Sales, text: str, number: int) -> None:
        assert sales.value(text, "count") == number

    def test_a_large_whole_number_is_exact(self, sales: Sales) -> None:
        assert sales.value("9007199254740993.0", "count") == 9007199254740993

    @pytest.mark.parametrize(("text", "number"), [("1e3", 1000.0), ("-.5", -0.5), (" 2 ", 2.0)])
    def test_numbers(self, sales: Sales, text: str, number: float) -> None:
        assert sales.value(text, "price") == number

    @pytest.mark.parametrize(
        ("text", "hour"),
        [
            ("2024-06-01T12:00", 12),
            ("2024-06-01 12:00:00.000", 12),
            ("2024-06-01T12:00Z", 12),
            ("2024-06-01T12:00:00+02:00", 10),
            ("2024-06-01T12:00:00.5-0500", 17),
        ],
    )
    def test_an_offset_is_converted_to_utc(self, sales: Sales, text: str, hour: int) -> None:
        moment = sales.value(text, "at")
        assert isinstance(moment, datetime.datetime)
        assert (moment.hour, moment.tzinfo) == (hour, None)

    def test_a_date_is_its_midnight(self, sales: Sales) -> None:
        assert sales.value("2024-06-01", "at") == datetime.datetime(2024, 6, 1)  # noqa: DTZ001

    def test_offsets_across_the_end_of_summer_time_are_instants(self, sales: Sales) -> None:
        times = ("2024-04-07T02:30:00+11:00", "2024-04-07T02:30:00+10:00")
        rows = "".join(GOOD.replace("2024-01-02T03:04", time) for time in times)
        assert [moment.hour for moment in sales.read(HEADER + rows)["at"].to_pylist()] == [15, 16]

    @pytest.mark.parametrize("order", [1, -1])
    def test_times_with_and_without_offset_do_not_mix(self, sales: Sales, order: int) -> None:
        first, other = ("2024-01-01T10:00Z", "2024-01-01T10:00")[::order]
        times = (first, "", other, other, first)
        text = "at,id,shop,price,count,sold\n" + "".join(f"{time},a,n,1,1,1\n" for time in times)
        message = sales.refusal(text)
        assert f'line 4, column at: "{other}" is not like the times before it' in message
        assert "with an offset from UTC in some rows, without one in others" in message
        assert 'line 3, column at: "soon" is not a date and time' in sales.refusal(
            text.replace("\n,a", "\nsoon,a")
        )

    def test_only_the_texts_named_are_missing(self, sales: Sales) -> None:
        assert sales.value("", "price") is None
        assert sales.value("NA", "price", nulls=["NA"]) is None
        assert sales.value("NA", "shop") == "NA"
        assert '"NA" is not a number' in sales.refusal(HEADER + GOOD.replace("1.5", "NA"))

    def test_texts_that_look_like_numbers_stay_texts(self, sales: Sales) -> None:
        assert sales.value("007", "shop") == "007"


class TestCsvWriting:
    def test_a_quoted_value_may_hold_newlines_and_delimiters(self, sales: Sales) -> None:
        assert sales.value('"first\nsecond, ""third"""', "shop") == 'first\nsecond, "third"'

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_line_ends_blank_lines_and_a_missing_last_newline(self, sales: Sales, end: str) -> None:
        text = (HEADER + "\n" + GOOD + "\n" + GOOD).strip().replace("\n", end)
        assert sales.read(text).to_pylist() == [sales.row, sales.row]

    def test_a_byte_order_mark_is_no_part_of_the_header(self, sales: Sales) -> None:
        assert sales.read(b"\xef\xbb\xbf" + (HEADER + GOOD).encode()).to_pylist() == [sales.row]

    def test_another_delimiter_and_encoding(self, sales: Sales) -> None:
        text = (HEADER + GOOD.replace("north", "Zürich")).replace(",", ";")
        table = sales.read(text.encode("cp1252"), delimiter=";", encoding="cp1252")
        assert table["shop"].to_pylist() == ["Zürich"]

    def test_a_text_longer_than_a_megabyte(self, sales: Sales) -> None:
        assert sales.value("x" * 2_000_000, "shop") == "x" * 2_000_000


class TestBadCsv:
    """Each message names file, line, what is wrong and how to correct it."""

    def test_a_ragged_row(self, sales: Sales) -> None:
        message = sales.refusal(HEADER + GOOD + "b,2024-01-01\n" + GOOD + "c\n")
        assert "sales.csv, line 3: 2 values where the header has 6 (and 1 more" in message

    def test_a_row_with_too_many_values(self, sales: Sales) -> None:
        assert "line 2: 7 values where the header has 6" in sales.refusal(
            HEADER + "a" + GOOD[1:-1] + ",\n"
        )

    def test_line_numbers_count_lines_and_not_rows(self, sales: Sales) -> None:
        quoted = GOOD.replace("north", '"no\nr\nth"')
        assert "line 6: 1 values" in sales.refusal(HEADER + quoted + "\n" + "c\n")
        assert "line 7, column price" in sales.refusal(
            HEADER + quoted + "\n\n" + GOOD.replace("1.5", "much")
        )

    @pytest.mark.parametrize("shop", ['"north', 'nor"th,1,2,true\nb,2024-01-01,"x'])
    def test_a_quote_that_never_closes_does_not_swallow_rows(self, sales: Sales, shop: str) -> None:
        message = sales.refusal(HEADER + GOOD.replace("north", shop) + GOOD)
        assert "sales.csv" in message
        assert "line" in message

    @pytest.mark.parametrize("end", ["\n", ""])
    def test_a_quote_in_the_last_column_that_never_closes(self, sales: Sales, end: str) -> None:
        text = "at,shop,price,count,sold,id\n2024-01-01,n,1,1,1,a\n"
        message = sales.refusal(text + f'2024-01-01,n,1,1,1,"b\n2024-01-01,n,1,1,1,c{end}')
        assert "sales.csv, after line 2: a quote is not closed" in message

    @pytest.mark.parametrize(
        "header", ['"id,at\n', '"id"x,at,shop,price,count,sold\n', ",at,shop,price,count,sold\n"]
    )
    def test_a_broken_header(self, sales: Sales, header: str) -> None:
        assert "sales.csv: its columns are not those" in sales.refusal(header + GOOD)

    @pytest.mark.parametrize("shop", ['"no"rth', r'"say \"hi\""', r'"\"hi\" she said"'])
    def test_a_quote_in_the_middle_is_refused_and_never_dropped(
        self, sales: Sales, shop: str
    ) -> None:
        message = sales.refusal(HEADER + GOOD + GOOD.replace("north", shop))
        assert "sales.csv, after line 2: a quote is not closed as it should be" in message
        assert ("set collect.csv.escape to a backslash" in message) == ("\\" in shop)

    @pytest.mark.parametrize(
        ("shop", "value"),
        [
            (r'"say \"hi\""', 'say "hi"'),
            (r'"a, \"b\""', 'a, "b"'),
            ('"a""b"', 'a"b'),
            (r"a\,b", "a,b"),
        ],
    )
    def test_a_quote_behind_the_escape_that_is_set(
        self, sales: Sales, shop: str, value: str
    ) -> None:
        assert sales.value(shop, "shop", escape="\\") == value

    @pytest.mark.parametrize(
        ("shop", "value"),
        [
            ('5" by 7" x', '5" by 7" x'),
            (' "nor,th"', "nor,th"),
            (' "a, ""b"" c"', 'a, "b" c'),
            (r'"C:\dir\"', "C:\\dir\\"),
        ],
    )
    def test_quotes_that_are_odd_but_plain(self, sales: Sales, shop: str, value: str) -> None:
        text = HEADER + GOOD.replace("north", shop) + GOOD
        assert sales.read(text)["shop"].to_pylist() == [value, "north"]

    def test_a_null_of_a_database_is_missing_and_no_letter(self, sales: Sales) -> None:
        text = HEADER + GOOD.replace("north", r"\N") + r"\N,2024-01-01,\\N,1,1,1" + "\n"
        table = sales.read(text, escape="\\")
        assert table["shop"].to_pylist() == [None, r"\N"]
        assert table["id"].to_pylist() == ["a", None]
        assert sales.value(r"\N", "shop") == r"\N"
        assert sales.value(r"\N", "shop", nulls=[r"\N"]) is None

    def test_two_spaces_between_values_are_an_empty_one(self, sales: Sales) -> None:
        for shop in ("north", 'n"or"th'):
            text = (HEADER + GOOD.replace("north", shop)).replace(",", " ").replace("1.5", "")
            (row,) = sales.read(text, delimiter=" ").to_pylist()
            assert (row["shop"], row["price"], row["count"]) == (shop, None, 2)

    def test_another_quote(self, sales: Sales) -> None:
        assert sales.value("'nor,''th\"'", "shop", quote="'") == "nor,'th\""

    @pytest.mark.parametrize("mark", ["§", "│", "\x01"])
    def test_a_delimiter_of_any_character(self, sales: Sales, mark: str) -> None:
        text = (HEADER + GOOD).replace(",", mark)
        assert sales.read(text, delimiter=mark).to_pylist() == [sales.row]

    def test_a_sensitive_value_is_not_shown(self, sales: Sales) -> None:
        columns = {**sales.contract.columns}
        columns["price"] = columns["price"].model_copy(update={"sensitive": True})
        secretive = sales.contract.model_copy(update={"columns": columns})
        with pytest.raises(PerennialError, match="line 2, column price") as refused:
            parsed((HEADER + GOOD.replace("1.5", "much")).encode(), "s.csv", secretive)
        assert "much" not in str(refused.value)

    def test_another_encoding(self, sales: Sales) -> None:
        content = (HEADER + GOOD + GOOD.replace("north", "Zürich")).encode("cp1252")
        message = sales.refusal(content)
        assert "sales.csv, line 3: byte 84 (0xfc) is not utf-8" in message
        assert "collect.csv.encoding" in message

    def test_an_encoding_that_does_not_exist(self, sales: Sales) -> None:
        message = sales.refusal(HEADER + GOOD, encoding="utf-9")
        assert "params.yaml: collect.csv.encoding: no encoding is called 'utf-9'" in message

    def test_another_delimiter(self, sales: Sales) -> None:
        message = sales.refusal((HEADER + GOOD).replace(",", ";"))
        assert 'set collect.csv.delimiter to ";"' in message

    def test_missing_extra_and_renamed_columns_are_reported_at_once(self, sales: Sales) -> None:
        message = sales.refusal(
            HEADER.replace("price", "prices").replace("shop,", "").strip() + ",vat\n"
        )
        assert "shop: missing\n" in message
        assert "price: missing; is it the file's 'prices'?" in message
        assert "'vat': not in the contract" in message
        assert "'prices': not" not in message
        assert "role: ignored" in message

    def test_a_column_twice(self, sales: Sales) -> None:
        message = sales.refusal(HEADER.strip() + ",price\n" + GOOD.strip() + ",1\n")
        assert "columns of the same name:\n  - 'price': columns 4 and 7" in message

    def test_wrong_values_of_every_column_are_reported_at_once(self, sales: Sales) -> None:
        bad = "c,yesterday,north,much,1.5,maybe\n"
        message = sales.refusal(HEADER + GOOD + bad + bad)
        assert 'line 3, column at: "yesterday" is not a date and time of ISO 8601' in message
        assert 'line 3, column price: "much" is not a number' in message
        assert 'line 3, column count: "1.5" is not a whole number' in message
        assert 'line 3, column sold: "maybe" is not true or false' in message
        assert "line 4" not in message
        assert "collect.csv.nulls" in message

    @pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1,5", "0x10", "1_000", "12 €"])
    def test_what_is_no_number(self, sales: Sales, text: str) -> None:
        assert "line 2, column price" in sales.refusal(HEADER + GOOD.replace("1.5", f'"{text}"'))

    @pytest.mark.parametrize("text", ["0x10", "1e3", "99999999999999999999", "1.5"])
    def test_what_is_no_whole_number(self, sales: Sales, text: str) -> None:
        assert "line 2, column count" in sales.refusal(HEADER + GOOD.replace(",2,", f",{text},"))

    @pytest.mark.parametrize(
        "text", ["01/02/2024", "2024-02-30", "2024-1-1", "1704067200", "25:00"]
    )
    def test_what_is_no_time(self, sales: Sales, text: str) -> None:
        assert "line 2, column at" in sales.refusal(HEADER + GOOD.replace("2024-01-02T03:04", text))

    def test_a_row_without_time_is_refused(self, sales: Sales) -> None:
        message = sales.refusal(HEADER + GOOD + GOOD.replace("2024-01-02T03:04", ""))
        assert "line 3, column at: null is not a date" in message

    @given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
    def test_the_first_wrong_value_is_reported(
        self, sales: Sales, quoted: list[bool], data: st.DataObject
    ) -> None:
        bad = data.draw(st.sets(st.integers(0, len(quoted) - 1), min_size=1))
        text, line, first = HEADER, 2, None
        for row, has_newline in enumerate(quoted):
            first = first or (line if row in bad else None)
            shop = '"two\nlines"' if has_newline else "north"
            text += GOOD.replace("north", shop).replace("1.5", "much" if row in bad else "1.5")
            line += 1 + has_newline
        assert f"line {first}, column price" in sales.refusal(text)
