"""The target as numbers, and the names of its answers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from perennial.data.contract import Contract
from perennial.data.target import answer_columns, key_columns, target_of


def contract(**target: Any) -> Contract:
    columns = {"x": {"type": "number"}, "y": {"role": "target", **target}}
    return Contract.model_validate({"version": 1, "name": "t", "columns": columns})


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ({"type": "boolean"}, [True, False], [1, 0]),
        ({"type": "category", "categories": ["c", "a", "b"]}, ["a", "b", "c"], [1, 2, 0]),
        ({"type": "category", "categories": ["a", "b"], "positive": "a"}, ["a", "b"], [1, 0]),
        ({"type": "category", "categories": [0, 7, 1]}, ["7", "1", "0"], [1, 2, 0]),
        ({"type": "integer"}, [3, -1], [3.0, -1.0]),
    ],
)
def test_codes_follow_the_contract_and_values_stay(
    declared: dict[str, Any], values: list[Any], expected: list[float]
) -> None:
    target = target_of(pa.table({"y": values}), contract(**declared))
    assert target.tolist() == expected
    assert target.dtype == ("float64" if declared["type"] == "integer" else "int64")


class TestAnswers:
    @pytest.mark.parametrize(
        ("target", "columns"),
        [
            ({"type": "number"}, ["prediction"]),
            ({"type": "boolean"}, ["prediction", "probability"]),
            (
                {"type": "category", "categories": ["a", "b", "c"]},
                ["prediction", "probability:a", "probability:b", "probability:c"],
            ),
        ],
    )
    def test_they_have_names(self, target: dict[str, Any], columns: list[str]) -> None:
        assert answer_columns(contract(**target)) == dict(zip(columns, columns, strict=True))

    def test_they_are_apart_from_the_users_columns(self) -> None:
        columns = {
            "prediction": {"type": "text", "role": "id"},
            "prediction_": {"type": "category", "role": "group"},
            "x": {"type": "number"},
            "probability": {"type": "boolean", "role": "target"},
        }
        made = Contract.model_validate({"version": 1, "name": "t", "columns": columns})
        assert key_columns(made) == ["prediction", "prediction_", "probability"]
        answers = answer_columns(made)
        assert answers == {"prediction": "prediction__", "probability": "probability_"}
