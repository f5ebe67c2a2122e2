"""Progress through long work: one line rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

_CLEAR = "\r\x1b[K"


class Progress:
    """Progress through a known number of steps, reported on standard error."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._step = ""
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_terminal:
            print(_CLEAR, end="", file=sys.stderr, flush=True)

    def begin(self, step: str) -> None:
        """Report which step begins."""
        self._step = step
        if self._is_terminal:
            self._rewrite()
        else:
            print(f"{self._title}: {step}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Count a step as done."""
        self._done += 1
        if self._is_terminal:
            self._rewrite()

    def _rewrite(self) -> None:
        line = f"{_CLEAR}{self._title} {self._done}/{self._total}: {self._step}"
        print(line, end="", file=sys.stderr, flush=True)
