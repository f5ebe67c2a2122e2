"""Parquet: columns that bring their types."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import Conformed, conform
from perennial.sources.reading.origin import Origin


def read(content: bytes, name: str, contract: Contract, _: Csv) -> Conformed:
    """Read a Parquet file's content."""
    try:
        # pq.read_table would import pyarrow.dataset as well.
        table = pq.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PerennialError(
            f"not a whole Parquet file: {reason}", where=name, hint="fetch the file again"
        ) from None
    return conform(table, contract, Origin(name), Csv())
