"""Who trains, who validates, who tests.

`time` takes whole periods, `id` and `group` a hash of a key, `random` a seeded draw. What holds as
data grow: by `id` and `group` a row's side is a function of its key, the seed and the two shares,
and of nothing else, so no row ever changes sides; and as `test` is cut from one end of the hash's
range and `validation` from the other, a larger share takes rows from train alone. By `time` rows
only ever move from test to validation to train. `random` promises nothing when rows are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import CONTRACT, Contract
from perennial.params.prepare import ShareSplit, Split, TimeSplit
from perennial.runtime.errors import PerennialError, listed

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Keys turned into Python text at once; it bounds the memory.
_BATCH = 65_536


class Sides(NamedTuple):
    """Row numbers of each side, in row order."""

    train: IntArray
    """Rows that train."""
    validation: IntArray
    """Rows that validate."""
    test: IntArray
    """Rows that test."""


def split(table: pa.Table, periods: pa.DictionaryArray, contract: Contract, params: Split) -> Sides:
    """Give every row a side.

    Parameters
    ----------
    table : pyarrow.Table
        Accepted, labelled rows.
    periods : pyarrow.DictionaryArray
        The period of each row. Periods follow each other by name.
    contract : Contract
        Names the time, id and group column, and the classes.
    params : Split
        The method and how much each side gets.

    Returns
    -------
    Sides
        Every row on one side, and none on two.

    Raises
    ------
    PerennialError
        If the method needs a column that the contract does not name, a side is empty, or the
        target does not vary as the task needs; everything that is wrong with the sides at once.
    """
    if table.num_rows == 0:
        raise PerennialError(
            "no row is both accepted and labelled",
            where="data/raw",
            hint="see the counts by reason, and correct the source or the contract",
        )
    if isinstance(params, TimeSplit):
        sides = _by_time(periods, contract, params)
    elif params.method == "random":
        sides = _at_random(table.num_rows, params)
    else:
        sides = _by_key(table, contract, params)
    breaches = side_breaches(table[contract.target], sides, contract)
    if breaches:
        raise PerennialError(
            f"method {params.method} leaves sides that cannot be used:{listed(breaches)}",
            where="prepare.split",
            hint="collect more rows, choose another method or other shares, or see the list",
        )
    return sides


def side_breaches(target: pa.ChunkedArray, sides: Sides, contract: Contract) -> list[str]:
    """Say what keeps the sides from training and judging a model.

    Parameters
    ----------
    target : pyarrow.ChunkedArray
        The target of every row.
    sides : Sides
        The rows of each side.
    contract : Contract
        Names the classes.

    Returns
    -------
    list of str
        A sentence with its remedy for each side that is empty, for a target that does not vary,
        and for classes that a side lacks.
    """
    empty = [
        f"{name} has no rows: raise its share (prepare.split.{name}), or collect more rows"
        if name != "train"
        else "train has no rows: lower prepare.split.test and prepare.split.validation"
        for name, rows in sides._asdict().items()
        if not len(rows)
    ]
    if empty:
        return empty
    if contract.task == "regression":
        return list(_constant_sides(target, sides, contract))
    return list(_class_breaches(target, sides, contract))


def positions(keys: pa.ChunkedArray, seed: int) -> FloatArray:
    """Hash keys to numbers that lie evenly in [0, 1).

    Parameters
    ----------
    keys : pyarrow.ChunkedArray
        Keys of any type; equal text, equal number.
    seed : int
        Another seed, other numbers.

    Returns
    -------
    ndarray of float
        One number a row, the same on every machine.

    Examples
    --------
    >>> keys = pa.chunked_array([["a", "b", "a"]])
    >>> positions(keys, seed=0).round(4).tolist()
    [0.0853, 0.3642, 0.0853]
    """
    encoded = keys.combine_chunks().dictionary_encode()
    seeded = hashlib.blake2b(f"{seed}\0".encode(), digest_size=8)
    hashes = np.empty(len(encoded.dictionary), dtype=np.uint64)
    for start in range(0, len(hashes), _BATCH):
        batch = encoded.dictionary.slice(start, _BATCH).to_pylist()
        hashes[start : start + _BATCH] = [_hashed(seeded, str(key)) for key in batch]
    # 53 bits are what a float holds: none is rounded up to 1.
    unit = (hashes >> np.uint64(11)).astype(np.float64) / 2**53
    found: FloatArray = unit[encoded.indices.to_numpy()]
    return found


def _by_time(periods: pa.DictionaryArray, contract: Contract, params: TimeSplit) -> Sides:
    _role_column("time", "time", contract)
    names = periods.dictionary.to_pylist()
    codes = periods.indices.to_numpy()
    # Periods without a usable row (the latest has no labels yet, say) do not count.
    present = sorted(np.unique(codes).tolist(), key=lambda code: str(names[code]))
    held_out = params.test + params.validation
    if len(present) <= held_out:
        raise PerennialError(
            f"method time needs {held_out + 1} periods: {params.test} to test, "
            f"{params.validation} to validate and one to train; there "
            f"{'is' if len(present) == 1 else 'are'} {len(present)} with accepted, labelled rows: "
            f"{', '.join(str(names[code]) for code in present)}",
            where="prepare.split",
            hint="collect more periods, make periods shorter, lower prepare.split.test or "
            "prepare.split.validation, or set prepare.split.method to id, group or random",
        )
    rank = np.zeros(len(names), dtype=np.int64)
    rank[present] = np.arange(len(present))
    place = rank[codes]
    test = place >= len(present) - params.test
    return _sides(test, ~test & (place >= len(present) - held_out))


def _by_key(table: pa.Table, contract: Contract, params: ShareSplit) -> Sides:
    name = _role_column(params.method, params.method, contract)
    lacking = table[name].null_count
    if lacking:
        raise PerennialError(
            f"{lacking:,} rows lack {name}, and method {params.method} hashes it",
            where="prepare.split",
            hint=f"set columns.{name}.missing to 0 in {CONTRACT}, so that such rows are rejected",
        )
    position = positions(table[name], params.seed)
    test = position < params.test
    return _sides(test, ~test & (position >= 1 - params.validation))


def _at_random(rows: int, params: ShareSplit) -> Sides:
    # Raw output of a bit generator: numpy promises never to change it.
    order = np.argsort(np.random.PCG64(params.seed).random_raw(rows), kind="stable")
    tested, validated = round(rows * params.test), round(rows * params.validation)
    test = np.zeros(rows, dtype=np.bool_)
    test[order[:tested]] = True
    validation = np.zeros(rows, dtype=np.bool_)
    validation[order[tested : tested + validated]] = True
    return _sides(test, validation)


def _sides(test: npt.NDArray[np.bool_], validation: npt.NDArray[np.bool_]) -> Sides:
    return Sides(*(np.flatnonzero(side) for side in (~test & ~validation, validation, test)))


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


def _constant_sides(target: pa.ChunkedArray, sides: Sides, contract: Contract) -> Iterator[str]:
    values = target.to_numpy()
    for name, rows in sides._asdict().items():
        if values[rows].min() == values[rows].max():
            yield (
                f"{name} has one value of {contract.target} in {len(rows):,} rows: "
                "a regression needs a target that varies on every side"
            )


def _class_breaches(target: pa.ChunkedArray, sides: Sides, contract: Contract) -> Iterator[str]:
    classes = pa.array(contract.classes)
    codes = pc.index_in(target, value_set=classes).to_numpy()
    present = {name: set(np.unique(codes[rows]).tolist()) for name, rows in sides._asdict().items()}
    everywhere = set().union(*present.values())
    if len(everywhere) == 1:
        only = contract.classes[everywhere.pop()]
        yield (
            f"every labelled row is {contract.target}={only}: there is nothing to learn; collect "
            "rows of another class, or check how the target is made"
        )
        return
    for name, found in present.items():
        lacking = [str(c) for code, c in enumerate(contract.classes) if code not in found]
        if lacking and (name == "train" or contract.task == "binary"):
            yield _lacking(name, lacking, present, contract)


def _lacking(
    name: str, lacking: list[str], present: dict[str, set[int]], contract: Contract
) -> str:
    classes = ", ".join(f"{contract.target}={label}" for label in lacking)
    if name != "train":
        return f"{name} has no row of {classes}: metrics cannot be computed; give it more rows"
    codes = {code for code, label in enumerate(contract.classes) if str(label) in lacking}
    held_out = [side for side in ("validation", "test") if codes & present[side]]
    if held_out:
        return (
            f"train has no row of {classes}, which {' and '.join(held_out)} must answer: give "
            f"train more rows, or reject such rows (columns.{contract.target}.categories)"
        )
    return (
        f"no row is {classes}, which the contract lists: a model cannot learn it; take it out of "
        f"columns.{contract.target}.categories, or collect such rows"
    )
