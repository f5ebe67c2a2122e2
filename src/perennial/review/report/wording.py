"""Figures in the words of a report."""

from __future__ import annotations


def signed(value: float) -> str:
    """Four decimals and a sign, and never a minus before nought."""
    rounded = round(value, 4)
    return f"{rounded:+.4f}" if rounded else "0.0000"


def p_told(value: float) -> str:
    """A p-value, not more exact than it is."""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
