"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import Conformed, from_values
from perennial.sources.reading.encoding import decoded
from perennial.sources.reading.origin import Origin


def read(content: bytes, name: str, contract: Contract, _: Csv) -> Conformed:
    """Read the content of a file of JSON Lines."""
    columns, lines = _columns(content, name)
    return from_values(columns, contract, Origin(name, lambda row: f"line {lines[row]}"))


def _columns(content: bytes, name: str) -> tuple[dict[str, list[Any]], list[int]]:
    text = decoded(content, name, "utf-8", hint="write JSON Lines in UTF-8")
    rows, lines = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(line, f"{name}, line {number}"))
            lines.append(number)
    if not rows:
        raise PerennialError("it has no rows", where=name, hint="fetch it again, or remove it")
    names = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key) for row in rows] for key in names}, lines


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_keys_once, parse_constant=_no_constant)
    except ValueError as error:
        raise PerennialError(
            f"not valid JSON: {error}", where=where, hint="write one JSON object a line"
        ) from None
    if not isinstance(row, dict):
        raise PerennialError(
            f"expected an object with a key for each column, not {line.strip()[:40]}",
            where=where,
            hint="write one JSON object a line",
        )
    return row


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        raise ValueError(f"repeated keys: {', '.join(repeated)}")
    return row


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON; a missing value is null")
