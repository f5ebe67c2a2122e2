"""joblib files that are the same, byte for byte, whoever writes them."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
from joblib.numpy_pickle import NumpyPickler

#: Pickle protocol; the newest that all Pythons of the lock share.
PROTOCOL = 5


class _CanonicalPickler(NumpyPickler):  # type: ignore[misc]
    """A joblib pickler whose output depends on values alone.

    Pickle writes an object once and refers back to it when it meets *the same object* again. Which
    equal strings, tuples and types are one object differs between Pythons and between runs, so they
    are made one here. What can be changed, like a list or an array, stays what it is.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._first: dict[Hashable, Any] = {}

    def save(self, obj: Any) -> Any:
        if isinstance(obj, str | bytes | tuple | np.dtype):
            # What is kept here is alive, so no other object can have the identity in its key.
            obj = self._first.setdefault(_value(obj), obj)
        return super().save(obj)


def _value(obj: Any) -> Hashable:
    if type(obj) is tuple:
        return (tuple, *map(_value, obj))
    if isinstance(obj, np.dtype):
        return (np.dtype, repr(obj), id(obj.metadata))
    # The text of a number tells 1 from 1.0 and 0.0 from -0.0, which equality does not.
    if type(obj) in {bool, float, int}:
        return (type(obj), repr(obj))
    return (type(obj), obj) if type(obj) in {bytes, str} else (object, id(obj))


def dump(value: Any, path: Path) -> None:
    """Write what `joblib.load` reads, uncompressed, so that arrays can be memory-mapped."""
    with path.open("wb") as file:
        _CanonicalPickler(file).dump(value)
