"""Graphs of kernel machines, in double precision: skl2onnx's are in single precision, or fail.

Why so: docs/decisions.md#d19
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from perennial.learning.compilation.refusal import Refusal
from perennial.model.engines.onnx import INPUT, OUTPUT

Array = NDArray[Any]


class _Graph:
    """A graph's operators, in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.numbers: list[TensorProto] = []

    def number(self, value: Any) -> str:
        name = f"c{len(self.numbers)}"
        self.numbers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def __call__(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def affine(self, value: str, scale: float, offset: float) -> str:
        return self("Add", self("Mul", value, self.number(scale)), self.number(offset))


def svm_graph(estimator: Any, operators: dict[str, int]) -> onnx.ModelProto:
    """Write a fitted SVC, NuSVC, SVR or NuSVR as a graph.

    Its output is the decision function, shape (rows, 1 or classes), or values, shape (rows, 1).
    """
    graph = _Graph()
    kernel = _KERNELS.get(estimator.kernel) if isinstance(estimator.kernel, str) else None
    if kernel is None:
        raise Refusal(f"no graph has the kernel {estimator.kernel}")
    dot = graph("MatMul", INPUT, graph.number(estimator.support_vectors_.T.copy()))
    values = kernel(graph, dot, estimator)
    count = len(getattr(estimator, "classes_", ()))
    weights = _by_pair(estimator) if count > 2 else estimator.dual_coef_
    margins = graph(
        "Add",
        graph("MatMul", values, graph.number(weights.T.copy())),
        graph.number(estimator.intercept_),
    )
    if count > 2:
        margins = _by_class(graph, margins, count)
    return _model(graph, margins, estimator.n_features_in_, count, operators)


def _rbf(graph: _Graph, dot: str, machine: Any) -> str:
    rows = graph("ReduceSumSquare", INPUT, graph.number(np.array([1])), keepdims=1)
    vectors = graph.number((machine.support_vectors_**2).sum(axis=1))
    twice = graph("Mul", dot, graph.number(2.0))
    apart = graph("Sub", graph("Add", rows, vectors), twice)
    # Rounding may leave a square below zero.
    return graph("Exp", graph("Mul", graph("Relu", apart), graph.number(-machine._gamma)))


def _poly(graph: _Graph, dot: str, machine: Any) -> str:
    inside = graph.affine(dot, machine._gamma, machine.coef0)
    return graph("Pow", inside, graph.number(float(machine.degree)))


def _tanh(graph: _Graph, dot: str, machine: Any) -> str:
    return graph("Tanh", graph.affine(dot, machine._gamma, machine.coef0))


_KERNELS: dict[str, Callable[[_Graph, str, Any], str]] = {
    "linear": lambda graph, dot, machine: dot,
    "poly": _poly,
    "rbf": _rbf,
    "sigmoid": _tanh,
}


def _by_pair(machine: Any) -> Array:
    # Each pair of classes weighs the vectors of its two, as libsvm lays them out.
    ends = np.cumsum([0, *machine.n_support_])
    of_class = [slice(start, end) for start, end in pairwise(ends)]
    weights = []
    for low, high in combinations(range(len(of_class)), 2):
        pair = np.zeros(machine.dual_coef_.shape[1])
        pair[of_class[low]] = machine.dual_coef_[high - 1, of_class[low]]
        pair[of_class[high]] = machine.dual_coef_[low, of_class[high]]
        weights.append(pair)
    return np.array(weights)


def _by_class(graph: _Graph, margins: str, count: int) -> str:
    # Votes of the pairs, ties parted by how sure they are: scikit-learn's _ovr_decision_function.
    pairs = np.array(list(combinations(range(count), 2)))
    low, high = np.eye(count)[pairs[:, 0]], np.eye(count)[pairs[:, 1]]
    is_high = graph("Less", margins, graph.number(0.0))
    is_high = graph("Cast", is_high, to=TensorProto.DOUBLE)
    won = graph("MatMul", is_high, graph.number(high - low))
    votes = graph("Add", won, graph.number(low.sum(axis=0)))
    sure = graph("MatMul", margins, graph.number(low - high))
    size = graph.affine(graph("Abs", sure), 3.0, 3.0)
    return graph("Add", votes, graph("Div", sure, size))


def _model(
    graph: _Graph, scores: str, width: int, count: int, operators: dict[str, int]
) -> onnx.ModelProto:
    outputs = count if count > 2 else 1
    graph.nodes.append(helper.make_node("Identity", [scores], [OUTPUT]))
    body = helper.make_graph(
        graph.nodes,
        "model",
        [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, outputs])],
        graph.numbers,
    )
    versions = [helper.make_opsetid("", operators[""])]
    return helper.make_model(body, opset_imports=versions, ir_version=10)
