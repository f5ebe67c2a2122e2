"""What changed in parameters and in the stages that they run."""

from __future__ import annotations

from typing import Any

from perennial.review.compare.changes import Change, changes
from perennial.review.compare.recipe_change import flat, stage_changes


def test_nested_keys_become_dotted_and_lists_stay_whole() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [1, {"e": 2}]}, "f": {}}) == {
        "a.b.c": 1,
        "a.d": [1, {"e": 2}],
        "f": {},
    }


def test_only_what_differs_is_listed_and_none_stands_for_none() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 3, "c": 4}) == [
        Change("a", 1, None),
        Change("b", 2, 3),
        Change("c", None, 4),
    ]


def stage(code: str, rate: float) -> dict[str, Any]:
    return {
        "deps": [{"path": "src/train.py", "md5": code}, {"path": "data", "md5": "same"}],
        "params": {"params.yaml": {"train": {"rate": rate}}},
    }


def test_a_stage_is_named_with_the_inputs_that_differ() -> None:
    base = {"stages": {"prepare": stage("1", 1), "train": stage("1", 1)}}
    head = {"stages": {"prepare": stage("1", 1), "train": stage("2", 3)}}
    assert stage_changes(base, head) == [("train", ["src/train.py", "train.rate"])]
    assert stage_changes(base, base) == []
    assert stage_changes({}, head)[0][0] == "prepare"
