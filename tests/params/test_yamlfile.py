"""YAML has the very values that DVC records, and a fault in it names file, place and remedy."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from perennial.params.yamlfile import Closed, load, parse
from perennial.runtime.errors import PerennialError

ROOT = Path(__file__).parents[2]
IN_GIT = ["*.yaml", "*.yml", "*.dvc", "dvc.lock"]
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


#: Pieces of documents, those that YAML gives a meaning to among them.
PIECES = [
    *["a", "b", "é", "😀", "1", "0", "-", "+", ".", "_", "e", "E", "0x", "0o", ":", " ", "#"],
    *["'", '"', "[", "]", "{", "}", ",", "&a", "*a", "!", "!!str ", "|", ">", "?", "<<: ", "%"],
    *["@", "`", "\\", "\n", "\n  ", "\n- ", "\t", "=", "null", "true", "on", "2013-01-02"],
]
DOCUMENTS = st.one_of(
    st.builds(
        str.format,
        st.sampled_from(
            ["k: {}\n", "k: [{}, 1]\n", "k: {{d: {}}}\n", "{}: 1\n", "k:\n  - {}\n", "{{{}: 1}}"]
        ),
        SCALARS,
    ),
    st.lists(st.sampled_from(PIECES), max_size=9).map(lambda pieces: f"k: {''.join(pieces)}\n"),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(lambda text: f"k: '{text}'"),
)


def same(left: Any, right: Any) -> bool:
    """Equal in type and value, inside too, and in order."""
    if isinstance(left, dict) and isinstance(right, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and bool(left == right)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml") / "params.yaml"


@given(scalar=SCALARS)
@example("1e-3")
@example("on")
@example("0o17")
@example("0o9")
@example("017")
@example("1_000")
@example("12:30")
@example("2013-09")
@example("2013-09-30")
@example("2013-09-31")
@example(".5")
@example("~")
def test_a_scalar_has_the_value_that_dvc_records(path: Path, scalar: str) -> None:
    path.write_text(f"section:\n  key: {scalar}\n  other: ['{scalar}', {{deep: {scalar}}}]\n")
    try:
        recorded = load_yaml(path)
    except Exception:  # noqa: BLE001 - what DVC cannot read, a stage must refuse
        with pytest.raises(PerennialError):
            load(path)
        return
    try:
        value = load(path)
    except PerennialError as refusal:
        assert "an unquoted date" in str(refusal)  # noqa: PT017
        assert "datetime" in repr(recorded)
        return
    assert same(value, recorded)


@settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much])
@given(document=DOCUMENTS)
@example("k: !\n")
@example("k: &a?true\n")
@example("%YAML 1.1\n---\nk: on\n")
@example("k: a\x85b\n")
@example("k: |\n  a\x85b\n")
@example("k: 'a\u2028b'\n")
@example("a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: {<<: [*a, {x: 3}], y: 4}\n")
@example("deep: {b: &b {<<: &a {x: 1}, x: 2}}\nc: {<<: *b}\n")
@example("a: {1: 2, 1.0: 3}\n")
@example("0001-01-01: 1\n")
@example("a: {? [2013-01-01] : 1}\n")
def test_a_document_is_read_as_dvc_reads_it_or_not_at_all(path: Path, document: str) -> None:
    path.write_text(document, encoding="utf-8", newline="")
    try:
        value = load(path)
    except PerennialError:
        return
    try:
        recorded = YAML(typ="safe", pure=True).load(document)
    except Exception:  # noqa: BLE001 - DVC stops before any stage runs
        return
    assert same(value, recorded)


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("a: &a {x: 1}\nb: {<<: *a, x: 2}\n", {"a": {"x": 1}, "b": {"x": 2}}),
        # The merged mapping is looked at before its own turn comes.
        (
            "deep: {b: &b {<<: &a {x: 1}, x: 2}}\nc: {<<: *b}\n",
            {"deep": {"b": {"x": 2}}, "c": {"x": 2}},
        ),
        ("a: &a [1]\nb: *a\n", {"a": [1], "b": [1]}),
    ],
)
def test_anchors_and_merge_keys_are_read(path: Path, document: str, value: Any) -> None:
    path.write_text(document)
    assert load(path) == value


def test_every_yaml_file_in_git_is_read_as_dvc_reads_it() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", *IN_GIT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = listing.stdout.split("\0")[:-1]
    assert {"params.yaml", "dvc.yaml", "dvc.lock", "data/contract.yaml"} <= set(names)
    for name in names:
        recorded = YAML(typ="safe", pure=True).load(ROOT / name)
        assert same(load(ROOT / name), recorded), name


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
        ("2013-09-30: 1\nb: 2013-10-01", "2013-09-30 is an unquoted date (2013-09-30)"),
        ("a: {2013-09-30: 1}", "a.2013-09-30 is an unquoted date (2013-09-30)"),
    ],
)
def test_an_unquoted_date_is_refused_with_its_remedy(tmp_path: Path, date: str, key: str) -> None:
    message = refusal(date, tmp_path)
    assert key in message
    assert '\n  hint: quote it: "2013-' in message


def test_a_missing_file_is_reported_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(PerennialError, match=r"no\.yaml: the file is missing\n  hint: git restore"):
        load(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n b: 2\n", "line 2, column 3: not valid YAML"),
        ("a: [1\nb: 2\n", "not valid YAML"),
        ("a: 1\na: 2\n", "not valid YAML"),
        ("a: !!python/name:os.system x", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"a: \x00", "not valid YAML"),
        (b"a: \xff\xfe", "not UTF-8 text"),
        ("a: 2013-09-31", "a is an unquoted date (2013-09-31)"),
        ("a: 0x_", "a value cannot be read: "),
        ("a:\n  b: 1\n  b: 2\n", "line 3, column 3: not valid YAML: duplicate key 'b'"),
        ("a: !!str 1", "line 1, column 4: not valid YAML: an explicit tag"),
        ("a: &a [*a]", "an anchor that holds itself"),
        # The C parser would end the process.
        ("a: " + 100_000 * "[", "line 1, column 103: not valid YAML: nested too deeply"),
        ("", "expected keys and values at the top"),
        ("- a\n", "expected keys and values at the top"),
        ("word", "expected keys and values at the top"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    assert message in refusal(text, tmp_path)


class Inner(Closed):
    number: float = 0.0
    count: int = 0


class Outer(Closed):
    inner: Inner = Inner()
    several: dict[str, Inner] = {}
    flag: bool = False
    word: str = ""


def test_every_breach_is_reported_at_once_with_key_value_and_what_is_allowed() -> None:
    value = {
        "inner": {"nmber": 1, "count": 3.0},
        "several": {"x": {"number": "many"}},
        "flag": 1,
        "word": None,
    }
    with pytest.raises(PerennialError) as refused:
        parse(Outer, value, where="some.yaml")
    lines = str(refused.value).splitlines()
    assert lines[0] == "some.yaml: 5 wrong:"
    assert sorted(lines[1:]) == [
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
    value = parse(Outer, {"inner": {"number": 3}}, where="some.yaml")
    assert type(value.inner.number) is float


def test_nothing_changes_after_it_was_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Outer().flag = True  # type: ignore[misc]
