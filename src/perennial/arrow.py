"""Arrow, and other libraries that import pandas without need, without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

import pyarrow as pa


def without_pandas() -> None:
    """Keep pyarrow from importing pandas in this process, unless somebody has done so already.

    The first array that pyarrow makes imports pandas where it is installed, only to ask whether
    what it was given is a series; that costs over a second and much memory. It looks once and
    remembers. Afterwards ``to_pandas`` no longer works, so only a process that needs no pandas
    calls this, at its start.
    """
    with pandas_hidden():
        pa.scalar(0)


@contextmanager
def pandas_hidden() -> Iterator[None]:
    """Let an import of pandas fail meanwhile, unless somebody has imported it already.

    scikit-learn imports it where it is installed, and does without it where it is not: a third of
    a second in a process that gives it numpy arrays alone.
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
