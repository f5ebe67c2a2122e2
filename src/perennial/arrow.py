"""Arrow without pandas."""

from __future__ import annotations

import sys
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
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(finder)


class _NoPandas(MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
