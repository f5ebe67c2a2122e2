"""Trees, run by tables of bits where their form allows, else by treelite's interpreter.

Why so: docs/decisions.md#d22
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

from perennial.model.bitvectors import BitVectors, UnsupportedTreesError
from perennial.model.decision import sigmoid, softmax
from perennial.runtime.threads import cores, thread_count

FILE = "model.tl"

#: Fewer rows than this are sooner answered by the interpreter. Changes no result.
MANY = 8

Array = NDArray[Any]


class TreeliteEngine:
    """A forest or gradient boosted trees in treelite's own format, and a link of `_LINKS`.

    The answers do not depend on `threads`.
    """

    def __init__(self, model: treelite.Model, link: str, threads: int = 1) -> None:
        self.model = model
        self._link = link
        # treelite refuses more threads than there are cores, or than OpenMP may start.
        self._threads = min(threads, cores(), thread_count())

    @classmethod
    def load(
        cls, files: Mapping[str, bytes], options: dict[str, Any], threads: int = 1
    ) -> TreeliteEngine:
        """Load what `save` wrote, by file name; `options` are the compilation's."""
        return cls(treelite.Model.deserialize_bytes(files[FILE]), options["link"], threads)

    def save(self, folder: Path) -> None:
        """Write the trees into a folder."""
        # Written by Python, whose errors say what is wrong with a disk.
        (folder / FILE).write_bytes(self.model.serialize_bytes())

    def scores(self, matrix: Array) -> Array:
        """Score rows: (rows, features) to probabilities (rows, classes) or values (rows,)."""
        # treelite computes in its own input type; the cast to float32 has rounded already.
        matrix = matrix.astype(self.model.input_type, copy=False)
        tables = self._tables if len(matrix) >= MANY else None
        margins = self._interpreted(matrix) if tables is None else tables.margins(matrix)
        return _LINKS[self._link](margins.astype(np.float64))

    @cached_property
    def _tables(self) -> BitVectors | None:
        try:
            return BitVectors(self.model)
        except UnsupportedTreesError:
            return None

    def _interpreted(self, matrix: Array) -> Array:
        margins = treelite.gtil.predict(self.model, matrix, nthread=self._threads, pred_margin=True)
        return margins.reshape(len(matrix), int(np.prod(margins.shape[1:])))


def _binary(positive: Array) -> Array:
    return np.concatenate([1 - positive, positive], axis=1)


_LINKS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda margins: _binary(sigmoid(margins)),
    "logistic": lambda margins: sigmoid(margins[:, 0]),
    "softmax": softmax,
    "exponential": lambda margins: np.exp(margins[:, 0]),
    "identity": lambda margins: margins[:, 0],
    "probability": lambda margins: _binary(margins) if margins.shape[1] == 1 else margins,
}
