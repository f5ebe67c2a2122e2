"""What the held-out rows will not be able to tell: said before a model is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from perennial.data.contract import Contract

#: Rows of a class with fewer of which nothing can be learnt of it, nor its metrics computed well.
FEW_ROWS = 5

#: Days or groups with fewer of which no interval is to be trusted: the floor of
#: `perennial.evaluation.intervals`.
FEW_BLOCKS = 12

#: What hangs on every class.
_HANGING = {
    "binary": "roc_auc, average_precision and recall",
    "multiclass": "roc_auc, balanced_accuracy and f1_macro",
}


def weak_points(
    sides: Mapping[str, pd.DataFrame], contract: Contract, method: str
) -> Iterator[str]:
    """A sentence for each class that train can hardly teach, and for what held-out sides lack."""
    if contract.task != "regression":
        yield from _hard_to_learn(sides["train"][contract.target], contract)
    for side in ("validation", "test"):
        rows = sides[side]
        if rows.empty:
            continue
        of_target = _constant if contract.task == "regression" else _rare
        yield from of_target(side, rows[contract.target], contract)
        yield from _few_blocks(side, rows, contract, method)


def _hard_to_learn(target: pd.Series, contract: Contract) -> Iterator[str]:
    # Of two classes neither can be done without.
    merge = ", merge it with another class, or take it out of the contract"
    hint = f"collect more of them{merge if contract.task == 'multiclass' else ''}"
    for label in contract.classes:
        count = int((target == label).sum())
        if count < FEW_ROWS:
            rows = f"{count} row{'s' * (count != 1)}"
            yield f"class {contract.target}={label} has {rows} in train: {hint}"


def _rare(side: str, target: pd.Series, contract: Contract) -> Iterator[str]:
    counts = {label: int((target == label).sum()) for label in contract.classes}
    few = [f"{n} of {contract.target}={label}" for label, n in counts.items() if n < FEW_ROWS]
    if few:
        outlook = "cannot be estimated" if 0 in counts.values() else "can hardly be estimated"
        yield (
            f"{side} has few rows of some classes ({', '.join(few)}): {_HANGING[contract.task]} "
            f"{outlook} on it; give it more rows (prepare.split.{side}), or collect more"
            + (f", or merge classes (columns.{contract.target}.categories)" * (len(counts) > 2))
        )


def _constant(side: str, target: pd.Series, contract: Contract) -> Iterator[str]:
    if target.min() == target.max():
        yield (
            f"{side} has one value of {contract.target} in {len(target):,} rows: r2 cannot be "
            f"estimated on it; give it more rows (prepare.split.{side}), or collect more"
        )


def _few_blocks(side: str, rows: pd.DataFrame, contract: Contract, method: str) -> Iterator[str]:
    name = contract.only(method) if method in {"time", "group"} else None
    if name is None:
        return
    blocks = rows[name].dt.normalize() if method == "time" else rows[name]
    count, what = int(blocks.nunique()), "day" if method == "time" else "group"
    if count < 2:
        yield (
            f"{side} is one {what}: no metric will have an interval on it; "
            f"raise prepare.split.{side}"
        )
    elif count < FEW_BLOCKS:
        yield (
            f"{side} has {count} {what}s: intervals will not be to be trusted on it, for rows of "
            f"one {what} are alike; raise prepare.split.{side}"
        )
