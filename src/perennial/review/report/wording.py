"""Figures and lists in the words of a report."""

from __future__ import annotations

from collections.abc import Sequence


def signed(value: float) -> str:
    """Four decimals and a sign, and no minus before zero."""
    rounded = round(value, 4)
    return f"{rounded:+.4f}" if rounded else "0.0000"


def p_text(value: float) -> str:
    """A p-value, not more exact than it is."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def few(names: Sequence[str], shown: int = 3) -> str:
    """The first names of a list, and how many more there are.

    >>> few(["a.py", "b.py", "c.py", "d.py"])
    'a.py, b.py, c.py and 1 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
