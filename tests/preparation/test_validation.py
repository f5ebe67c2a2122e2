"""Every row is accepted, rejected under the rules it breaks, or unlabelled; limits hold."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.contract import Contract
from perennial.data.parquet import ARROW
from perennial.preparation.validation import (
    Validation,
    limit_breaches,
    schema_breaches,
    validate,
    without_nan,
)

TARGET = {"y": {"type": "boolean", "role": "target", "missing": 0.5}}


def contract(**columns: dict[str, Any]) -> Contract:
    """A contract whose last column is a boolean target, with a feature that is always right."""
    feature = {"ok": {"type": "boolean"}}
    return Contract.model_validate(
        {"version": 1, "name": "made up", "columns": {**feature, **columns, **TARGET}}
    )


def frame(table: pa.Table) -> pd.DataFrame:
    # Not by pandas' own constructor, which would turn NaN into null.
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def table(rules: Contract, **columns: list[Any]) -> pd.DataFrame:
    """A table of a contract; columns not given are right in every row."""
    rows = len(next(iter(columns.values())))
    return frame(
        pa.table(
            {
                name: pa.array(columns.get(name, [True] * rows), ARROW[column.type])
                for name, column in rules.columns.items()
            }
        )
    )


def periods(*sizes: int) -> pd.Series:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    names = [f"2013-{i + 1:02}" for i in range(len(sizes))]
    return pd.Series(pd.Categorical.from_codes(codes, names))


def limits(rows: pd.DataFrame, rules: Contract, max_reject_share: float = 0.0) -> str:
    return "\n".join(
        limit_breaches(validate(rows, rules), rows, periods(len(rows)), rules, max_reject_share)
    )


MOMENT = datetime.fromisoformat("2013-06-01")
LATER = datetime.fromisoformat("2014-01-01")
# Both lie outside of what nanoseconds reach.
FIRST, LAST = (datetime.fromisoformat(text) for text in ("0001-01-01", "9999-12-31"))
RULES = [
    ("missing", {"type": "number"}, 1.0, None),
    ("missing", {"type": "number"}, 1.0, math.nan),
    ("missing", {"type": "integer"}, 1, None),
    ("missing", {"type": "category"}, "a", None),
    ("missing", {"type": "text"}, "", None),
    ("missing", {"type": "boolean"}, False, None),
    ("missing", {"type": "datetime"}, MOMENT, None),
    ("missing", {"type": "datetime", "role": "time", "missing": 1.0}, MOMENT, None),
    ("not finite", {"type": "number"}, -1e308, math.inf),
    ("not finite", {"type": "number", "max": 5}, 5.0, math.inf),
    ("not finite", {"type": "number", "min": 5}, 5.0, -math.inf),
    ("range", {"type": "number", "min": 0.5}, 0.5, 0.4999),
    ("range", {"type": "number", "max": 0.5}, 0.5, 0.5001),
    ("range", {"type": "integer", "min": 0.5}, 1, 0),
    ("range", {"type": "integer", "max": 1.5}, 1, 2),
    ("range", {"type": "integer", "min": 2**60, "max": 2**60}, 2**60, 2**60 + 1),
    ("range", {"type": "integer", "min": -1e30, "max": 1}, -(2**63), 2),
    ("range", {"type": "datetime", "min": "2013-06-01"}, MOMENT, MOMENT - timedelta(minutes=1)),
    ("range", {"type": "datetime", "max": "2013-06-01T00:00:00"}, MOMENT, LATER),
    ("range", {"type": "datetime", "min": "1600-01-01"}, LAST, FIRST),
    ("range", {"type": "datetime", "max": "3000-01-01"}, FIRST, LAST),
    ("category", {"type": "category", "categories": ["a", "b"]}, "b", "c"),
    ("duplicate id", {"type": "text", "role": "id"}, "a", "first"),
    ("duplicate id", {"type": "integer", "role": "id"}, 2**53, 2**53 + 1),
    ("duplicate id", {"type": "number", "role": "id"}, 0.5, 0.25),
    ("duplicate id", {"type": "datetime", "role": "id"}, MOMENT, LAST),
]


@pytest.mark.parametrize(("rule", "column", "right", "wrong"), RULES)
def test_a_rule_rejects_the_row_that_breaks_it_and_no_other(
    rule: str, column: dict[str, Any], right: Any, wrong: Any
) -> None:
    rules = contract(x=column)
    first = wrong if rule == "duplicate id" else right
    validation = validate(table(rules, x=[first, right, wrong]), rules)
    assert validation.accepted.tolist() == [True, True, False]
    assert validation.rejects == {"x": {rule: 1}}
    assert validation.reasons.tolist() == [f"x: {rule}"]
    assert not validate(table(rules, x=[right]), rules).rejected.any()


def test_a_missing_value_breaks_no_other_rule_where_it_is_allowed() -> None:
    rules = contract(
        a={"type": "number", "missing": 0.5, "min": 0, "max": 1},
        b={"type": "category", "missing": 0.5, "categories": ["x"]},
        c={"type": "text", "role": "id", "missing": 0.5},
    )
    rows = table(rules, a=[None, math.nan], b=[None, None], c=[None, None])
    assert validate(rows, rules).accepted.all()


@pytest.mark.parametrize("gap", [None, 2**53 + 2])
def test_ids_are_compared_exactly_with_gaps_and_without(gap: int | None) -> None:
    rules = contract(key={"type": "integer", "role": "id", "missing": 0.5})
    rows = table(rules, key=[2**53, 2**53 + 1, gap, 2**53 + 1, 0])
    assert validate(rows, rules).rejected.tolist() == [False, False, False, True, False]


def test_a_row_that_lacks_its_target_is_unlabelled_whatever_else_is_wrong() -> None:
    rules = contract(x={"type": "number", "max": 1}, key={"type": "text", "role": "id"})
    rows = table(rules, x=[9.0, None, 1.0], key=["a", "a", "a"], y=[None, None, True])
    validation = validate(rows, rules)
    assert validation.unlabelled.tolist() == [True, True, False]
    # The unlabelled rows do not take the id from the labelled one, either.
    assert validation.accepted.tolist() == [False, False, True]
    assert validation.rejects == {}


def test_a_numeric_target_is_unlabelled_when_nan_and_checked_otherwise() -> None:
    target = {"type": "number", "role": "target", "missing": 1.0, "max": 5}
    rules = Contract.model_validate(
        {"version": 1, "name": "n", "columns": {"ok": {"type": "boolean"}, "t": target}}
    )
    validation = validate(table(rules, t=[1.0, math.nan, None, math.inf, 6.0]), rules)
    assert validation.unlabelled.tolist() == [False, True, True, False, False]
    assert validation.rejects == {"t": {"not finite": 1, "range": 1}}


def test_ignored_columns_are_not_looked_at() -> None:
    rules = contract(x={"type": "number", "role": "ignored", "max": 1})
    assert validate(table(rules, x=[None, 9.0, math.inf]), rules).accepted.all()


def test_every_reason_of_a_row_is_given_in_the_order_of_the_contract() -> None:
    rules = contract(
        b={"type": "category", "categories": ["x"]}, a={"type": "number", "min": 0, "max": 1}
    )
    rows = table(rules, a=[None, 0.5, 2.0, -1.0], b=["no", "x", "no", "x"])
    validation = validate(rows, rules)
    assert validation.reasons.tolist() == [
        "b: category, a: missing",
        "b: category, a: range",
        "a: range",
    ]
    assert validation.rejects == {"b": {"category": 2}, "a": {"missing": 1, "range": 2}}


def test_a_column_that_lacks_more_than_it_may_is_a_breach() -> None:
    rules = contract(x={"type": "number", "missing": 0.5})
    assert limits(table(rules, x=[None, 1.0]), rules) == ""
    assert limits(table(rules, x=[None, math.nan, 1.0]), rules) == (
        "x: 2 of 3 labelled rows lack it (66.67%), 50.00% may (columns.x.missing)"
    )


def test_what_unlabelled_rows_lack_does_not_count() -> None:
    rules = contract(x={"type": "number", "missing": 0.5})
    y = [None, None, True, True]
    assert limits(table(rules, x=[None, None, None, 1.0], y=y), rules) == ""
    assert limits(table(rules, x=[1.0, 1.0, None, None], y=y), rules).startswith("x: 2 of 2 ")


def test_more_unlabelled_rows_than_allowed_are_a_breach() -> None:
    rules = contract()
    assert limits(table(rules, y=[None, True]), rules) == ""
    assert limits(table(rules, y=[None, None, True]), rules) == (
        "y: 2 of 3 rows are unlabelled (66.67%), 50.00% may be (columns.y.missing)"
    )


def test_past_the_share_of_rejects_every_rule_is_listed_with_its_first_row() -> None:
    rules = contract(
        when={"type": "datetime", "max": "2013-06-01"},
        kind={"type": "category", "categories": list("abcdefghi")},
    )
    rows = table(rules, when=[MOMENT, LATER, MOMENT], kind=["a", "z", "z"])
    message = limits(rows, rules, 0.6)
    assert "2 of 3 rows are rejected (66.67%), 60.00% may be (prepare.max_reject_share)" in message
    assert (
        "when: range: 1 row; first: row 2 of period 2013-01, value 2014-01-01T00:00:00; "
        "allowed:  to 2013-06-01"
    ) in message
    assert "kind: category: 2 rows; first: row 2 of period 2013-01, value 'z'" in message
    assert "allowed: a, b, c, d, e, f, g, h, …" in message
    assert limits(rows, rules, 2 / 3) == ""


def test_up_to_twenty_values_are_shown_with_their_counts() -> None:
    rules = contract(kind={"type": "category", "categories": ["a"]})
    wrong = ["z", "y", "y", *(f"w{i:02}" for i in range(30))]
    message = limits(table(rules, kind=["a", *wrong]), rules)
    assert "allowed: a; values: 'y' 2, 'z' 1, 'w00' 1, " in message
    assert "'w17' 1, 12 more" in message
    assert "w18" not in message
    hidden = contract(kind={"type": "category", "categories": ["a"], "sensitive": True})
    assert "values:" not in limits(table(hidden, kind=["a", *wrong]), hidden)


def test_an_example_names_the_row_by_its_id_or_its_place_in_the_period() -> None:
    spec = {"type": "text", "role": "id"}
    rules = contract(key=spec, x={"type": "number", "max": 1})
    rows = table(rules, key=["a", "b", "c"], x=[0.0, 0.0, 9.0])
    message = limit_breaches(validate(rows, rules), rows, periods(1, 2), rules, 0.0)
    assert "first: key c of period 2013-02, value 9.0" in message[1]
    hidden = contract(key={**spec, "sensitive": True}, x={"type": "number", "max": 1})
    message = limit_breaches(validate(rows, hidden), rows, periods(1, 2), hidden, 0.0)
    assert "first: row 2 of period 2013-02, value 9.0" in message[1]


def test_an_example_never_shows_a_sensitive_value() -> None:
    rules = contract(x={"type": "number", "max": 1, "sensitive": True})
    message = limits(table(rules, x=[987.0]), rules)
    assert "(sensitive)" in message
    assert "987" not in message


def test_columns_that_are_absent_extra_twice_or_of_another_type_are_breaches() -> None:
    rules = contract(a={"type": "number"}, b={"type": "datetime"}, c={"type": "text"})
    sound = pa.schema([(name, ARROW[rules.columns[name].type]) for name in "cba"])
    right = [pa.field("y", pa.bool_()), pa.field("ok", pa.bool_())]
    assert schema_breaches(frame(pa.schema([*sound, *right]).empty_table()), rules) == {}
    wrong = [("a", pa.float32()), ("b", pa.timestamp("ns")), ("d", pa.bool_()), *right, right[0]]
    assert schema_breaches(frame(pa.schema(wrong).empty_table()), rules) == {
        "a": "column a is float; the contract's number is double",
        "b": "column b is timestamp[ns]; the contract's datetime is timestamp[us]",
        "c": "column c is absent",
        "d": "column d is not in the contract",
        "y": "column y is there twice",
    }


def test_nan_becomes_null_and_nothing_else_changes() -> None:
    rows = pa.table({"a": [1.0, math.nan, None, math.inf], "b": ["NaN", "x", None, ""]})
    assert pa.Table.from_pandas(without_nan(frame(rows))).to_pydict() == {
        "a": [1.0, None, None, math.inf],
        "b": ["NaN", "x", None, ""],
    }


ORACLE = contract(
    key={"type": "integer", "role": "id"},
    x={"type": "number", "min": 0, "missing": 0.5},
    kind={"type": "category", "categories": ["a"]},
)
ROW = st.tuples(
    st.integers(0, 5),
    st.sampled_from([None, math.nan, math.inf, -1.0, 0.0, 1.0]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, True, False]),
)


def expected(rows: list[tuple[Any, ...]]) -> list[str | None]:
    """The plain reading of the rules, row by row; None for an unlabelled row."""
    seen: set[int] = set()
    reasons: list[str | None] = []
    for key, x, kind, y in rows:
        if y is None:
            reasons.append(None)
            continue
        broken = ["key: duplicate id"] * (key in seen)
        broken += ["x: not finite"] * (x == math.inf) + ["x: range"] * (x == -1.0)
        broken += ["kind: missing"] * (kind is None) + ["kind: category"] * (kind == "b")
        seen.add(key)
        reasons.append(", ".join(broken))
    return reasons


def outcomes(validation: Validation) -> list[str | None]:
    reasons = iter(validation.reasons.tolist())
    return [
        None if unlabelled else next(reasons) if rejected else ""
        for unlabelled, rejected in zip(validation.unlabelled, validation.rejected, strict=True)
    ]


@given(st.lists(ROW, min_size=1, max_size=40), st.integers(1, 7))
def test_rows_and_counts_are_those_of_the_plain_reading(
    rows: list[tuple[Any, ...]], chunk: int
) -> None:
    key, x, kind, y = (list(column) for column in zip(*rows, strict=True))
    whole = table(ORACLE, key=key, x=x, kind=kind, y=y)
    validation = validate(whole, ORACLE)
    wanted = expected(rows)
    assert outcomes(validation) == wanted
    parts = validation.accepted.astype(int) + validation.rejected + validation.unlabelled
    assert (parts == 1).all()
    codes = [code for reason in wanted if reason for code in reason.split(", ")]
    counts = {f"{c}: {r}": n for c, of in validation.rejects.items() for r, n in of.items()}
    assert counts == {code: codes.count(code) for code in codes}
    # How the rows are cut into chunks does not matter.
    pieces = [whole.iloc[i : i + chunk] for i in range(0, len(rows), chunk)]
    chunked = pd.concat(pieces, ignore_index=True)
    assert outcomes(validate(chunked, ORACLE)) == wanted
