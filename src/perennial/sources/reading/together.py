"""Several files as one table: their faults at once, and one kind of time in each column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading import formats
from perennial.sources.reading.conform import Conformed
from perennial.sources.reading.faults import joined


def together(
    contents: Iterable[tuple[str, bytes | PerennialError]], contract: Contract, dialect: Csv
) -> pd.DataFrame | None:
    """Read files, given as names and contents, one after the other; None where there is none.

    A content may be the fault that kept it from being read.
    """
    parts: dict[str, Conformed] = {}
    errors = []
    for name, content in contents:
        try:
            if isinstance(content, PerennialError):
                raise content
            parts[name] = formats.conformed(content, name, contract, dialect)
        except PerennialError as error:
            errors.append(error)
    if errors:
        raise joined(errors)
    _refuse_two_kinds({name: part.zoned for name, part in parts.items()})
    rows = [part.rows for part in parts.values()]
    return pd.concat(rows, ignore_index=True) if rows else None


def _refuse_two_kinds(zoned: Mapping[str, Mapping[str, bool]]) -> None:
    columns = dict.fromkeys(column for kinds in zoned.values() for column in kinds)
    mixed = []
    for column in columns:
        files: dict[bool, list[str]] = {True: [], False: []}
        for file, kinds in zoned.items():
            if column in kinds:
                files[kinds[column]].append(file)
        if files[True] and files[False]:
            mixed.append(
                f"column {column}: with an offset from UTC in {_first(files[True])}; without one "
                f"in {_first(files[False])}"
            )
    if mixed:
        raise PerennialError(
            f"times of two kinds, which have no order among them:{listed(mixed)}",
            hint="write all of a column's times with their offset, or all without",
        )


def _first(files: list[str]) -> str:
    more = len(files) - 3
    return ", ".join(files[:3]) + (f" and {more} more files" if more > 0 else "")
