"""The one exception that people are meant to read."""

from __future__ import annotations

from collections.abc import Iterable


class PerennialError(Exception):
    """A fault in what the user gave: what is wrong, where, and a hint how to correct it.

    Examples
    --------
    >>> print(PerennialError("no rows", where="data/raw", hint="run collect"))
    data/raw: no rows
      hint: run collect
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  hint: {self.hint}" if self.hint else head


def listed(breaches: Iterable[str]) -> str:
    """Join several sentences into the indented list that messages use."""
    return "".join(f"\n  - {breach}" for breach in breaches)
