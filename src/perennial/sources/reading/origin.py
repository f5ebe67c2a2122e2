"""Where rows come from, for messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from perennial.data.contract import CONTRACT


@dataclass(frozen=True)
class Origin:
    """Where rows come from, for messages."""

    name: str
    """The file, or what else holds the rows."""
    place: Callable[[int], str] = field(default=lambda row: f"row {row + 1}")
    """The place of a row in it, by the row's index."""
    hint: str = f"correct the rows, or the column's type in {CONTRACT}"
    """What to do about a value of the wrong type."""


def clipped(text: str) -> str:
    """Shorten a text of the user's to what fits into a message."""
    return text if len(text) <= 60 else f"{text[:57]}…"
