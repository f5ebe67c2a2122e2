"""What changed in the data between two revisions: rows by period, columns, labels, drift."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.row_changes import RowChange, count_changes
from perennial.review.compare.changes import changes
from perennial.review.revision.revision import Revision
from perennial.runtime import jsonfile

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
    """A column that came, went, or is of another type or role."""

    column: str
    what: str


@dataclass(frozen=True)
class Drift:
    """How far a column's training values have moved."""

    column: str
    distance: float
    """Between 0 and 1, by `distance`."""
    missing_base: float
    missing_head: float
    """Shares that are missing."""


@dataclass(frozen=True)
class DataChange:
    """How the data of two revisions differ."""

    periods: list[PeriodChange]
    """Those that differ."""
    columns: list[ColumnChange]
    """By the two contracts."""
    labels: list[tuple[str, str, float | None, float | None]]
    """Side, class or `mean`, base and head, where they differ."""
    rejects: list[tuple[str, int, int]]
    """Reason, base and head, where they differ."""
    drift: list[Drift]
    """Columns whose training values moved, the farthest first."""
    unknown: list[str]
    """What could not be compared, and why."""

    @property
    def is_none(self) -> bool:
        """Whether nothing changed, and everything could be compared."""
        parts = (self.periods, self.columns, self.labels, self.rejects, self.drift, self.unknown)
        return not any(parts)


def data_change(base: Revision, head: Revision) -> DataChange:
    """Compare the data of two revisions; what either lacks stands in `unknown`."""
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
    """Count rows added, removed and changed in each period whose file differs, by period.

    With the contracts of both, an id that both name distinguishes a changed row from a removed
    and an added one.
    """
    files = [{path.stem: path for path in folder.glob("*.parquet")} for folder in (base, head)]
    ids = {contract.only("id") for contract in contracts or []}
    key = ids.pop() if len(ids) == 1 else None
    periods = []
    for period in sorted(files[0].keys() | files[1].keys()):
        paths = [side.get(period) for side in files]
        if len({path and _digest(path) for path in paths}) > 1:
            periods.append(PeriodChange(period, _counts(_rows(paths[0]), _rows(paths[1]), key)))
    return periods


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _rows(path: Path | None) -> pd.DataFrame:
    return pd.DataFrame() if path is None else parquet.read_frame(path)


def _counts(base: pd.DataFrame, head: pd.DataFrame, key: str | None) -> RowChange:
    # The contracts show which columns are others now; here rows are compared by the rest.
    names = [name for name in head if name in base and base[name].dtype == head[name].dtype]
    if not names:
        return RowChange(len(head), len(base), 0)
    return count_changes(base[names], head[names], key if key in names else None)


def column_changes(base: Contract, head: Contract) -> list[ColumnChange]:
    """Compare two contracts, column by column, in the head's order."""
    columns = [
        ColumnChange(name, f"removed (it was {base.columns[name].type})")
        for name in base.columns
        if name not in head.columns
    ]
    for name, column in head.columns.items():
        before = base.columns.get(name)
        if before is None:
            columns.append(ColumnChange(name, f"added ({column.type}, {column.role})"))
            continue
        for what in ("type", "role"):
            was, now = getattr(before, what), getattr(column, what)
            if was != now:
                columns.append(ColumnChange(name, f"{what} {was} → {now}"))
    return columns


def label_changes(
    base: dict[str, Any], head: dict[str, Any]
) -> list[tuple[str, str, float | None, float | None]]:
    """Compare the label rates in two `metrics/data.json`."""
    rates = [
        {
            (side, name): rate
            for side, by_name in report.get("labels", {}).items()
            for name, rate in by_name.items()
        }
        for report in (base, head)
    ]
    return [(*change.name, change.base, change.head) for change in changes(*rates)]


def reject_changes(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Compare the counts of rejected rows by reason in two `metrics/data.json`."""
    differing = changes(base.get("rejects", {}), head.get("rejects", {}))
    return [(change.name, change.base or 0, change.head or 0) for change in differing]


def drift(base: Path, head: Path, before: Contract, after: Contract) -> list[Drift]:
    """How far each feature's training values have moved, the farthest first.

    Features of one type in both contracts are compared; those that did not move are left out.
    """
    if _digest(base) == _digest(head):
        return []
    names = [
        name
        for name in after.features
        if name in before.features and before.columns[name].type == after.columns[name].type
    ]
    sides = [_training_rows(path, names, after) for path in (base, head)]
    moved = pd.DataFrame(
        {
            "column": names,
            "distance": [distance(sides[0][name], sides[1][name]) for name in names],
            **{
                f"missing_{which}": side.isna().mean().to_numpy()
                for which, side in zip(("base", "head"), sides, strict=True)
            },
        }
    )
    moved = moved[moved["distance"] > 0]
    moved = moved.sort_values(["distance", "column"], ascending=[False, True])
    return [Drift(**row) for row in moved.to_dict("records")]


def _training_rows(path: Path, names: list[str], contract: Contract) -> pd.DataFrame:
    """Columns as they are measured: moments in microseconds and truth values as numbers."""
    rows = parquet.read(path, names).to_pandas()
    for name in names:
        kind = contract.columns[name].type
        if kind == "datetime":
            rows[name] = (rows[name] - pd.Timestamp(0)) / pd.Timedelta(1, "us")
        elif kind == "boolean":
            rows[name] = rows[name].astype("float64")
    return rows


def distance(base: pd.Series, head: pd.Series) -> float:
    """Distance between two samples of one column, between 0 and 1.

    Kolmogorov and Smirnov's for numbers, missing values above all others; total variation for
    anything else, missing as a value of its own.
    """
    if pd.api.types.is_numeric_dtype(base):
        sides = [side.astype("float64").fillna(np.inf) for side in (base, head)]
        return float(ks_2samp(*sides, method="asymp").statistic)
    shares = [side.value_counts(normalize=True, dropna=False) for side in (base, head)]
    return 0.5 * float(shares[0].sub(shares[1], fill_value=0.0).abs().sum())
