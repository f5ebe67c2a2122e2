"""What changed in the data between two revisions: rows by period, columns, labels, drift."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.row_changes import RowChange, count_changes
from perennial.model.columns import from_arrow, missing_in
from perennial.review.revision.revision import Revision
from perennial.runtime import jsonfile

Array = NDArray[Any]

RAW = "data/raw"
TRAIN = "data/prepared/train.parquet"
REPORT = "metrics/data.json"


@dataclass(frozen=True)
class PeriodChange:
    """A period whose rows are others, and how many."""

    period: str
    rows: RowChange


@dataclass(frozen=True)
class ColumnChange:
    """A column that came, went, or is another kind of thing."""

    column: str
    what: str


@dataclass(frozen=True)
class Drift:
    """How far a column's training values have moved.

    Attributes
    ----------
    column : str
        The column.
    distance : float
        Between 0 and 1: Kolmogorov and Smirnov's for numbers and moments, total variation for
        categories, each with missing as a value of its own.
    missing_base, missing_head : float
        Shares that are missing.
    """

    column: str
    distance: float
    missing_base: float
    missing_head: float


@dataclass(frozen=True)
class DataChange:
    """All of it.

    Attributes
    ----------
    periods : list of PeriodChange
        Those that differ.
    columns : list of ColumnChange
        By the two contracts.
    labels : list of tuple
        Side, class or `mean`, base and head, where they differ.
    rejects : list of tuple
        Reason, base and head, where they differ.
    drift : list of Drift
        Columns whose training values moved, the farthest first.
    unknown : list of str
        What could not be compared, and why.
    """

    periods: list[PeriodChange]
    columns: list[ColumnChange]
    labels: list[tuple[str, str, float | None, float | None]]
    rejects: list[tuple[str, int, int]]
    drift: list[Drift]
    unknown: list[str]

    @property
    def is_none(self) -> bool:
        """Whether nothing changed, and everything could be compared."""
        parts = (self.periods, self.columns, self.labels, self.rejects, self.drift, self.unknown)
        return not any(parts)


def data_change(base: Revision, head: Revision) -> DataChange:
    """Compare the data of two revisions.

    Parameters
    ----------
    base, head : Revision
        With their files at hand; what is absent is told in `unknown`.

    Returns
    -------
    DataChange
        What changed.
    """
    unknown = [
        f"{revision}: {name}: {revision.absent[name]}"
        for name in (RAW, TRAIN, REPORT, "data/contract.yaml")
        for revision in (base, head)
        if name in revision.absent
    ]
    both = {name: not ({name} & {*base.absent, *head.absent}) for name in (RAW, TRAIN, REPORT)}
    contracts = [
        read_contract(revision.path("data/contract.yaml"))
        for revision in (base, head)
        if "data/contract.yaml" not in revision.absent
    ]
    known = contracts if len(contracts) == 2 else None
    reports = [jsonfile.read(side.path(REPORT)) for side in (base, head)] if both[REPORT] else None
    return DataChange(
        periods=period_changes(base.path(RAW), head.path(RAW), known) if both[RAW] else [],
        columns=column_changes(*known) if known else [],
        labels=label_changes(*reports) if reports else [],
        rejects=reject_changes(*reports) if reports else [],
        drift=drift(base.path(TRAIN), head.path(TRAIN), *known) if both[TRAIN] and known else [],
        unknown=unknown,
    )


def period_changes(
    base: Path, head: Path, contracts: list[Contract] | None = None
) -> list[PeriodChange]:
    """Count rows added, removed and changed in each period whose file differs.

    Parameters
    ----------
    base, head : Path
        Folders with a Parquet file a period.
    contracts : list of Contract, optional
        Of base and head; an id that both name tells a changed row from a removed and an added one.

    Returns
    -------
    list of PeriodChange
        By the periods' names.
    """
    files = [{path.stem: path for path in folder.glob("*.parquet")} for folder in (base, head)]
    ids = {contract.only("id") for contract in contracts or []}
    key = ids.pop() if len(ids) == 1 else None
    found = []
    for period in sorted(files[0].keys() | files[1].keys()):
        paths = [side.get(period) for side in files]
        if len({path and _digest(path) for path in paths}) > 1:
            found.append(PeriodChange(period, _counts(_rows(paths[0]), _rows(paths[1]), key)))
    return found


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _rows(path: Path | None) -> pd.DataFrame:
    return pd.DataFrame() if path is None else parquet.read_frame(path)


def _counts(base: pd.DataFrame, head: pd.DataFrame, key: str | None) -> RowChange:
    # Columns that are others now are told by the contracts; here rows are compared by the rest.
    names = [name for name in head if name in base and base[name].dtype == head[name].dtype]
    if not names:
        return RowChange(len(head), len(base), 0)
    return count_changes(base[names], head[names], key if key in names else None)


def column_changes(base: Contract, head: Contract) -> list[ColumnChange]:
    """Compare two contracts, column by column, in the head's order."""
    found = [
        ColumnChange(name, f"removed (it was {base.columns[name].type})")
        for name in base.columns
        if name not in head.columns
    ]
    for name, column in head.columns.items():
        before = base.columns.get(name)
        if before is None:
            found.append(ColumnChange(name, f"added ({column.type}, {column.role})"))
            continue
        for what in ("type", "role"):
            was, now = getattr(before, what), getattr(column, what)
            if was != now:
                found.append(ColumnChange(name, f"{what} {was} → {now}"))
    return found


