"""The target as numbers: class codes in the contract's order, or the values of a regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract


def target_of(table: Any, contract: Contract) -> NDArray[Any]:
    """The target of rows: int64 places in `contract.classes`, or float64 values; shape (rows,)."""
    values = table.column(contract.target)
    if contract.task == "regression":
        return np.asarray(values.cast("float64").to_numpy())
    codes: dict[Any, int] = {name: code for code, name in enumerate(contract.classes)}
    return np.array([codes[value] for value in values.to_pylist()], dtype=np.int64)
