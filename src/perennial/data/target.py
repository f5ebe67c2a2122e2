"""The target as numbers, class codes or values, and the columns of a table that answer it."""

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


def answer_columns(contract: Contract) -> dict[str, str]:
    """The columns of answers in the scored table, by what each holds.

    `prediction`, and, for a classification, `probability` of the positive class or
    `probability:CLASS` of each. Where the user's own column has such a name, underscores follow.
    """
    answers = ["prediction"]
    if contract.task == "binary":
        answers.append("probability")
    else:
        answers += [f"probability:{name}" for name in contract.classes]
    taken = set(key_columns(contract))
    columns = {}
    for answer in answers:
        columns[answer] = answer
        while columns[answer] in taken:
            columns[answer] += "_"
        taken.add(columns[answer])
    return columns


def key_columns(contract: Contract) -> list[str]:
    """The user's columns in the scored table: those of role id, time, group and target."""
    return [name for role in ("id", "time", "group", "target") for name in contract.of_role(role)]
