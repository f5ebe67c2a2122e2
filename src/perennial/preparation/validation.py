"""Rows against the contract: which are accepted, which rejected and why, which lack their label.

A row that lacks its target is *unlabelled*: it is set aside, whatever else is wrong with it. Every
other row is accepted, or rejected under one or more of `rules.RULES`. Of columns of role `ignored`
only the type is checked.

Why so: docs/decisions.md#d10
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from perennial.data.contract import Column, Contract
from perennial.data.parquet import ARROW
from perennial.preparation.rules import RULES, BoolArray, Rule, is_missing

#: Values that break a rule that a message shows.
SHOWN = 20


@dataclass(frozen=True, eq=False)
class Breach:
    """One rule that rows break in one column."""

    column: str
    rule: Rule
    rows: BoolArray
    """Which rows of the table break it."""

    @property
    def code(self) -> str:
        """Column and rule, as the quarantine names them."""
        return f"{self.column}: {self.rule.code}"

    @property
    def count(self) -> int:
        """How many rows break it."""
        return int(self.rows.sum())


@dataclass(frozen=True, eq=False)
class Validation:
    """What became of each row: exactly one of accepted, rejected and unlabelled."""

    accepted: BoolArray
    rejected: BoolArray
    unlabelled: BoolArray
    breaches: tuple[Breach, ...]
    """Why rows were rejected, in the contract's order of columns."""
    missing: dict[str, int]
    """How many labelled rows lack a column, by column."""

    @property
    def reasons(self) -> pd.Series:
        """The codes of each rejected row, joined by ", ", in row order."""
        count = int(self.rejected.sum())
        reasons = pd.Series([""] * count, dtype=pd.ArrowDtype(ARROW["text"]))
        for breach in self.breaches:
            reasons = reasons.mask(breach.rows[self.rejected], reasons + f", {breach.code}")
        return reasons.str.removeprefix(", ")

    @property
    def rejects(self) -> dict[str, dict[str, int]]:
        """Rejected rows by column and rule; a row that breaks two rules counts under both."""
        counts: dict[str, dict[str, int]] = {}
        for breach in self.breaches:
            counts.setdefault(breach.column, {})[breach.rule.code] = breach.count
        return counts


def schema_breaches(rows: pd.DataFrame, contract: Contract) -> dict[str, str]:
    """Describe, by name, columns that are absent, extra, there twice or of another Arrow type."""
    types: dict[str, list[pa.DataType]] = {}
    for name, dtype in rows.dtypes.items():
        types.setdefault(name, []).append(dtype.pyarrow_dtype)
    breaches = {
        name: f"column {name} is not in the contract"
        for name in types
        if name not in contract.columns
    }
    for name, column in contract.columns.items():
        given, wanted = types.get(name, []), ARROW[column.type]
        if len(given) != 1:
            breaches[name] = f"column {name} is {'there twice' if given else 'absent'}"
        elif given[0] != wanted:
            breaches[name] = (
                f"column {name} is {given[0]}; the contract's {column.type} is {wanted}"
            )
    return breaches


def validate(rows: pd.DataFrame, contract: Contract) -> Validation:
    """Sort rows into accepted, rejected and unlabelled.

    Columns have the contract's types; one that is absent is left to `schema_breaches`.

    Examples
    --------
    >>> contract = Contract.model_validate({
    ...     "version": 1, "name": "people",
    ...     "columns": {"age": {"type": "integer", "min": 0},
    ...                 "left": {"type": "boolean", "role": "target"}}})
    >>> rows = pd.DataFrame({
    ...     "age": pd.array([31, -1, 40, None], dtype="int64[pyarrow]"),
    ...     "left": pd.array([True, True, None, False], dtype="bool[pyarrow]")})
    >>> validation = validate(rows, contract)
    >>> validation.reasons.tolist(), int(validation.unlabelled.sum())
    (['age: range', 'age: missing'], 1)
    """
    unlabelled = np.zeros(len(rows), dtype=np.bool_)
    if contract.target in rows:
        unlabelled = is_missing(rows[contract.target])
    breaches: list[Breach] = []
    missing: dict[str, int] = {}
    for name, column in contract.columns.items():
        if name in rows and column.role != "ignored":
            values = rows[name][~unlabelled]
            missing[name] = int(is_missing(values).sum())
            breaches += _breaches(name, column, values, ~unlabelled)
    rejected = np.zeros(len(rows), dtype=np.bool_)
    for breach in breaches:
        rejected |= breach.rows
    return Validation(~rejected & ~unlabelled, rejected, unlabelled, tuple(breaches), missing)


