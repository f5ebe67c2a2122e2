"""Rows against the contract: which are accepted, which rejected and why, which lack their label.

A row that lacks its target is *unlabelled*: it is set aside, whatever else is wrong with it. Every
other row is accepted, or rejected under one or more rules. Columns of role `ignored` are looked at
no further than their type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Column, Contract
from perennial.data.parquet import ARROW

BoolArray = npt.NDArray[np.bool_]
Rule = Literal["missing", "not finite", "range", "category", "duplicate id"]

_INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, eq=False)
class Breach:
    """One rule that rows break in one column.

    Parameters
    ----------
    column : str
        The column.
    rule : str
        The rule's code.
    rows : ndarray of bool
        Which rows of the table break it.
    """

    column: str
    rule: Rule
    rows: BoolArray

    @property
    def code(self) -> str:
        """Column and rule, as the quarantine tells them."""
        return f"{self.column}: {self.rule}"

    @property
    def count(self) -> int:
        """How many rows break it."""
        return int(self.rows.sum())


@dataclass(frozen=True, eq=False)
class Validation:
    """What became of each row: every row is accepted, rejected or unlabelled.

    Parameters
    ----------
    accepted, rejected, unlabelled : ndarray of bool
        One entry a row; exactly one of the three is true.
    breaches : tuple of Breach
        Why rows were rejected, in the contract's order of columns.
    missing : dict
        Labelled rows that lack a column, by column.
    """

    accepted: BoolArray
    rejected: BoolArray
    unlabelled: BoolArray
    breaches: tuple[Breach, ...]
    missing: dict[str, int]

    @property
    def reasons(self) -> pa.Array:
        """The codes of each rejected row, joined by ", ", in row order."""
        combination = np.zeros(int(self.rejected.sum()), dtype=np.int64)
        texts = [""]
        for breach in self.breaches:
            pairs = combination * 2 + breach.rows[self.rejected]
            found, combination = np.unique(pairs, return_inverse=True)
            texts = [_joined(texts[pair >> 1], breach.code, pair & 1) for pair in found.tolist()]
        return pa.array(texts, pa.string()).take(pa.array(combination))

    @property
    def rejects(self) -> dict[str, dict[str, int]]:
        """Rejected rows by column and rule; a row that breaks two rules counts under both."""
        counts: dict[str, dict[str, int]] = {}
        for breach in self.breaches:
            counts.setdefault(breach.column, {})[breach.rule] = breach.count
        return counts


def schema_breaches(schema: pa.Schema, contract: Contract) -> dict[str, str]:
    """Compare a table's columns with the contract's.

    Parameters
    ----------
    schema : pyarrow.Schema
        The table's columns.
    contract : Contract
        The wanted ones; their order does not matter.

    Returns
    -------
    dict
        What is wrong, by column: absent, extra, twice, or of another Arrow type.
    """
    breaches = {
        name: f"column {name} is not in the contract"
        for name in schema.names
        if name not in contract.columns
    }
    for name, column in contract.columns.items():
        indices = schema.get_all_field_indices(name)
        wanted = ARROW[column.type]
        if len(indices) != 1:
            breaches[name] = f"column {name} is {'there twice' if indices else 'absent'}"
        elif schema.field(indices[0]).type != wanted:
            breaches[name] = (
                f"column {name} is {schema.field(indices[0]).type}; "
                f"the contract's {column.type} is {wanted}"
            )
    return breaches


def validate(table: pa.Table, contract: Contract) -> Validation:
    """Sort rows into accepted, rejected and unlabelled.

    Parameters
    ----------
    table : pyarrow.Table
        Rows with the contract's columns and types. A column that the table lacks is passed over:
        `schema_breaches` tells it.
    contract : Contract
        The rules.

    Returns
    -------
    Validation
        What became of each row.

    Examples
    --------
    >>> contract = Contract.model_validate({
    ...     "version": 1, "name": "people",
    ...     "columns": {"age": {"type": "integer", "min": 0},
    ...                 "left": {"type": "boolean", "role": "target"}}})
    >>> table = pa.table({"age": [31, -1, 40, None], "left": [True, True, None, False]})
    >>> validation = validate(table, contract)
    >>> validation.reasons.to_pylist(), int(validation.unlabelled.sum())
    (['age: range', 'age: missing'], 1)
    """
    unlabelled = np.zeros(table.num_rows, dtype=np.bool_)
    if contract.target in table.column_names:
        unlabelled = _missing(table[contract.target])
    breaches: list[Breach] = []
    missing: dict[str, int] = {}
    for name, column in contract.columns.items():
        if name in table.column_names and column.role != "ignored":
            absent = _missing(table[name]) & ~unlabelled
            missing[name] = int(absent.sum())
            breaches += _breaches(name, column, table[name], absent, unlabelled)
    rejected = np.zeros(table.num_rows, dtype=np.bool_)
    for breach in breaches:
        rejected |= breach.rows
    return Validation(~rejected & ~unlabelled, rejected, unlabelled, tuple(breaches), missing)


def limit_breaches(
    validation: Validation,
    table: pa.Table,
    periods: pa.DictionaryArray,
    contract: Contract,
    max_reject_share: float,
) -> list[str]:
    """Say which limits of the whole data set are passed.

    Parameters
    ----------
    validation : Validation
        What became of the rows.
    table : pyarrow.Table
        The rows.
    periods : pyarrow.DictionaryArray
        The period of each row, for the examples.
    contract : Contract
        Holds the shares that may be missing.
    max_reject_share : float
        Share of rows that may be rejected.

    Returns
    -------
    list of str
        A sentence for each limit that is passed and, past the share of rejects, for each rule that
        rows break, with its count and the first such row.
    """
    found = [*_missing_breaches(validation, contract)]
    rows, rejected = table.num_rows, int(validation.rejected.sum())
    if rejected > max_reject_share * rows:
        found.append(
            f"{rejected:,} of {rows:,} rows are rejected ({rejected / rows:.2%}), "
            f"{max_reject_share:.2%} may be (prepare.max_reject_share):"
        )
        for breach in validation.breaches:
            row = int(breach.rows.argmax())
            found.append(
                f"{breach.code}: {_rows(breach.count)}; first: "
                f"{_named(table, periods, contract, row)}, "
                f"value {_shown(table, contract, breach.column, row)}"
                f"{_allowed(contract.columns[breach.column], breach.rule)}"
            )
    return found


def without_nan(table: pa.Table) -> pa.Table:
    """Turn NaN into null, so that a table has one kind of missing value.

    Parameters
    ----------
    table : pyarrow.Table
        Any table.

    Returns
    -------
    pyarrow.Table
        The same rows.
    """
    for place, name in enumerate(table.column_names):
        values = table[name]
        if pa.types.is_floating(values.type):
            nan = pc.is_nan(values)
            if pc.any(nan).as_py():
                values = pc.if_else(nan, pa.scalar(None, values.type), values)
                table = table.set_column(place, name, values)
    return table


def _breaches(
    name: str, column: Column, values: pa.ChunkedArray, absent: BoolArray, unlabelled: BoolArray
) -> Iterator[Breach]:
    is_required = column.missing == 0 or column.role == "time"
    if is_required and column.role != "target" and absent.any():
        yield Breach(name, "missing", absent)
    for rule, broken in _rules(column, values):
        rows = broken & ~unlabelled
        if rows.any():
            yield Breach(name, rule, rows)
    if column.role == "id":
        rows = _repeated(values, absent | unlabelled)
        if rows.any():
            yield Breach(name, "duplicate id", rows)


def _rules(column: Column, values: pa.ChunkedArray) -> Iterator[tuple[Rule, BoolArray]]:
    """Yield the rules that go with a column, with the rows that break each; none lacks a value."""
    if column.type == "number":
        yield "not finite", _true(pc.is_inf(values))
    low, high = _bounds(column)
    outside = np.zeros(len(values), dtype=np.bool_)
    if low is not None:
        outside |= _true(pc.less(values, low))
    if high is not None:
        outside |= _true(pc.greater(values, high))
    if column.type == "number":
        outside &= _true(pc.is_finite(values))
    yield "range", outside
    if column.categories is not None:
        known = pc.is_in(values, value_set=pa.array(column.categories, pa.string()))
        yield "category", _true(pc.and_(pc.invert(known), pc.is_valid(values)))


def _bounds(column: Column) -> tuple[pa.Scalar | None, pa.Scalar | None]:
    kind = ARROW[column.type]
    if column.type == "integer":
        # Whole bounds compare exactly; Arrow would turn both sides into floats.
        low = None if column.min is None else math.ceil(_clamped(column.min))
        high = None if column.max is None else math.floor(_clamped(column.max))
    elif column.type == "datetime":
        low, high = (_moment(bound) for bound in (column.min, column.max))
    else:
        low, high = column.min, column.max
    return (
        None if low is None else pa.scalar(low, kind),
        None if high is None else pa.scalar(high, kind),
    )


def _clamped(bound: Any) -> Any:
    return min(max(bound, _INT64[0]), _INT64[1])


def _moment(bound: Any) -> datetime | None:
    return None if bound is None else datetime.fromisoformat(bound)


def _repeated(values: pa.ChunkedArray, left_out: BoolArray) -> BoolArray:
    # Codes are given in order of appearance: a code that is no new maximum was there before.
    kept = values.filter(pa.array(~left_out)).combine_chunks().dictionary_encode()
    codes = kept.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    highest = np.maximum.accumulate(codes)
    repeated = np.zeros(len(left_out), dtype=np.bool_)
    repeated[np.flatnonzero(~left_out)[1:]] = codes[1:] <= highest[:-1]
    return repeated


def _missing(values: pa.ChunkedArray) -> BoolArray:
    return _true(pc.is_null(values, nan_is_null=True))


def _true(mask: pa.ChunkedArray) -> BoolArray:
    return np.asarray(pc.fill_null(mask, False).to_numpy(), dtype=np.bool_)


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


def _named(table: pa.Table, periods: pa.DictionaryArray, contract: Contract, row: int) -> str:
    period = periods[row].as_py()
    key = contract.only("id")
    if key is not None and key in table.column_names and not contract.columns[key].sensitive:
        return f"{key} {table[key][row].as_py()} of period {period}"
    start = pc.index(periods.indices, periods.indices[row]).as_py()
    return f"row {row - start + 1} of period {period}"


def _shown(table: pa.Table, contract: Contract, column: str, row: int) -> str:
    if contract.columns[column].sensitive:
        return "(sensitive)"
    value = table[column][row].as_py()
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _allowed(column: Column, rule: Rule) -> str:
    if rule == "range":
        low, high = column.min, column.max
        return f"; allowed: {'' if low is None else low} to {'' if high is None else high}"
    if rule == "category":
        names = column.categories or []
        return f"; allowed: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    return ""


def _joined(text: str, code: str, is_broken: int) -> str:
    if not is_broken:
        return text
    return f"{text}, {code}" if text else code


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
