"""What collect says of values that it takes as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial.data.contract import Contract

#: Texts by which programs write a missing value; in a table of codes, NA is Namibia.
NULLS = ("NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "Null", "None", "none", "nil", "?", "-",
         "\\N", "<NA>", "NaT", "missing", "unknown")  # fmt: skip


def nulls_kept(rows: pd.DataFrame, contract: Contract) -> Iterator[str]:
    """Tell which texts that often mean a missing value were taken as values."""
    known = pa.array(NULLS)
    for name, column in contract.columns.items():
        if column.type not in {"category", "text"} or column.role == "ignored":
            continue
        texts = pa.chunked_array(pa.array(rows[name]))
        seen = texts.filter(pc.is_in(texts, known)).value_counts().to_pylist()
        kept = [item for item in seen if item["values"] not in (column.categories or [])]
        if kept:
            counts = ", ".join(f"{item['values']!r} ({item['counts']:,} rows)" for item in kept)
            yield (
                f"column {name}: {counts} taken as a value; if it means a missing one, add it to "
                f"collect.csv.nulls, or to collect.csv.columns.{name}.nulls; in other formats "
                "write nothing there"
            )
