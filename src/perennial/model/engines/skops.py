"""Estimators run by their own code, loaded by skops: for `score`, not for a service.

skops builds objects of the types that a file names. It trusts scikit-learn's estimators and numpy's
types; all others a person has to confirm. Here a file may hold no type but those that were in it
when it was compiled, trusted by skops or not.

Why so: docs/decisions.md#d26
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import skops.io
from numpy.typing import NDArray
from skops.io.exceptions import UntrustedTypesFoundException
from threadpoolctl import ThreadpoolController

from perennial.model.fitted import scores_of

FILE = "model.skops"
SCHEMA = "schema.json"

Array = NDArray[Any]


class SkopsEngine:
    """An estimator in a skops file, and the method of it to call.

    `types` are all that the file may name; `trusted` those of them that skops does not trust by
    itself, and a person confirmed. The answers do not depend on `threads`.
    """

    def __init__(
        self, model: bytes, method: str, types: list[str], trusted: list[str], threads: int = 1
    ) -> None:
        unknown = sorted(set(types_in(model)) - set(types))
        if unknown:
            raise ValueError(f"it holds types that were not in it: {', '.join(unknown)}")
        self._model = model
        self._method = method
        try:
            self._estimator = skops.io.loads(model, trusted=trusted)
        except UntrustedTypesFoundException as error:
            raise ValueError(f"skops does not load it: {error}") from None
        self._threads = threads
        self._pools = ThreadpoolController()

    @classmethod
    def load(
        cls, files: Mapping[str, bytes], options: dict[str, Any], threads: int = 1
    ) -> SkopsEngine:
        """Load what `save` wrote, by file name; `options` are the compilation's."""
        model, method = files[FILE], options["method"]
        return cls(model, method, options["types"], options["trusted"], threads)

    def save(self, folder: Path) -> None:
        """Write the file into a folder."""
        (folder / FILE).write_bytes(self._model)

    def scores(self, matrix: Array) -> Array:
        """Score rows: (rows, features) to probabilities (rows, classes) or values (rows,)."""
        with self._pools.limit(limits=self._threads):
            return scores_of(self._estimator, self._method, matrix)


def types_in(model: bytes) -> list[str]:
    """Dotted names, sorted, of all that a skops file would have skops import; it builds nothing."""
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        schema = json.loads(archive.read(SCHEMA))
    return sorted({f"{node['__module__']}.{node['__class__']}" for node in _nodes(schema)})


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "__class__" in value:
            yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)
