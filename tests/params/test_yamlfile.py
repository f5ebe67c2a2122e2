"""YAML has the very values that DVC records, and a fault in it names file, place and mend."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import example, given
from hypothesis import strategies as st

from perennial.params.yamlfile import Closed, load, parse
from perennial.runtime.errors import PerennialError

WORDS = ["on", "off", "yes", "no", "y", "n", "true", "True", "TRUE", "null", "~", ".nan", "-.INF"]
#: Plain scalars of every look: numbers, words that YAML 1.1 took for something else, dates.
SCALARS = st.one_of(
    st.from_regex(r"[-+]?[0-9][0-9_]{0,3}(\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"0[xob]?[0-9a-fA-F_]{1,4}", fullmatch=True),
    st.from_regex(r"[-+]?\.[0-9a-zA-Z]{1,4}", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}:[0-9]{1,2}(:[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}(-[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(WORDS),
    st.text("abcon yes019.-+_e~", min_size=1, max_size=8).map(str.strip).filter(bool),
)


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and left == right


@given(SCALARS)
@example("1e-3")
@example("on")
@example("0o17")
@example("017")
@example("1_000")
@example("12:30")
@example("2013-09")
@example("2013-09-30")
@example("2013-09-31")
@example(".5")
@example("~")
def test_a_scalar_has_the_value_that_dvc_records(scalar: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        path.write_text(f"section:\n  key: {scalar}\n  other: ['{scalar}', {{deep: {scalar}}}]\n")
        try:
            recorded = load_yaml(path)
        except Exception:  # noqa: BLE001 - what DVC cannot read, a stage must refuse
            with pytest.raises(PerennialError):
                load(path)
            return
        try:
            found = load(path)
        except PerennialError as refusal:
            assert "an unquoted date" in str(refusal)  # noqa: PT017
            assert "datetime" in repr(recorded)
            return
    assert same(found["section"]["key"], recorded["section"]["key"])
    assert found["section"]["other"][0] == scalar
    assert same(found["section"]["other"][1]["deep"], recorded["section"]["other"][1]["deep"])


def refusal(text: str | bytes, folder: Path) -> str:
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PerennialError) as refused:
        load(path)
    assert str(refused.value).startswith(str(path))
    return str(refused.value)


@pytest.mark.parametrize(
    ("date", "key"),
    [
        ("collect:\n  until: 2013-09-30", "collect.until is an unquoted date (2013-09-30)"),
        ("a: [1, 2013-09-30 12:00:00]", "a[1] is an unquoted date (2013-09-30 12:00:00)"),
        ("2013-09-30: 1\nb: 2013-10-01", "b is an unquoted date"),
    ],
)
def test_an_unquoted_date_is_told_with_its_mend(tmp_path: Path, date: str, key: str) -> None:
    told = refusal(date, tmp_path)
    assert key in told
    assert '\n  hint: quote it: "2013-' in told


def test_a_missing_file_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(PerennialError, match=r"no\.yaml: the file is missing\n  hint: git restore"):
        load(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n b: 2\n", "line 2, column 3: not valid YAML"),
        ("a: [1\nb: 2\n", "not valid YAML"),
        ("a: 1\na: 2\n", "not valid YAML"),
        ("a: !!python/name:os.system x", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"a: \x00", "not valid YAML"),
        (b"a: \xff\xfe", "not UTF-8 text"),
        ("a: 2013-09-31", "a value cannot be read: day is out of range for month\n  hint: put "),
        ("", "expected keys and values at the top"),
        ("- a\n", "expected keys and values at the top"),
        ("word", "expected keys and values at the top"),
    ],
)
def test_what_is_no_yaml_mapping_is_told(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in refusal(text, tmp_path)


class Inner(Closed):
    number: float = 0.0
    count: int = 0


class Outer(Closed):
    inner: Inner = Inner()
    several: dict[str, Inner] = {}
    flag: bool = False
    word: str = ""


def test_every_breach_is_told_at_once_with_key_value_and_what_is_allowed() -> None:
    value = {
        "inner": {"nmber": 1, "count": 3.0},
        "several": {"x": {"number": "many"}},
        "flag": 1,
        "word": None,
    }
    with pytest.raises(PerennialError) as refused:
        parse(Outer, value, where="some.yaml")
    told = str(refused.value).splitlines()
    assert told[0] == "some.yaml: 5 wrong:"
    assert sorted(told[1:]) == [
        "  - flag: input should be a valid boolean (it is 1)",
        "  - inner.count: input should be a valid integer (it is 3.0)",
        "  - inner.nmber: no such key",
        "  - several.x.number: input should be a valid number (it is 'many')",
        "  - word: input should be a valid string (it is None)",
    ]


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf, True, "1"])
def test_a_number_is_a_finite_number(figure: object) -> None:
    with pytest.raises(PerennialError, match=r"inner\.number: input should be a"):
        parse(Outer, {"inner": {"number": figure}}, where="some.yaml")


def test_a_whole_number_does_for_a_number() -> None:
    found = parse(Outer, {"inner": {"number": 3}}, where="some.yaml")
    assert type(found.inner.number) is float


def test_nothing_changes_after_it_was_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Outer().flag = True  # type: ignore[misc]
