"""Before the fit it is said what held-out rows will not tell."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from perennial.data.contract import Contract
from perennial.preparation.evidence import weak_points

KINDS = {"type": "category", "role": "target", "categories": ["a", "b", "c"]}
FLAG = {"type": "boolean", "role": "target"}
NUMBER = {"type": "number", "role": "target"}


def contract(target: dict[str, Any]) -> Contract:
    columns = {
        "y": target,
        "when": {"type": "datetime", "role": "time"},
        "house": {"type": "category", "role": "group"},
        "x": {"type": "number"},
    }
    return Contract.model_validate({"version": 1, "name": "t", "columns": columns})


def side(values: list[Any], days: int = 20, houses: int = 20) -> pd.DataFrame:
    places = pd.Series(range(len(values)))
    return pd.DataFrame(
        {
            "y": values,
            "when": pd.Timestamp("2024-01-01T10:00") + pd.to_timedelta(places % days, "D"),
            "house": "h" + (places % houses).astype(str),
        }
    )


def said(
    target: dict[str, Any],
    test: pd.DataFrame,
    method: str = "random",
    train: pd.DataFrame | None = None,
) -> list[str]:
    sound = {"boolean": [True, False], "category": ["a", "b", "c"], "number": [1.0, 2.0]}
    other = side(sound[target["type"]] * 30)
    sides = {"train": other if train is None else train, "validation": other, "test": test}
    return list(weak_points(sides, contract(target), method))


@pytest.mark.parametrize(
    ("target", "values", "parts"),
    [
        (KINDS, list("ab") * 20, ["test ", "0 of y=c", "roc_auc", "cannot be estimated", "merge"]),
        (
            KINDS,
            [*"ab" * 20, *"ccc"],
            ["3 of y=c", "can hardly be", "prepare.split.test"],
        ),
        (FLAG, [False] * 40, ["0 of y=True", "roc_auc, average_precision and recall"]),
        (FLAG, [False] * 118 + [True] * 2, ["2 of y=True", "can hardly be estimated"]),
        (NUMBER, [4.0] * 40, ["test has one value of y in 40 rows: r2 cannot be estimated"]),
    ],
)
def test_a_target_that_leaves_a_metric_without_a_value_is_named(
    target: dict[str, Any], values: list[Any], parts: list[str]
) -> None:
    (sentence,) = said(target, side(values))
    for part in parts:
        assert part in sentence


def test_a_class_of_few_training_rows_is_named_with_what_to_do() -> None:
    test = side(["a", "b", "c"] * 10)
    (sentence,) = said(KINDS, test, train=side([*"ab" * 20, "c"]))
    assert sentence.startswith("class y=c has 1 row in train: collect more of them, merge it")
    assert said(KINDS, test, train=side([*"ab" * 20, *"ccccc"])) == []
    (sentence,) = said(FLAG, side([True, False] * 20), train=side([*[False] * 20, True]))
    assert sentence == "class y=True has 1 row in train: collect more of them"


def test_one_day_has_no_interval_and_few_are_not_to_be_trusted() -> None:
    values = [True, False] * 60
    assert said(FLAG, side(values, days=1), "time") == [
        "test is one day: no metric will have an interval on it; raise prepare.split.test"
    ]
    (few,) = said(FLAG, side(values, days=7), "time")
    assert few.startswith("test has 7 days: ")
    (few,) = said(FLAG, side(values, houses=3), "group")
    assert few.startswith("test has 3 groups: ")
    assert said(FLAG, side(values, days=12), "time") == []
    assert said(FLAG, side(values, days=1), "random") == []


def test_sound_sides_have_no_weak_point() -> None:
    assert said(KINDS, side(list("abc") * 20)) == []
    assert said(NUMBER, side([1.0, 2.0] * 20)) == []
