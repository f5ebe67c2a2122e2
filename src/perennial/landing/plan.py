"""What to do about each period of a source: land it, leave it, or report that it has changed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from perennial.data.contract import Contract
from perennial.data.row_changes import RowChange, count_changes, difference
from perennial.sources import periods
from perennial.sources.reading.order import canonical


@dataclass(frozen=True)
class Plan:
    """What to do about each period of the source."""

    new: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Rows to land, by the name of their file."""
    same: list[str] = field(default_factory=list)
    """Periods whose rows are those that were landed."""
    changed: dict[str, RowChange] = field(default_factory=dict)
    """Periods whose rows are others now."""
    open: list[str] = field(default_factory=list)
    """Periods left out because they may still gain rows."""


def plan_periods(
    incoming: Mapping[str, pd.DataFrame],
    landed: Mapping[str, pd.DataFrame],
    contract: Contract,
    *,
    now: datetime.datetime | None,
) -> Plan:
    """Compare what came with what has landed, period by period.

    A period that is open `now` is left out; None takes them all.
    """
    plan = Plan()
    for period, rows in incoming.items():
        if now is not None and periods.is_open(period, now):
            plan.open.append(period)
        elif period not in landed:
            plan.new[period] = rows
        else:
            change = count_changes(landed[period], rows, contract.only("id"))
            if change == RowChange(0, 0, 0):
                plan.same.append(period)
            else:
                plan.changed[period] = change
    return plan


def plan_named(name: str, incoming: pd.DataFrame, landed: pd.DataFrame, contract: Contract) -> Plan:
    """Choose the rows that have not landed yet, for a table without periods; `name` is their file.

    Rows are known by their id, or as a whole where there is none. A known row with other values is
    reported; one that the source lacks is not, for it may bring its new rows alone.
    """
    _, gained = difference(landed, incoming)
    key = contract.only("id")
    new = gained[~gained[key].isin(landed[key])] if key else gained
    others = len(gained) - len(new)
    return Plan(
        new={name: canonical(new, contract)} if len(new) else {},
        same=[] if len(gained) else ["all"],
        changed={"all": RowChange(0, 0, others)} if others else {},
    )
