"""Files anywhere: a path, a glob, or a URL that fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.together import together


def read(source: str, contract: Contract, dialect: Csv) -> pd.DataFrame:
    """Read every file that a path, glob or URL names, in order of their names."""
    rows = together(_contents(source), contract, dialect)
    if rows is None:
        raise PerennialError(
            "no file matches", where=shown(source), hint="check the path; quote a glob"
        )
    return rows


def shown(source: str) -> str:
    """A source fit to be printed: without the user, password and query that a URL may hold.

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
