"""How two versions of an output differ, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: Differences listed of one file.
_SHOWN = 3


def compare(old: Path, new: Path) -> list[str]:
    """Differences between two versions of a file or folder, a few words each."""
    if old.is_dir() and new.is_dir():
        return _folders(old, new)
    if not (old.is_file() and new.is_file()):
        return [f"{'a folder' if old.is_dir() else 'a file'} before, not now"]
    return [] if old.read_bytes() == new.read_bytes() else _files(old, new)


def _files(old: Path, new: Path) -> list[str]:
    try:
        if new.suffix == ".parquet":
            return tables(old, new)
        if new.suffix == ".json":
            return values(_json(old), _json(new))
        return [_texts(old.read_text(encoding="utf-8"), new.read_text(encoding="utf-8"))]
    except (ValueError, pa.ArrowException):
        return [_bytes(old.read_bytes(), new.read_bytes())]


def tables(old: Path, new: Path) -> list[str]:
    """Differences between two Parquet files: columns, rows, values, and else the metadata."""
    before, after = (pq.ParquetFile(path).read() for path in (old, new))
    differences = list(_columns(before.schema, after.schema))
    if len(before) != len(after):
        differences.append(f"rows: {len(before):,} before, {len(after):,} now")
    elif not differences:
        differences = [
            text
            for name in before.column_names
            if (text := _values(name, before[name], after[name]))
        ]
    if not differences and before.schema.metadata != after.schema.metadata:
        differences = ["the schema's metadata; rows and values are the same"]
    return differences or ["how the file is written; rows and values are the same"]


def _columns(before: pa.Schema, after: pa.Schema) -> Iterator[str]:
    old, new = (dict(zip(schema.names, schema.types, strict=True)) for schema in (before, after))
    yield from (f"column {name} is gone" for name in old if name not in new)
    yield from (f"column {name} is new" for name in new if name not in old)
    for name in old:
        if name in new and old[name] != new[name]:
            yield f"column {name}: {old[name]} before, {new[name]} now"
    if list(old) != list(new) and old.keys() == new.keys():
        yield "the order of columns"


def _values(name: str, before: pa.ChunkedArray, after: pa.ChunkedArray) -> str | None:
    if before.equals(after):
        return None
    old, new = before.to_pylist(), after.to_pylist()
    # By repr, NaN equals NaN, and -0.0 is not 0.0.
    rows = [row for row, (a, b) in enumerate(zip(old, new, strict=True)) if repr(a) != repr(b)]
    if not rows:
        return None
    first = rows[0]
    return (
        f"column {name}: {len(rows):,} of {len(old):,} values, first in row {first}: "
        f"{old[first]!r} before, {new[first]!r} now"
    )


def values(old: Any, new: Any) -> list[str]:
    """The first keys in which two JSON values differ, and how many more there are.

    >>> values({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": 2, "c": [1]}})
    ['a.b: 1 before, 2 now', 'a.c[1]: 2 before, absent now']
    """
    keys = list(_differing_keys(old, new, ""))
    more = [f"and {len(keys) - _SHOWN} more values"] if len(keys) > _SHOWN else []
    return keys[:_SHOWN] + more or ["how the file is written; the values are the same"]


_ABSENT = object()


def _differing_keys(old: Any, new: Any, key: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            path = f"{key}.{name}" if key else str(name)
            yield from _differing_keys(old.get(name, _ABSENT), new.get(name, _ABSENT), path)
    elif isinstance(old, list) and isinstance(new, list):
        for place, (a, b) in enumerate(zip_longest(old, new, fillvalue=_ABSENT)):
            yield from _differing_keys(a, b, f"{key}[{place}]")
    elif repr(old) != repr(new):
        yield f"{key or 'it'}: {_shown(old)} before, {_shown(new)} now"


def _shown(value: Any, length: int = 40) -> str:
    text = "absent" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else f"{text[:length]}…"


def _folders(old: Path, new: Path) -> list[str]:
    before, after = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for folder in (old, new)
    )
    differences = [f"{name} is gone" for name in sorted(before - after)]
    differences += [f"{name} is new" for name in sorted(after - before)]
    for name in sorted(before & after):
        differences += [f"{name}: {text}" for text in compare(old / name, new / name)]
    return differences


def _texts(old: str, new: str) -> str:
    pairs = list(zip_longest(old.split("\n"), new.split("\n")))
    lines = [number for number, (a, b) in enumerate(pairs, 1) if a != b]
    before, after = pairs[lines[0] - 1]
    return (
        f"{len(lines):,} of {len(pairs):,} lines, first line {lines[0]}: "
        f"{_shown(before)} before, {_shown(after)} now"
    )


def _bytes(old: bytes, new: bytes) -> str:
    place = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    first = min(len(old), len(new)) if place is None else place
    return f"bytes from {first:,} on; {len(old):,} bytes before, {len(new):,} now"


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
