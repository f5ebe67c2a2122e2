"""Tell people how far long work is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Progress through a known number of steps.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        Number of steps.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            desc=title,
            disable=not self._is_terminal,
            leave=False,
            bar_format="{desc} {bar} {n_fmt}/{total_fmt} {postfix}",
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def begin(self, step: str) -> None:
        """Say which step begins."""
        if self._is_terminal:
            self._bar.set_postfix_str(step)
        else:
            print(f"{self._title}: {step}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Say that a step has ended."""
        self._bar.update()
