"""The formats that files of rows may have, by how their names end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading import csv, jsonlines, parquet
from perennial.sources.reading.conform import Conformed

#: Reads a file's content, given its name for messages, the contract, and how CSV is written.
Reader = Callable[[bytes, str, Contract, Csv], Conformed]

#: To add a format, write a module with its reader, and add a line.
FORMATS: dict[str, Reader] = {
    ".csv": csv.read,
    ".csv.gz": csv.read_compressed,
    ".tsv": csv.read_tabs,
    ".parquet": parquet.read,
    ".jsonl": jsonlines.read,
}

#: What to do about formats that are often at hand, and cannot be read.
_OTHERS = {
    ".xlsx": "save the sheet as CSV (UTF-8), or land it from a database",
    ".xls": "save the sheet as CSV (UTF-8), or land it from a database",
    ".json": "write one JSON object a line, and name the file .jsonl",
    ".zip": "unpack it; a single CSV file may be packed as .csv.gz",
}


def read(path: Path, contract: Contract, dialect: Csv | None = None) -> pd.DataFrame:
    """Read a file: its rows in their order, the contract's columns in the contract's order."""
    return parsed(_read_bytes(path), str(path), contract, dialect)


def parsed(
    content: bytes, name: str, contract: Contract, dialect: Csv | None = None
) -> pd.DataFrame:
    """Read a file's content as `read` does; the end of its name decides the format."""
    return conformed(content, name, contract, dialect or Csv()).rows


def conformed(content: bytes, name: str, contract: Contract, dialect: Csv) -> Conformed:
    """Read a file's content, and which of its times are instants in UTC."""
    if not content:
        raise PerennialError("the file is empty", where=name, hint="fetch it again, or remove it")
    end = ending(name)
    if end is None:
        raise PerennialError("no format that can be read", where=name, hint=remedy(name))
    return FORMATS[end](content, name, contract, dialect)


def content(path: Path) -> bytes | PerennialError:
    """A file's content, or the fault that keeps it from being read."""
    try:
        return _read_bytes(path)
    except PerennialError as error:
        return error


def ending(name: str) -> str | None:
    """Which of the formats' endings a file's name has, in any case."""
    return next((end for end in FORMATS if name.lower().endswith(end)), None)


def remedy(name: str) -> str:
    """What to do about a file of another format."""
    others = [hint for end, hint in _OTHERS.items() if name.lower().endswith(end)]
    return others[0] if others else f"name it as what it is: {', '.join(FORMATS)}"


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PerennialError("the file is missing", where=str(path), hint="dvc pull") from None
    except OSError as error:
        raise PerennialError(
            f"cannot be read: {error.strerror}", where=str(path), hint="make it a readable file"
        ) from None