def limit_breaches(
    validation: Validation,
    rows: pd.DataFrame,
    periods: pd.Series,
    contract: Contract,
    max_reject_share: float,
) -> list[str]:
    """List the limits of the whole data set that are passed.

    One sentence for each; past the share of rejects also one for each rule that rows break, with
    its count and the first such row, whose period is taken from `periods`.
    """
    breaches = [*_missing_breaches(validation, contract)]
    rejected = int(validation.rejected.sum())
    if rejected > max_reject_share * len(rows):
        breaches.append(
            f"{rejected:,} of {len(rows):,} rows are rejected ({rejected / len(rows):.2%}), "
            f"{max_reject_share:.2%} may be (prepare.max_reject_share):"
        )
        for breach in validation.breaches:
            row, column = int(breach.rows.argmax()), contract.columns[breach.column]
            allowed = breach.rule.allowed
            breaches.append(
                f"{breach.code}: {breach.count:,} row{'' if breach.count == 1 else 's'}; first: "
                f"{_row_name(rows, periods, contract, row)}, "
                f"value {_shown(rows[breach.column].iloc[row], column)}"
                f"{f'; allowed: {allowed(column)}' if allowed else ''}"
                f"{_others(rows[breach.column][breach.rows], column)}"
            )
    return breaches


def without_nan(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn NaN into null, so that missing values are of one kind."""
    numbers = rows.columns[[dtype.kind == "f" for dtype in rows.dtypes]]
    return rows.assign(**{name: rows[name].mask(is_missing(rows[name])) for name in numbers})


def _breaches(
    name: str, column: Column, values: pd.Series, labelled: BoolArray
) -> Iterator[Breach]:
    for rule in RULES:
        if rule.applies_to(column):
            broken = np.zeros(len(labelled), dtype=np.bool_)
            broken[labelled] = rule.broken(values, column)
            if broken.any():
                yield Breach(name, rule, broken)


def _missing_breaches(validation: Validation, contract: Contract) -> Iterator[str]:
    rows, unlabelled = len(validation.unlabelled), int(validation.unlabelled.sum())
    allowed = contract.columns[contract.target].missing
    if unlabelled > allowed * rows:
        yield (
            f"{contract.target}: {unlabelled:,} of {rows:,} rows are unlabelled "
            f"({unlabelled / rows:.2%}), {allowed:.2%} may be (columns.{contract.target}.missing)"
        )
    labelled = rows - unlabelled
    for name, count in validation.missing.items():
        allowed = contract.columns[name].missing
        if 0 < allowed * labelled < count:
            yield (
                f"{name}: {count:,} of {labelled:,} labelled rows lack it "
                f"({count / labelled:.2%}), {allowed:.2%} may (columns.{name}.missing)"
            )


def _row_name(rows: pd.DataFrame, periods: pd.Series, contract: Contract, row: int) -> str:
    period = periods.iloc[row]
    key = contract.only("id")
    if key is not None and key in rows and not contract.columns[key].sensitive:
        return f"{key} {_value(rows[key].iloc[row])} of period {period}"
    start = int((periods == period).to_numpy().argmax())
    return f"row {row - start + 1} of period {period}"


def _others(values: pd.Series, column: Column) -> str:
    """Every value that breaks a rule with its count, the most frequent first, if there are two."""
    counts = values.value_counts(dropna=False)
    if len(counts) < 2 or column.sensitive:
        return ""
    # Values of one count keep the order of their rows, whatever hash they have.
    first = [f"{_shown(value, column)} {count:,}" for value, count in counts.head(SHOWN).items()]
    more = [f"{len(counts) - SHOWN:,} more"] if len(counts) > SHOWN else []
    return f"; values: {', '.join(first + more)}"


def _shown(value: Any, column: Column) -> str:
    if column.sensitive:
        return "(sensitive)"
    return value.isoformat() if isinstance(value, datetime) else repr(_value(value))


def _value(value: Any) -> Any:
    return None if value is pd.NA else value
