"""Files anywhere: a path, a glob, or a URL that fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pyarrow as pa

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.formats import parsed


def read(source: str, contract: Contract, dialect: Csv) -> pa.Table:
    """Read every file that a path, glob or URL names.

    Parameters
    ----------
    source : str
        Such as ``export.csv``, ``exports/*.parquet``, ``https://…/rows.jsonl`` or ``s3://…``.
    contract : Contract
        The columns and their types.
    dialect : Csv
        How CSV is written.

    Returns
    -------
    pyarrow.Table
        The rows of all files, in order of their names.

    Raises
    ------
    PerennialError
        If there is no such file, or one cannot be read.
    """
    found = [parsed(content, name, contract, dialect) for name, content in _contents(source)]
    if not found:
        raise PerennialError(
            "no file matches", where=shown(source), hint="check the path; quote a glob"
        )
    return pa.concat_tables(found)


def shown(source: str) -> str:
    """Make a source fit to be printed: without the credentials that a URL may hold.

    Parameters
    ----------
    source : str
        A path, glob or URL.

    Returns
    -------
    str
        The same without user, password and query.

    Examples
    --------
    >>> shown("https://me:secret@example.org/rows.csv?signature=abc")
    'https://example.org/rows.csv'
    """
    return re.sub(r"//[^/@]*@", "//", source.partition("?")[0]) if "://" in source else source


def _contents(source: str) -> Iterator[tuple[str, bytes]]:
    import fsspec

    try:
        for file in sorted(fsspec.open_files(source, "rb"), key=lambda file: str(file.path)):
            name = str(file.path)
            with file as stream:
                yield (urlsplit(name).path if "://" in name else name), stream.read()
    except IsADirectoryError:
        raise PerennialError(
            "it is a folder", where=shown(source), hint=f'name its files: "{source}/*.parquet"'
        ) from None
    # Each file system raises its own kinds: whatever it is, the source could not be read.
    except Exception as error:  # noqa: BLE001
        reason = str(error).replace(source, shown(source)) or type(error).__name__
        raise PerennialError(
            f"cannot be read: {reason}", where=shown(source), hint="check the path and the rights"
        ) from None
