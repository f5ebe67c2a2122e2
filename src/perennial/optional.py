"""Libraries that import pandas where it is installed, and do as well without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any


@contextmanager
def pandas_hidden() -> Iterator[None]:
    """Let an import of pandas fail meanwhile, unless somebody has imported it already.

    scikit-learn's import is so a third of a second shorter, for a process that gives it numpy
    arrays alone.
    """
    if "pandas" in sys.modules:
        yield
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NoPandas(MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
