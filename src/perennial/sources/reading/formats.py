"""The formats that files of rows may have, by how their names end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading import csv, jsonlines, parquet

#: Reads a file's content, given its name for messages, the contract, and how CSV is written.
Reader = Callable[[bytes, str, Contract, Csv], pd.DataFrame]

#: To add a format, write a module with its reader, and add a line.
FORMATS: dict[str, Reader] = {
    ".csv": csv.read,
    ".csv.gz": csv.read_compressed,
    ".parquet": parquet.read,
    ".jsonl": jsonlines.read,
}


def read(path: Path, contract: Contract, dialect: Csv | None = None) -> pd.DataFrame:
    """Read a file: its rows in their order, the contract's columns in the contract's order."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PerennialError("the file is missing", where=str(path), hint="dvc pull") from None
    except OSError as error:
        raise PerennialError(
            f"cannot be read: {error.strerror}", where=str(path), hint="make it a readable file"
        ) from None
    return parsed(content, str(path), contract, dialect)


def parsed(
    content: bytes, name: str, contract: Contract, dialect: Csv | None = None
) -> pd.DataFrame:
    """Read a file's content as `read` does; the end of its name decides the format."""
    if not content:
        raise PerennialError("the file is empty", where=name, hint="fetch it again, or remove it")
    end = ending(name)
    if end is None:
        raise PerennialError(
            "no format that can be read", where=name, hint=f"use one of {', '.join(FORMATS)}"
        )
    return FORMATS[end](content, name, contract, dialect or Csv())


def ending(name: str) -> str | None:
    """Which of the formats' endings a file's name has, if any."""
    return next((end for end in FORMATS if name.endswith(end)), None)
