"""Linear models, run by adding up: no BLAS, so every processor gives the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.decision import sigmoid, softmax
from perennial.runtime import jsonfile

FILE = "linear.json"

Array = NDArray[Any]


class LinearEngine:
    """Coefficients, an intercept and a link: ``sigmoid``, ``softmax`` or ``identity``.

    Coefficients have shape (outputs, features), with one output for a binary task or a regression,
    else one a class.
    """

    def __init__(self, coefficients: Array, intercept: Array, link: str) -> None:
        self._coefficients = coefficients
        self._intercept = intercept
        self._link = link

    @classmethod
    def load(
        cls, files: Mapping[str, bytes], options: dict[str, Any], threads: int = 1
    ) -> LinearEngine:
        """Load what `save` wrote, by file name; it computes with one thread."""
        del threads
        value = jsonfile.loads(files[FILE])
        coefficients, intercept = np.array(value["coefficients"]), np.array(value["intercept"])
        return cls(coefficients, intercept, options["link"])

    def save(self, folder: Path) -> None:
        """Write the coefficients into a folder."""
        value = {
            "coefficients": self._coefficients.tolist(),
            "intercept": self._intercept.tolist(),
        }
        jsonfile.write(folder / FILE, value)

    def scores(self, matrix: Array) -> Array:
        """Score rows: (rows, features) to probabilities (rows, classes) or values (rows,)."""
        margins = np.tile(self._intercept, (len(matrix), 1))
        for place in range(matrix.shape[1]):
            margins += matrix[:, place, np.newaxis] * self._coefficients[:, place]
        return _LINKS[self._link](margins)


def _binary(margins: Array) -> Array:
    positive = sigmoid(margins)
    return np.concatenate([1 - positive, positive], axis=1)


_LINKS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": _binary,
    "softmax": softmax,
    "identity": lambda margins: margins[:, 0],
}
