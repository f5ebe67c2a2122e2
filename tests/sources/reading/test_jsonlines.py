"""JSON Lines are read in the contract's types, or refused with a message that names the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tables.conftest import Sales


class TestBadJsonLines:
    LINE = '{"id": "a", "at": "2024-01-01", "shop": "n", "price": 1, "count": 1, "sold": true}\n'

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ('{"id": "a",', "not valid JSON"),
            ("[1, 2]", "expected an object"),
            ('{"id": "a", "id": "b"}', "repeated keys: id"),
            ('{"price": NaN}', "NaN is no JSON"),
        ],
    )
    def test_bad_lines(self, sales: Sales, line: str, fault: str) -> None:
        message = sales.refusal(self.LINE + "\n" + line, "s.jsonl")
        assert "s.jsonl, line 3: " in message
        assert fault in message

    def test_wrong_types_are_reported_with_their_line(self, sales: Sales) -> None:
        text = self.LINE.replace('"price": 1', '"price": "1"').replace("true", '"yes"')
        message = sales.refusal(self.LINE + "\n" + text, "s.jsonl")
        assert 'line 3, column price: "1" is not a number' in message
        assert 'line 3, column sold: "yes" is not true or false' in message

    def test_an_unknown_key_and_a_missing_one(self, sales: Sales) -> None:
        message = sales.refusal(self.LINE.replace("shop", "store"), "s.jsonl")
        assert "shop: missing" in message
        assert "'store': not in the contract" in message

    def test_a_key_that_one_row_lacks_is_missing_there(self, sales: Sales) -> None:
        text = self.LINE + self.LINE.replace('"price": 1, ', "")
        table = sales.parsed(text, "s.jsonl")
        assert table["price"].to_pylist() == [1.0, None]

    def test_another_encoding(self, sales: Sales) -> None:
        content = self.LINE.encode() + self.LINE.replace('"n"', '"Zürich"').encode("cp1252")
        assert "s.jsonl, line 2: byte" in sales.refusal(content, "s.jsonl")
