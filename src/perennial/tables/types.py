"""How each type of the contract stands in a table."""

from __future__ import annotations

import pyarrow as pa

from perennial.contract import Type

TYPES: dict[Type, pa.DataType] = {
    "category": pa.string(),
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
