"""Files read by how their names end."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import conform
from perennial.sources.reading.csv import from_csv
from perennial.sources.reading.jsonlines import from_json_lines
from perennial.sources.reading.origin import Origin

#: How the files that can be read end.
KINDS = (".csv", ".csv.gz", ".parquet", ".jsonl")


def read(path: Path, contract: Contract, dialect: Csv | None = None) -> pa.Table:
    """Read a file.

    Parameters
    ----------
    path : Path
        A file whose name ends as one of `KINDS` does.
    contract : Contract
        The columns and their types.
    dialect : Csv, optional
        How CSV is written.

    Returns
    -------
    pyarrow.Table
        Its rows in their order, the contract's columns in the contract's order.

    Raises
    ------
    PerennialError
        If the file cannot be read, is damaged, or differs from the contract.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PerennialError("the file is missing", where=str(path), hint="dvc pull") from None
    except OSError as error:
        raise PerennialError(
            f"cannot be read: {error.strerror}", where=str(path), hint="make it a readable file"
        ) from None
    return parsed(content, str(path), contract, dialect)


def parsed(content: bytes, name: str, contract: Contract, dialect: Csv | None = None) -> pa.Table:
    """Read a file's content.

    Parameters
    ----------
    content : bytes
        All of it.
    name : str
        The file's name, whose end tells the format.
    contract : Contract
        The columns and their types.
    dialect : Csv, optional
        How CSV is written.

    Returns
    -------
    pyarrow.Table
        As `read` returns it.

    Raises
    ------
    PerennialError
        If the content is damaged, or differs from the contract.
    """
    if not content:
        raise PerennialError("the file is empty", where=name, hint="fetch it again, or remove it")
    if name.endswith(".parquet"):
        return conform(_parquet(content, name), contract, Origin(name))
    if name.endswith(".jsonl"):
        return from_json_lines(content, name, contract)
    if name.endswith(".csv.gz"):
        content = _unzipped(content, name)
    elif not name.endswith(".csv"):
        raise PerennialError(
            "no format that can be read", where=name, hint=f"use one of {', '.join(KINDS)}"
        )
    return from_csv(content, name, contract, dialect or Csv())


def _parquet(content: bytes, name: str) -> pa.Table:
    try:
        # pq.read_table would import pyarrow.dataset, and that pandas.
        return pq.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PerennialError(
            f"not a whole Parquet file: {reason}", where=name, hint="fetch the file again"
        ) from None


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise PerennialError(
            f"not a whole gzip file: {error}", where=name, hint="fetch the file again"
        ) from None
