"""Every row has one side, the one that the method promises; unusable sides are reported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.data.contract import Contract
from perennial.params.prepare import ColumnSplit, ShareSplit, Split, TimeSplit
from perennial.preparation.split import Sides, positions, split
from perennial.runtime.errors import PerennialError

BINARY: dict[str, Any] = {"type": "boolean"}
THREE = {"type": "category", "categories": ["a", "b", "c"]}
NUMBER = {"type": "number"}


def contract(target: dict[str, Any] = BINARY, **roles: str) -> Contract:
    columns: dict[str, Any] = {
        "x": {"type": "number"},
        "when": {"type": "datetime", "role": roles.get("when", "ignored")},
        "key": {"type": "integer", "role": roles.get("key", "ignored")},
        "y": {**target, "role": "target"},
    }
    return Contract.model_validate({"version": 1, "name": "made up", "columns": columns})


TIMED, KEYED, GROUPED = contract(when="time"), contract(key="id"), contract(key="group")


def rows(target: list[Any], keys: list[Any] | None = None) -> pd.DataFrame:
    keys = list(range(len(target))) if keys is None else keys
    table = pa.table(
        {
            "x": [0.0] * len(target),
            "when": pa.array(
                [datetime.fromisoformat("2013-01-01")] * len(target), pa.timestamp("us")
            ),
            "key": pa.array(keys, pa.int64()),
            "y": target,
        }
    )
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def mixed(number: int) -> pd.DataFrame:
    return rows([i % 2 == 0 for i in range(number)])


def named(names: list[str]) -> pd.Series:
    return pd.Series(names, dtype="category")


def one_period(table: pd.DataFrame) -> pd.Series:
    return named(["all"] * len(table))


def arrow(values: list[Any], kind: pa.DataType) -> pd.Series:
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


def refusal(
    table: pd.DataFrame, rules: Contract, params: Split, names: list[str] | None = None
) -> str:
    periods = named(names) if names else one_period(table)
    with pytest.raises(PerennialError) as caught:
        split(table, periods, rules, params)
    assert caught.value.hint
    return str(caught.value)


def test_time_tests_on_the_last_periods_by_name_and_validates_before_them() -> None:
    names = ["2013-10", "2013-02", "2013-01", "2013-09"] * 2
    table = rows([True] * 4 + [False] * 4)
    sides = split(table, named(names), TIMED, TimeSplit(method="time"))
    assert [side.tolist() for side in sides] == [[1, 2, 5, 6], [3, 7], [0, 4]]
    sides = split(table, named(names), TIMED, TimeSplit(method="time", test=2))
    assert [side.tolist() for side in sides] == [[2, 6], [1, 5], [0, 3, 4, 7]]


def test_a_period_without_usable_rows_does_not_count() -> None:
    names = ["2013-01", "2013-02", "2013-03", "2013-04"]
    periods = pd.Series(pd.Categorical.from_codes([0, 0, 1, 1, 2, 2], names))
    sides = split(mixed(6), periods, TIMED, TimeSplit(method="time"))
    assert [side.tolist() for side in sides] == [[0, 1], [2, 3], [4, 5]]


def test_too_few_periods_are_refused_by_name() -> None:
    names = ["2013-01", "2013-01", "2013-02", "2013-02"]
    message = refusal(mixed(4), TIMED, TimeSplit(method="time"), names)
    assert "needs 3 periods" in message
    assert "there are 2 with accepted, labelled rows: 2013-01, 2013-02" in message


@pytest.mark.parametrize(
    ("params", "role"),
    [
        (TimeSplit(method="time"), "time"),
        (ShareSplit(method="id"), "id"),
        (ShareSplit(method="group"), "group"),
    ],
)
def test_a_method_without_its_column_names_the_contract(params: Split, role: str) -> None:
    message = refusal(mixed(9), contract(), params)
    assert message.startswith("data/contract.yaml: ")
    assert f"no column has role {role}" in message


def test_no_usable_row_is_refused() -> None:
    table = mixed(0)
    message = refusal(table, KEYED, ShareSplit(method="id"))
    assert "no row is both accepted and labelled" in message


def test_a_row_without_key_has_no_side() -> None:
    table = rows([True, False, True], [1, None, 3])
    message = refusal(table, KEYED, ShareSplit(method="id"))
    assert "1 rows lack key" in message
    assert "columns.key.missing" in message


KEYS = st.lists(st.integers(0, 10**6), min_size=1, max_size=60)
SHARES = st.floats(0.05, 0.45)


def side_of(keys: list[int], params: ShareSplit) -> dict[int, str]:
    """The side of each key, by the method's own arithmetic on real calls."""
    position = positions(arrow(keys, pa.int64()), params.seed)
    return {
        key: "test"
        if at < params.test
        else "validation"
        if at >= 1 - params.validation
        else "train"
        for key, at in zip(keys, position.tolist(), strict=True)
    }


