"""What the monitor compares tomorrow's rows with: a sample and distributions of today's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns, evenly_spaced, missing_in

Array = NDArray[Any]

#: Quantile bins of a number.
BINS = 20

#: Categories counted one by one; the rest are counted together.
MOST_CATEGORIES = 200


def raw_values(values: Array, kind: str) -> list[Any]:
    """Raw contract values of a numpy column, as JSON holds them: None, numbers, ISO 8601 texts."""
    converters: dict[str, Callable[[Any], Any]] = {
        "boolean": bool,
        "integer": int,
        "number": float,
        "datetime": lambda value: np.datetime_as_string(value).removesuffix(".000000"),
    }
    convert = converters.get(kind, str)
    missing = missing_in(values)
    return [
        None if absent else convert(value) for value, absent in zip(values, missing, strict=True)
    ]


def distribution(values: Array, kind: str) -> dict[str, Any]:
    """Describe how a column is distributed.

    `rows`, `missing`, and `categories` with counts and `other`, or `edges` of quantile bins with
    their `counts`; a text has neither.
    """
    missing = missing_in(values)
    known = values[~missing]
    summary: dict[str, Any] = {"rows": len(values), "missing": int(missing.sum())}
    if kind == "text" or not len(known):
        return summary
    if kind in {"category", "boolean"}:
        counts = ((_name(value), count) for value, count in Counter(known.tolist()).items())
        ranked = sorted(counts, key=lambda item: (-item[1], item[0]))
        top = dict(ranked[:MOST_CATEGORIES])
        return {**summary, "categories": top, "other": len(known) - sum(top.values())}
    numbers = known.astype(np.int64) if kind == "datetime" else known
    levels = np.linspace(0, 1, BINS + 1)
    edges = np.unique(np.quantile(numbers, levels, method="inverted_cdf").astype(np.float64))
    counts_by_bin, _ = np.histogram(numbers, edges if len(edges) > 1 else 1)
    return {**summary, "edges": edges.tolist(), "counts": counts_by_bin.tolist()}


def _name(value: Any) -> str:
    # A boolean, a column's 0.0 or 1.0, as JSON and the scored table write it.
    return str(bool(value)).lower() if isinstance(value, float) else str(value)


def typical(values: Array, kind: str) -> Any:
    """The commonest category, the median, or "" for a text: raw, and no single person's value."""
    known = values[~missing_in(values)]
    if kind == "text":
        return ""
    if not len(known):
        return None
    if kind in {"category", "boolean"}:
        counts = Counter(raw_values(known, kind))
        return min(counts, key=lambda value: (-counts[value], str(value)))
    return raw_values(np.sort(known)[len(known) // 2 :][:1], kind)[0]


def reference_sample(columns: Columns, types: dict[str, str], rows: int) -> dict[str, list[Any]]:
    """Raw values of at most so many rows, for the columns that `types` names."""
    if not types:
        return {}
    chosen = evenly_spaced(len(columns[next(iter(types))]), rows)
    return {name: raw_values(columns[name][chosen], kind) for name, kind in types.items()}
