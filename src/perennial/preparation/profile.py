"""What the prepared rows look like, in figures: the body of `metrics/data.json`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract


def label_rates(target: pa.ChunkedArray, contract: Contract) -> dict[str, float]:
    """How the target is distributed.

    Parameters
    ----------
    target : pyarrow.ChunkedArray
        The target of a side, without missing values.
    contract : Contract
        Tells the task.

    Returns
    -------
    dict
        `positive` for a binary task, the share of each class for several, `mean` and `std` (over
        the rows, not an estimate) for a regression.
    """
    if contract.task == "regression":
        values = target.cast(pa.float64(), safe=False).to_numpy()
        return {"mean": float(values.mean()), "std": float(values.std())}
    shares = {
        str(label): pc.sum(pc.equal(target, pa.scalar(label))).as_py() / len(target)
        for label in contract.classes
    }
    if contract.task == "binary":
        return {"positive": shares[str(contract.classes[-1])]}
    return shares


def missing_shares(sides: dict[str, pa.Table]) -> dict[str, dict[str, float]]:
    """Share of rows that lack a column, by column and side.

    Parameters
    ----------
    sides : dict
        Tables with the same columns, by name, none of them empty and none with NaN.

    Returns
    -------
    dict
        The shares.
    """
    names = next(iter(sides.values())).column_names
    return {
        name: {side: table[name].null_count / table.num_rows for side, table in sides.items()}
        for name in names
    }


def time_ranges(sides: dict[str, pa.Table], contract: Contract) -> dict[str, dict[str, str]]:
    """First and last moment of each side.

    Parameters
    ----------
    sides : dict
        Tables by name.
    contract : Contract
        Names the time column.

    Returns
    -------
    dict
        ISO 8601 texts by side; empty if no column has role time.
    """
    name = contract.only("time")
    if name is None:
        return {}
    ranges: dict[str, dict[str, str]] = {}
    for side, table in sides.items():
        ends: dict[str, Any] = pc.min_max(table[name]).as_py()
        ranges[side] = {"first": ends["min"].isoformat(), "last": ends["max"].isoformat()}
    return ranges
