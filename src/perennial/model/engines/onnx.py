"""ONNX graphs in double precision, run by onnxruntime on the processor.

Why so: docs/decisions.md#d24
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.decision import from_margins

# onnxruntime reports its use to its maker from the moment of its import, unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

FILE = "model.onnx"

#: What goes in and what comes out of the graph.
INPUT, OUTPUT = "matrix", "scores"

#: Rows of one run. Neighbours and kernel machines compare each row with every one that they keep:
#: that many numbers are in memory at once.
BLOCK = 256

Array = NDArray[Any]


class OnnxEngine:
    """A graph from the matrix to what an estimator's method returns.

    The graph is whole: it may not point to other files. The answers do not depend on `threads`.
    """

    def __init__(self, model: bytes, method: str, threads: int = 1) -> None:
        self._model = model
        self._method = method
        try:
            self._session = onnxruntime.InferenceSession(
                model, _options(threads), providers=["CPUExecutionProvider"]
            )
        except _FAULTS as error:
            raise ValueError(f"onnxruntime does not take it: {_first_line(error)}") from None

    @classmethod
    def load(
        cls, files: Mapping[str, bytes], options: dict[str, Any], threads: int = 1
    ) -> OnnxEngine:
        """Load what `save` wrote, by file name; `options` are the compilation's."""
        return cls(files[FILE], options["method"], threads)

    def save(self, folder: Path) -> None:
        """Write the graph into a folder."""
        (folder / FILE).write_bytes(self._model)

    def scores(self, matrix: Array) -> Array:
        """Score rows: (rows, features) to probabilities (rows, classes) or values (rows,)."""
        rows = np.asarray(matrix, dtype=np.float64)
        starts = range(0, max(len(rows), 1), BLOCK)
        outputs = np.concatenate([self._run(rows[start : start + BLOCK]) for start in starts])
        if self._method == "predict":
            return outputs.reshape(len(matrix))
        if self._method == "predict_proba":
            return outputs
        # A binary model's margins come as two columns, of which the second is the positive one.
        return from_margins(outputs[:, 1] if outputs.shape[1] == 2 else outputs)

    def _run(self, rows: Array) -> Array:
        try:
            return np.asarray(self._session.run([OUTPUT], {INPUT: rows})[0], dtype=np.float64)
        except _FAULTS as error:
            raise ValueError(f"onnxruntime fails: {_first_line(error)}") from None


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # What was proved is what runs: no rewriting of the graph by the processor that it meets.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # faults are raised; they need not be printed too
    # A graph may name files that hold its numbers. Below this path there is none.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    return options


# They have no ancestor of their own.
_FAULTS = tuple(
    kind
    for kind in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