def sides_by_key(keys: list[int], params: ShareSplit) -> dict[int, set[str]]:
    """The sides that `split` gives each key. 400 more keys see to it that no side is empty."""
    everyone = [*keys, *range(10**7, 10**7 + 400)]
    # Both classes for every key, so that no side lacks one.
    table = rows([True, False] * len(everyone), [key for key in everyone for _ in range(2)])
    sides_of: dict[int, set[str]] = {}
    sides = split(table, one_period(table), GROUPED, params)
    for name, side in sides._asdict().items():
        for row in side:
            sides_of.setdefault(everyone[row // 2], set()).add(name)
    return sides_of


@given(KEYS, KEYS, st.randoms(), SHARES, SHARES)
def test_no_key_changes_sides_when_rows_are_added_or_shuffled(
    keys: list[int], more: list[int], random: Any, test: float, validation: float
) -> None:
    params = ShareSplit(method="group", test=test, validation=validation)
    before = sides_by_key(keys, params)
    grown = keys + more
    random.shuffle(grown)
    after = sides_by_key(grown, params)
    assert all(len(sides) == 1 for sides in after.values())
    assert all(after[key] == before[key] for key in keys)
    assert {key: after[key] for key in keys} == {
        key: {side} for key, side in side_of(keys, params).items()
    }


@given(KEYS, SHARES, SHARES, st.sampled_from(["test", "validation"]))
def test_a_larger_share_takes_rows_from_train_alone(
    keys: list[int], test: float, validation: float, grown: str
) -> None:
    small = ShareSplit(method="group", test=test, validation=validation)
    large = small.model_copy(update={grown: getattr(small, grown) + 0.05})
    before, after = sides_by_key(keys, small), sides_by_key(keys, large)
    moved = {key for key in keys if before[key] != after[key]}
    assert all(before[key] == {"train"} and after[key] == {grown} for key in moved)


def test_the_hash_of_a_key_is_fixed_for_good() -> None:
    # Were these to change, every user's rows would change sides with an upgrade.
    text = positions(arrow(["a", "é", ""], pa.string()), 0)
    assert text.tolist() == TEXT_POSITIONS
    seeded = positions(arrow(["a", "é", ""], pa.string()), 1)
    assert (seeded != text).all()


TEXT_POSITIONS = [0.08533998760926986, 0.9878605538593347, 0.8193018466044045]


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        (pa.int64(), 7, "7"),
        (pa.int64(), 2**53 + 1, "9007199254740993"),
        (pa.float64(), 0.1, "0.1"),
        (pa.float64(), 1e22, "1e+22"),
        (pa.bool_(), True, "True"),
        (pa.timestamp("us"), datetime.fromisoformat("2013-01-31"), "2013-01-31 00:00:00"),
        (pa.timestamp("us"), datetime.fromisoformat("9999-12-31"), "9999-12-31 00:00:00"),
    ],
)
def test_a_key_of_another_type_hashes_as_its_text(kind: pa.DataType, key: Any, text: str) -> None:
    hashed = positions(arrow([key, None, key], kind).dropna(), 0)
    assert hashed.tolist() == positions(arrow([text] * 2, pa.string()), 0).tolist()


