"""JSON written the same way every time: sorted keys, fixed floats, one trailing newline."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

#: Decimals that metrics keep. Past them a CPU's own rounding starts to show.
DECIMALS = 6


def rounded(value: Any, decimals: int = DECIMALS) -> Any:
    """Round every float inside a JSON value, and turn ``-0.0`` into ``0.0``.

    Parameters
    ----------
    value : object
        Anything that JSON can hold.
    decimals : int
        Decimals to keep.

    Returns
    -------
    object
        The value with its floats rounded.

    Raises
    ------
    ValueError
        If a float is NaN or infinite: a figure that could not be computed is an error.
    """
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
    """Serialise a JSON value canonically.

    Parameters
    ----------
    value : object
        Anything that JSON can hold; floats are written in full.

    Returns
    -------
    str
        Text that ends in a newline.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def write(path: Path, value: Any, *, decimals: int | None = None) -> None:
    """Write a JSON value canonically.

    Parameters
    ----------
    path : Path
        The file to write.
    value : object
        Anything that JSON can hold.
    decimals : int, optional
        Round floats to so many decimals first; in full by default.
    """
    value = value if decimals is None else rounded(value, decimals)
    path.write_text(dumps(value), encoding="utf-8", newline="\n")


def read(path: Path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
        The file to read.

    Returns
    -------
    object
        Its value.
    """
    return loads(path.read_bytes())


def loads(content: bytes) -> Any:
    """Read the content of a JSON file.

    Parameters
    ----------
    content : bytes
        UTF-8.

    Returns
    -------
    object
        Its value.

    Raises
    ------
    ValueError
        If it is not JSON as RFC 8259 has it, names a key twice, or nests more deeply than Python
        can follow.
    """
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
