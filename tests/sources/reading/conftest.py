"""A made-up table of sales, in every format."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import parsed

HEADER = "id,at,shop,price,count,sold\n"
GOOD = "a,2024-01-02T03:04,north,1.5,2,true\n"


class Sales:
    """Files of sales, read."""

    contract = Contract.model_validate(
        {
            "version": 1,
            "name": "sales",
            "columns": {
                "id": {"type": "text", "role": "id"},
                "at": {"type": "datetime", "role": "time"},
                "shop": {"type": "category"},
                "price": {"type": "number"},
                "count": {"type": "integer"},
                "sold": {"type": "boolean", "role": "target"},
            },
        }
    )
    #: What GOOD is.
    row: dict[str, Any] = {
        "id": "a",
        "at": datetime.datetime(2024, 1, 2, 3, 4),  # noqa: DTZ001
        "shop": "north",
        "price": 1.5,
        "count": 2,
        "sold": True,
    }

    def parsed(
        self, content: str | bytes, name: str, contract: Contract | None = None, **dialect: Any
    ) -> pa.Table:
        """What a file's content is read as: in Arrow, whose types and missing values are plain."""
        content = content.encode() if isinstance(content, str) else content
        frame = parsed(content, name, contract or self.contract, Csv(**dialect))
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)

    def read(self, text: str | bytes, **dialect: Any) -> pa.Table:
        """The table that CSV is."""
        return self.parsed(text, "sales.csv", **dialect)

    def refusal(self, content: str | bytes, name: str = "sales.csv", **dialect: Any) -> str:
        """The message that refuses a file; each says how to correct it."""
        content = content.encode() if isinstance(content, str) else content
        with pytest.raises(PerennialError) as refused:
            parsed(content, name, self.contract, Csv(**dialect))
        assert refused.value.hint
        return str(refused.value)

    def value(self, text: str, column: str, **dialect: Any) -> Any:
        """The value that a text stands for in a column of CSV."""
        cells = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True))
        cells[column] = text
        return self.read(HEADER + ",".join(cells.values()), **dialect)[column][0].as_py()

    def parquet(self, table: pa.Table) -> bytes:
        """The Parquet file that a table is."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        return sink.getvalue().to_pybytes()

    def typed(self, **columns: pa.Array) -> bytes:
        """A Parquet file whose columns are good, or those given."""
        table = self.read(HEADER + GOOD * len(next(iter(columns.values()))))
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, column)
        return self.parquet(table)


@pytest.fixture(scope="session")
def sales() -> Sales:
    """How the tests read a table of sales."""
    return Sales()