def test_positions_lie_evenly_and_do_not_depend_on_chunks() -> None:
    keys = [f"key {i}" for i in range(70_000)]
    position = positions(arrow(keys, pa.string()), 0)
    assert position.min() >= 0
    assert position.max() < 1
    assert np.histogram(position, bins=10, range=(0, 1))[0] == pytest.approx(7_000, rel=0.05)
    pieces = pd.concat([arrow(part, pa.string()) for part in (keys[:10], [], keys[10:])])
    assert (positions(pieces, 0) == position).all()


def test_random_draws_the_shares_and_another_seed_draws_others() -> None:
    table = mixed(1000)
    params = ShareSplit(method="random", test=0.2, validation=0.1)
    sides = split(table, one_period(table), contract(), params)
    assert [len(side) for side in sides] == [700, 100, 200]
    again = split(table, one_period(table), contract(), params)
    assert all((a == b).all() for a, b in zip(sides, again, strict=True))
    other = split(table, one_period(table), contract(), params.model_copy(update={"seed": 1}))
    assert sides.test.tolist() != other.test.tolist()
    assert sides.test[:5].tolist() == FIRST_DRAWN


FIRST_DRAWN = [2, 3, 11, 13, 15]


@given(
    st.integers(60, 300),
    st.sampled_from(["time", "id", "group", "random"]),
    st.integers(0, 5),
)
def test_the_sides_are_a_partition_in_row_order(number: int, method: Any, seed: int) -> None:
    table = rows([float(i) for i in range(number)])
    rules = contract(NUMBER, when="time", key=method if method in {"id", "group"} else "ignored")
    params: Split = (
        TimeSplit(method="time")
        if method == "time"
        else ShareSplit(method=method, test=0.3, validation=0.3, seed=seed)
    )
    periods = named([f"{i * 5 // number}" for i in range(number)])
    sides = split(table, periods, rules, params)
    assert sorted(np.concatenate(sides).tolist()) == list(range(number))
    assert all((np.diff(side) > 0).all() for side in sides)


def test_an_empty_side_is_reported_with_its_share() -> None:
    message = refusal(rows([True, False] * 9, [7] * 18), GROUPED, ShareSplit(method="group"))
    empty = {side for side in ("train", "validation", "test") if f"{side} has no rows" in message}
    assert len(empty) == 2
    message = refusal(mixed(3), contract(), ShareSplit(method="random", test=0.1, validation=0.4))
    assert "test has no rows: raise its share (prepare.split.test)" in message
    message = refusal(mixed(3), contract(), ShareSplit(method="random", test=0.5, validation=0.4))
    assert "validation has no rows" not in message


PERIODS = ["1", "1", "1", "2", "2", "2", "3", "3", "3"]


@pytest.mark.parametrize(
    ("target", "values", "message"),
    [
        (BINARY, [True] * 9, "every labelled row is y=True: there is nothing to learn"),
        (THREE, ["b"] * 9, "every labelled row is y=b"),
        (BINARY, [1, 0, 1, 1, 1, 1, 1, 0, 1], "validation has no row of y=False"),
        (BINARY, [1, 1, 1, 0, 1, 1, 0, 0, 1], "train has no row of y=False, which validation and"),
        (THREE, list("abaabaabc"), "train has no row of y=c, which test must answer"),
        (THREE, list("abaabaaba"), "no row is y=c, which the contract lists"),
        (NUMBER, [1.5] * 9, "train has one value of y in 3 rows"),
    ],
)
def test_a_target_that_cannot_be_learnt_or_evaluated_is_reported(
    target: dict[str, Any], values: list[Any], message: str
) -> None:
    values = [bool(value) for value in values] if target is BINARY else values
    rules = contract(target, when="time")
    assert message in refusal(rows(values), rules, TimeSplit(method="time"), PERIODS)


def test_every_unfit_side_is_reported_at_once() -> None:
    values = [bool(v) for v in [1, 1, 1, 0, 0, 0, 0, 0, 0]]
    message = refusal(rows(values), TIMED, TimeSplit(method="time"), PERIODS)
    assert "train has no row of y=False, which validation and test must answer" in message
    assert "validation has no row of y=True: calibration and threshold" in message


