"""Who trains, who validates, who tests.

`time` takes whole periods, `id` and `group` a hash of a key, `random` a seeded draw. What holds as
data grow: by `id` and `group` a row's side is a function of its key, the seed and the two shares,
and of nothing else, so no row ever changes sides; and as `test` is cut from one end of the hash's
range and `validation` from the other, a larger share takes rows from train alone. By `time` rows
only ever move from test to validation to train. `random` promises nothing when rows are added, and
`column` what the table's own column promises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.data.contract import CONTRACT, Contract
from perennial.params.prepare import ColumnSplit, ShareSplit, Split, TimeSplit
from perennial.runtime.errors import PerennialError, listed

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Keys turned into Python text at once; it bounds the memory.
_BATCH = 65_536


class Sides(NamedTuple):
    """Row numbers of each side, in row order."""

    train: IntArray
    validation: IntArray
    test: IntArray


def split(rows: pd.DataFrame, periods: pd.Series, contract: Contract, params: Split) -> Sides:
    """Give every accepted, labelled row one side; periods, one a row, follow each other by name."""
    if rows.empty:
        raise PerennialError(
            "no row is both accepted and labelled",
            where="data/raw",
            hint="see the counts by reason, and correct the source or the contract",
        )
    validation, test = METHODS[params.method](rows, periods, contract, params)
    sides = Sides(*(np.flatnonzero(side) for side in (~test & ~validation, validation, test)))
    breaches = side_breaches(rows[contract.target], sides, contract, params)
    if breaches:
        raise PerennialError(
            f"method {params.method} leaves sides that cannot be used:{listed(breaches)}",
            where="prepare.split",
            hint="collect more rows, choose another method or other shares, or see the list",
        )
    return sides


def side_breaches(target: pd.Series, sides: Sides, contract: Contract, params: Split) -> list[str]:
    """List what keeps the sides from training and evaluating a model, with the remedies.

    Sides that are empty and not meant to be, a target that does not vary, and classes that train or
    validation lacks.
    """
    is_meant = {"validation"} if getattr(params, "validation", 0) == 0 else set()
    empty = [name for name, rows in sides._asdict().items() if not len(rows)]
    if set(empty) - is_meant:
        return [_emptiness(name, params) for name in empty if name not in is_meant]
    values = {name: target.iloc[rows] for name, rows in sides._asdict().items() if len(rows)}
    breaches = _constant_sides if contract.task == "regression" else _class_breaches
    return list(breaches(values, contract))


def _emptiness(name: str, params: Split) -> str:
    if isinstance(params, ColumnSplit):
        return f"{name} has no rows: no accepted, labelled row has {params.name}={name}"
    if name == "train":
        return "train has no rows: lower prepare.split.test and prepare.split.validation"
    return f"{name} has no rows: raise its share (prepare.split.{name}), or collect more rows"


def positions(keys: pd.Series, seed: int) -> FloatArray:
    """Hash keys to numbers that lie evenly in [0, 1), the same on every machine.

    Keys of any type: equal text, equal number.

    Examples
    --------
    >>> positions(pd.Series(["a", "b", "a"], dtype="string[pyarrow]"), seed=0).round(4).tolist()
    [0.0853, 0.3642, 0.0853]
    """
    codes, distinct = keys.factorize()
    seeded = hashlib.blake2b(f"{seed}\0".encode(), digest_size=8)
    hashes = np.empty(len(distinct), dtype=np.uint64)
    for start in range(0, len(hashes), _BATCH):
        batch = distinct[start : start + _BATCH]
        hashes[start : start + _BATCH] = [_hashed(seeded, str(key)) for key in batch]
    # 53 bits are what a float holds: none is rounded up to 1.
    unit: FloatArray = (hashes >> np.uint64(11)).astype(np.float64) / 2**53
    return unit[codes]


def _by_time(
    rows: pd.DataFrame, periods: pd.Series, contract: Contract, params: TimeSplit
) -> tuple[BoolArray, BoolArray]:
    _role_column("time", "time", contract)
    # Periods without a usable row (the latest has no labels yet, say) do not count.
    present = sorted(periods.unique())
    held_out = params.test + params.validation
    if len(present) <= held_out:
        raise PerennialError(
            f"method time needs {held_out + 1} periods: {params.test} to test, "
            f"{params.validation} to validate and one to train; there "
            f"{'is' if len(present) == 1 else 'are'} {len(present)} with accepted, labelled rows: "
            f"{', '.join(present)}",
            where="prepare.split",
            hint="collect more periods, make periods shorter, lower prepare.split.test or "
            "prepare.split.validation, or set prepare.split.method to id, group or random",
        )
    validation = periods.isin(present[-held_out : -params.test])
    return validation.to_numpy(), periods.isin(present[-params.test :]).to_numpy()


def _by_key(
    rows: pd.DataFrame, periods: pd.Series, contract: Contract, params: ShareSplit
) -> tuple[BoolArray, BoolArray]:
    name = _role_column(params.method, params.method, contract)
    missing = int(rows[name].isna().sum())
    if missing:
        raise PerennialError(
            f"{missing:,} rows lack {name}, and method {params.method} hashes it",
            where="prepare.split",
            hint=f"set columns.{name}.missing to 0 in {CONTRACT}, so that such rows are rejected",
        )
    position = positions(rows[name], params.seed)
    test = position < params.test
    return ~test & (position >= 1 - params.validation), test


def _at_random(
    rows: pd.DataFrame, periods: pd.Series, contract: Contract, params: ShareSplit
) -> tuple[BoolArray, BoolArray]:
    # Raw output of a bit generator: numpy promises never to change it.
    drawn = np.random.PCG64(params.seed).random_raw(len(rows))
    strata = np.zeros(len(rows), dtype=np.int64)
    if params.stratify:
        if contract.task == "regression":
            raise PerennialError(
                "stratify is by class, and the target of a regression has none",
                where="prepare.split",
                hint="take out prepare.split.stratify",
            )
        strata = rows[contract.target].factorize()[0]
    order = np.lexsort((drawn, strata))
    sizes = np.bincount(strata)
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tested = np.rint(sizes * params.test)[strata]
    test = rank < tested
    return ~test & (rank < tested + np.rint(sizes * params.validation)[strata]), test


def _by_column(
    rows: pd.DataFrame, periods: pd.Series, contract: Contract, params: ColumnSplit
) -> tuple[BoolArray, BoolArray]:
    sides = rows[params.name].astype("object").where(rows[params.name].notna(), None)
    others = sides[~sides.isin(Sides._fields)]
    if len(others):
        counts = others.map(lambda value: "missing" if value is None else repr(value))
        raise PerennialError(
            f"column {params.name} says {', '.join(Sides._fields)}; it does not in "
            f"{len(others):,} rows:"
            + listed(f"{value}: {count:,}" for value, count in counts.value_counts().items()),
            where="prepare.split",
            hint="correct the column, or choose another prepare.split.method",
        )
    return (sides == "validation").to_numpy(), (sides == "test").to_numpy()


#: How each method chooses the rows that validate and those that test; the rest train.
METHODS: dict[str, Callable[[pd.DataFrame, pd.Series, Contract, Any], tuple[BoolArray, BoolArray]]]
METHODS = {
    "time": _by_time,
    "id": _by_key,
    "group": _by_key,
    "random": _at_random,
    "column": _by_column,
}


def _role_column(role: str, method: str, contract: Contract) -> str:
    name = contract.only(role)
    if name is None:
        raise PerennialError(
            f"prepare.split.method is {method}, and no column has role {role}",
            where=str(CONTRACT),
            hint=f"give a column role {role}, or choose another prepare.split.method",
        )
    return name


def _hashed(seeded: hashlib.blake2b, text: str) -> int:
    state = seeded.copy()
    state.update(text.encode())
    return int.from_bytes(state.digest(), "big")


def _constant_sides(sides: dict[str, pd.Series], contract: Contract) -> Iterator[str]:
    target = sides["train"]
    if target.min() == target.max():
        yield (
            f"train has one value of {contract.target} in {len(target):,} rows: "
            "a regression needs a target that varies"
        )


def _class_breaches(sides: dict[str, pd.Series], contract: Contract) -> Iterator[str]:
    present = {name: set(target.unique()) for name, target in sides.items()}
    everywhere = set().union(*present.values())
    if len(everywhere) == 1:
        yield (
            f"every labelled row is {contract.target}={everywhere.pop()}: there is nothing to "
            "learn; collect rows of another class, or check how the target is made"
        )
        return
    for name, classes in present.items():
        absent = [label for label in contract.classes if label not in classes]
        # On test some metrics cannot be estimated then: see `evidence`.
        if absent and (name == "train" or (name == "validation" and contract.task == "binary")):
            yield _absence(name, absent, present, contract)


def _absence(
    name: str, absent: list[str | bool], present: dict[str, set[Any]], contract: Contract
) -> str:
    classes = ", ".join(f"{contract.target}={label}" for label in absent)
    if name != "train":
        return (
            f"{name} has no row of {classes}: calibration and threshold are chosen on it; give it "
            f"more rows (prepare.split.{name})"
        )
    held_out = [side for side in ("validation", "test") if present[side].intersection(absent)]
    if held_out:
        return (
            f"train has no row of {classes}, which {' and '.join(held_out)} must answer: give "
            f"train more rows, or reject such rows (columns.{contract.target}.categories)"
        )
    return (
        f"no row is {classes}, which the contract lists: a model cannot learn it; take it out of "
        f"columns.{contract.target}.categories, or collect such rows"
    )
