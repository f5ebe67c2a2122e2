"""JSON written the same way every time: sorted keys, fixed floats, one trailing newline."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

#: Decimals that metrics keep. Past them a CPU's own rounding starts to show.
DECIMALS = 6


def rounded(value: Any, decimals: int = DECIMALS) -> Any:
    """Round every float inside a JSON value; -0.0 becomes 0.0, and NaN or infinity a ValueError."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a figure that JSON can hold")
        return round(value, decimals) + 0.0
    if isinstance(value, dict):
        return {key: rounded(item, decimals) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, decimals) for item in value]
    return value


def dumps(value: Any) -> str:
    """Serialise a JSON value canonically, floats in full, with a newline at the end."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def write(path: Path, value: Any, *, decimals: int | None = None) -> None:
    """Write a JSON value canonically, its floats rounded where `decimals` is given."""
    value = value if decimals is None else rounded(value, decimals)
    path.write_text(dumps(value), encoding="utf-8", newline="\n")


def read(path: Path) -> Any:
    """Read a JSON file."""
    return loads(path.read_bytes())


def loads(content: bytes) -> Any:
    """Read UTF-8 JSON; a ValueError if it breaks RFC 8259, repeats a key or nests too deeply."""
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
