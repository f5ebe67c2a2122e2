"""PL004: held-out rows that stand in train to the letter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial.params.prepare import Checks
from perennial.preparation.leakage.definition import Detail, NotApplicable, Sample
from perennial.preparation.leakage.encoding import numbered

Hashes = npt.NDArray[np.uint64]

_SALT = np.uint64(0xD1B54A32D192ED03)


def find_duplicates(sample: Sample, limits: Checks) -> list[Detail] | NotApplicable:
    """PL004: held-out rows stand in train to the letter."""
    train, validation, test = row_hashes(
        [sample.train, sample.validation, sample.test],
        [*sample.contract.features, sample.contract.target],
    )
    known = pa.array(train)
    found = []
    for name, hashes in (("validation", validation), ("test", test)):
        share = pc.sum(pc.is_in(pa.array(hashes), value_set=known)).as_py() / len(hashes)
        if share > limits.duplicates:
            text = f"{share:.2%} of its rows stand in train, limit {limits.duplicates:.2%}"
            found.append(Detail(name, share, text))
    return found


def row_hashes(tables: list[pa.Table], columns: list[str]) -> list[Hashes]:
    """Hash rows by some of their columns: equal rows have equal hashes in every table.

    Parameters
    ----------
    tables : list of pyarrow.Table
        Tables that have the columns.
    columns : list of str
        The columns that count.

    Returns
    -------
    list of ndarray of uint64
        For each table one hash a row. They hold within one call only: texts are numbered in order
        of appearance.
    """
    whole = pa.concat_tables([table.select(columns) for table in tables])
    hashes: Hashes = np.zeros(whole.num_rows, dtype=np.uint64)
    for name in columns:
        hashes = _mixed(hashes ^ _bits(whole[name]))
    ends = np.cumsum([table.num_rows for table in tables])
    return np.split(hashes, ends[:-1])


def _bits(values: pa.ChunkedArray) -> Hashes:
    """Turn values into 64 bits, different where they differ."""
    if pa.types.is_string(values.type):
        return numbered(values)[0].view(np.uint64)
    if pa.types.is_floating(values.type):
        # Adding nought turns -0.0 into 0.0; missing values are NaN here, always the same one.
        floats = values.to_numpy() + 0.0
        return np.asarray(np.where(np.isnan(floats), np.nan, floats)).view(np.uint64)
    if values.null_count:
        # A missing value has bits of its own, not those of the value that fills its place. Salted,
        # for the hash of a first column is mixed likewise: of equal values nothing would be left.
        missing = np.asarray(values.is_null().to_numpy(), dtype=np.uint64)
        return _mixed(_whole(values) ^ _SALT) ^ (missing * np.uint64(0x9E3779B97F4A7C15))
    return _whole(values)


def _whole(values: pa.ChunkedArray) -> Hashes:
    whole = values.cast(pa.int64()).fill_null(0).to_numpy()
    return np.asarray(whole, dtype=np.int64).view(np.uint64)


def _mixed(bits: Hashes) -> Hashes:
    """Spread 64 bits evenly: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
