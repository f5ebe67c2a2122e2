"""A model's whole life in one git repository, on DVC.

>>> import perennial
>>> perennial.open().split("test")                # doctest: +SKIP
>>> perennial.load("models/bundle").predict(rows)  # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

__all__ = ["load", "open"]


def __getattr__(name: str) -> Any:
    # Imported when they are used: the first needs DVC, and the second none of it.
    if name == "open":
        return import_module(".notebook", __name__).open
    if name == "load":
        return import_module(".bundle.bundle", __name__).load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