@pytest.mark.parametrize(
    ("target", "values"),
    [
        (BINARY, [True, False, True] * 3),
        # A held-out side may lack a class, but not that on which a threshold is chosen.
        (BINARY, [bool(v) for v in [1, 0, 1, 0, 1, 1, 0, 0, 0]]),
        (THREE, list("abcabbaac")),
        (NUMBER, [1.0, 2.0, 3.0] * 3),
        (NUMBER, [1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 1.0, 1.0, 1.0]),
    ],
)
def test_sound_sides_pass(target: dict[str, Any], values: list[Any]) -> None:
    rules = contract(target, when="time")
    sides = split(rows(values), named(PERIODS), rules, TimeSplit(method="time"))
    assert isinstance(sides, Sides)


def sided(values: list[str | None]) -> pd.DataFrame:
    return mixed(len(values)).assign(side=arrow(values, pa.string()))


def by_column(**column: Any) -> Contract:
    columns: dict[str, Any] = {
        "x": {"type": "number"},
        "side": {"type": "category", "role": "ignored", **column},
        "y": {**BINARY, "role": "target"},
    }
    return Contract.model_validate({"version": 1, "name": "made up", "columns": columns})


COLUMN = ColumnSplit(method="column", name="side")


class TestColumn:
    def test_the_table_says_who_is_what(self) -> None:
        table = sided(["test", "test", "train", "validation", "validation", "train"])
        sides = split(table, one_period(table), by_column(), COLUMN)
        assert [side.tolist() for side in sides] == [[2, 5], [3, 4], [0, 1]]

    def test_validation_may_be_left_out_and_nothing_else(self) -> None:
        table = sided(["test", "test", "train", "train"])
        sides = split(table, one_period(table), by_column(), COLUMN)
        assert [side.tolist() for side in sides] == [[2, 3], [], [0, 1]]
        message = refusal(sided(["train"] * 4), by_column(), COLUMN)
        assert "test has no rows: no accepted, labelled row has side=test" in message
        assert "validation has no rows" not in message

    def test_other_values_and_gaps_are_counted(self) -> None:
        table = sided(["train", "Test", None, "dev", "dev", "test"])
        message = refusal(table, by_column(), COLUMN)
        assert "it does not in 4 rows" in message
        for part in ("'dev': 2", "'Test': 1", "missing: 1"):
            assert part in message


class TestStratified:
    def test_each_class_gives_its_share(self) -> None:
        table = rows([number % 10 == 0 for number in range(1000)])
        params = ShareSplit(method="random", test=0.3, validation=0.2, stratify=True)
        sides = split(table, one_period(table), contract(), params)
        assert [len(side) for side in sides] == [500, 200, 300]
        for side, positives in zip(sides, (50, 20, 30), strict=True):
            assert table["y"].iloc[side].sum() == positives
        assert sorted(np.concatenate(sides).tolist()) == list(range(1000))

    def test_a_regression_has_no_classes(self) -> None:
        table = rows([float(number) for number in range(30)])
        params = ShareSplit(method="random", stratify=True)
        assert "stratify is by class" in refusal(table, contract(NUMBER), params)


@pytest.mark.parametrize(
    ("rules", "params"),
    [
        (TIMED, TimeSplit(method="time", validation=0)),
        (KEYED, ShareSplit(method="id", validation=0)),
        (contract(), ShareSplit(method="random", validation=0)),
    ],
)
def test_without_validation_its_rows_train(rules: Contract, params: Split) -> None:
    table = mixed(300)
    periods = named([f"{number // 100}" for number in range(300)])
    with_it = params.model_copy(update={"validation": 1 if isinstance(params, TimeSplit) else 0.2})
    sides, before = (split(table, periods, rules, each) for each in (params, with_it))
    assert len(sides.validation) == 0
    assert sides.test.tolist() == before.test.tolist()
    assert sides.train.tolist() == sorted([*before.train, *before.validation])
