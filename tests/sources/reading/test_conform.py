"""Typed columns are brought to the contract's types without loss, or refused by name."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from perennial.data.parquet import ARROW

if TYPE_CHECKING:
    from tables.conftest import Sales


class TestParquetTypes:
    @pytest.mark.parametrize(
        ("column", "given", "expected"),
        [
            ("price", pa.array([1, 2]), [1.0, 2.0]),
            ("price", pa.array([1.5, float("nan")]), [1.5, None]),
            ("price", pa.array([1.5, 2.5], pa.float32()), [1.5, 2.5]),
            ("price", pa.array([Decimal("1.50"), None]), [1.5, None]),
            ("count", pa.array([1.0, float("nan")]), [1, None]),
            ("count", pa.array([Decimal("3.00"), None]), [3, None]),
            ("count", pa.nulls(2), [None, None]),
            ("sold", pa.array([0, 1]), [False, True]),
            ("shop", pa.array(["a", None]).dictionary_encode(), ["a", None]),
            ("shop", pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
            ("shop", pa.array([1, 2]), ["1", "2"]),
            ("shop", pa.array([1.0, float("nan")]), ["1", None]),
            ("sold", pa.array([1.0, float("nan")]), [True, None]),
            ("shop", pa.array([True, False]), ["true", "false"]),
        ],
    )
    def test_other_types_are_converted_without_loss(
        self, sales: Sales, column: str, given: pa.Array, expected: list[object]
    ) -> None:
        table = sales.parsed(sales.typed(**{column: given}), "s.parquet")
        assert table[column].to_pylist() == expected
        assert table.schema.field(column).type == ARROW[sales.contract.columns[column].type]

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_timestamps_become_naive_utc(self, sales: Sales, unit: str) -> None:
        zoned = pa.array([0], pa.timestamp(unit, "Europe/Zurich"))
        table = sales.parsed(sales.typed(at=zoned), "s.parquet")
        assert table["at"].to_pylist() == [datetime.datetime(1970, 1, 1)]  # noqa: DTZ001

    @pytest.mark.parametrize(
        ("column", "given", "expected"),
        [
            ("price", pa.array(["1"]), "column price: string where the contract says number"),
            ("sold", pa.array(["yes"]), "column sold: string where the contract says boolean"),
            ("shop", pa.array([1.5]), "row 1, column shop: 1.5 is not a text"),
            ("shop", pa.array([2.0**60]), "column shop: 1.15292150460684"),
            ("at", pa.array([5]), "column at: int64 where the contract says datetime"),
            ("price", pa.array([[1.0]]), "column price: list<"),
            ("count", pa.array([1.0, 2.5]), "row 2, column count: 2.5 is not a whole number"),
            ("price", pa.array([1.0, float("inf")]), "row 2, column price: Infinity is not a num"),
            ("sold", pa.array([1, 2]), "row 2, column sold: 2 is not true or false"),
        ],
    )
    def test_what_cannot_be_converted(
        self, sales: Sales, column: str, given: pa.Array, expected: str
    ) -> None:
        message = sales.refusal(sales.typed(**{column: given}), "s.parquet")
        assert "s.parquet: wrong" in message
        assert expected in message
        assert "data/contract.yaml" in message
