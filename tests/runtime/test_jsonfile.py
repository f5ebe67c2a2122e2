"""JSON is written in one way only, and never holds what is no figure."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.runtime import jsonfile

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read_again(value: object) -> None:
    assert json.loads(jsonfile.dumps(value)) == value
    once = jsonfile.rounded(value)
    assert json.loads(jsonfile.dumps(once)) == once
    assert jsonfile.rounded(once) == once


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert jsonfile.dumps([backwards]) == jsonfile.dumps([value])


def test_text_is_plain_utf_8_with_one_newline_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    jsonfile.write(path, {"b": 1, "a": "°F\r\n"})
    assert path.read_bytes() == '{\n  "a": "°F\\r\\n",\n  "b": 1\n}\n'.encode()
    assert jsonfile.read(path) == {"b": 1, "a": "°F\r\n"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123_456_789, "0.123457"),
        (-1e-9, "0.0"),
        (-0.0, "0.0"),
        (np.float64(0.1), "0.1"),
        ((1.0, 2), "[\n  1.0,\n  2\n]"),
        (True, "true"),
        (12_345_678, "12345678"),
    ],
)
def test_rounded_values(value: object, text: str) -> None:
    assert jsonfile.dumps(jsonfile.rounded(value)).strip() == text


def test_floats_are_in_full_unless_decimals_are_given(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    jsonfile.write(path, [math.pi])
    assert jsonfile.read(path) == [math.pi]
    jsonfile.write(path, [math.pi], decimals=2)
    assert jsonfile.read(path) == [3.14]


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_could_not_be_computed_is_an_error_and_no_file(tmp_path: Path, figure: float) -> None:
    path = tmp_path / "file.json"
    for decimals in (None, 6):
        with pytest.raises(ValueError, match=r"nan|inf|compliant"):
            jsonfile.write(path, {"deep": [figure]}, decimals=decimals)
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'[{"a": 1, "b": 2, "a": 1}]', "a key stands twice in one object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"\xff", "can't decode byte 0xff"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"{", "Expecting property name"),
    ],
)
def test_what_is_read_is_json_and_nothing_else(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jsonfile.loads(content)