def label_changes(
    base: dict[str, Any], head: dict[str, Any]
) -> list[tuple[str, str, float | None, float | None]]:
    """Compare the label rates in two `metrics/data.json`."""
    pairs = {
        (side, name): None
        for report in (base, head)
        for side, rates in report.get("labels", {}).items()
        for name in rates
    }
    rows = [
        (side, name, *(report.get("labels", {}).get(side, {}).get(name) for report in (base, head)))
        for side, name in pairs
    ]
    return [row for row in rows if row[2] != row[3]]


def reject_changes(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Compare the counts of rejected rows by reason in two `metrics/data.json`."""
    counts = [report.get("rejects", {}) for report in (base, head)]
    reasons = dict.fromkeys([*counts[0], *counts[1]])
    rows = [(reason, counts[0].get(reason, 0), counts[1].get(reason, 0)) for reason in reasons]
    return [row for row in rows if row[1] != row[2]]


def drift(base: Path, head: Path, before: Contract, after: Contract) -> list[Drift]:
    """Measure how far each feature's training values have moved.

    Parameters
    ----------
    base, head : Path
        Training rows.
    before, after : Contract
        Of base and head; features of one type in both are compared.

    Returns
    -------
    list of Drift
        The farthest first; features that did not move are left out.
    """
    if _digest(base) == _digest(head):
        return []
    types = {
        name: after.columns[name].type
        for name in after.features
        if name in before.features and before.columns[name].type == after.columns[name].type
    }
    sides = [from_arrow(parquet.read(path, list(types)), dict(types)) for path in (base, head)]
    found = [
        Drift(
            name,
            distance(sides[0][name], sides[1][name]),
            *(float(missing_in(side[name]).mean()) for side in sides),
        )
        for name in types
    ]
    moved = [item for item in found if item.distance > 0]
    return sorted(moved, key=lambda item: (-item.distance, item.column))


def distance(base: Array, head: Array) -> float:
    """Distance between two samples of one column.

    Parameters
    ----------
    base, head : numpy.ndarray
        Numpy columns, as `perennial.model.columns` makes them; not empty.

    Returns
    -------
    float
        Between 0 and 1; see `Drift`.
    """
    if base.dtype == object:
        return _total_variation(base, head)
    sides = [values[~missing_in(values)] for values in (base, head)]
    values = np.sort(np.concatenate(sides))
    # Missing values lie above all others, so that their share counts too.
    steps = [
        np.searchsorted(np.sort(side), values, "right") / len(whole)
        for side, whole in zip(sides, (base, head), strict=True)
    ]
    known = [len(side) / len(whole) for side, whole in zip(sides, (base, head), strict=True)]
    return float(max([abs(known[0] - known[1]), *np.abs(steps[0] - steps[1])]))


def _total_variation(base: Array, head: Array) -> float:
    counts = [Counter(values.tolist()) for values in (base, head)]
    return 0.5 * sum(
        abs(counts[0][value] / len(base) - counts[1][value] / len(head))
        for value in counts[0].keys() | counts[1].keys()
    )
