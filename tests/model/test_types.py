"""One module says what the contract's types are; what uses them agrees with it."""

from __future__ import annotations

import typing

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.contract import Type
from perennial.model.columns import from_arrow, from_values
from perennial.model.types import TYPES

ONE = {
    "category": "a",
    "text": "a text",
    "number": 1.5,
    "integer": 2,
    "boolean": True,
    "datetime": np.datetime64("2013-01-31T23:59:00", "us").item(),
}


def test_the_contract_has_these_types_and_no_others() -> None:
    assert set(TYPES) == set(typing.get_args(Type)) == set(ONE)


@pytest.mark.parametrize("name", TYPES)
def test_a_value_has_the_type_that_the_table_names_in_every_library(name: str) -> None:
    kind = TYPES[name]
    arrow = pa.array([ONE[name], None], pa.type_for_alias(kind.arrow))
    assert str(arrow.type) in kind.taken_from
    for columns in (
        from_values({"x": [ONE[name], None]}, {"x": name}),
        from_arrow(pa.table({"x": arrow}), {"x": name}),
    ):
        assert columns["x"].dtype == np.dtype(kind.numpy)
    series = pd.Series([ONE[name], None], dtype=pd.ArrowDtype(arrow.type))
    assert series.isna().tolist() == [False, True]
    assert pa.array(series).equals(arrow)
