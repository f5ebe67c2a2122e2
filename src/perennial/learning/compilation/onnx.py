"""Compile scikit-learn's estimators to ONNX graphs that compute in double precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import skl2onnx
from numpy.typing import NDArray
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from perennial.data.contract import Task
from perennial.learning.compilation.refusal import Refusal, refuse_without_scores
from perennial.learning.compilation.svm import svm_graph
from perennial.learning.compilation.thresholds import fitted_split_points, splits_of
from perennial.learning.estimators import reason
from perennial.model.engines.onnx import INPUT, OUTPUT, OnnxEngine
from perennial.model.fitted import method_of

Array = NDArray[Any]

#: Versions of the operators' definitions, held so that an upgrade of the packages alone does not
#: change the graphs.
OPERATORS = {"": 21, "ai.onnx.ml": 3}


def refuse(estimator: Any, task: Task) -> None:
    """Refuse, before the fit, what skl2onnx has no converter for."""
    refuse_without_scores(estimator, task)
    _options(estimator, "predict")


def compile_(
    estimator: Any, task: Task, threads: int, trusted: Sequence[str] = ()
) -> tuple[OnnxEngine, dict[str, Any]]:
    """Convert a fitted estimator: the engine, and the options that load it again."""
    del trusted
    method = method_of(estimator, is_regression=task == "regression")
    if not all(np.isfinite(threshold).all() for _, threshold in splits_of(estimator)):
        # It would look for the next threshold for ever.
        raise Refusal("skl2onnx does not know splits that part missing values from the others")
    try:
        graph = _converted(estimator, method)
        engine = OnnxEngine(canonical(graph), method, threads)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001  a converter fails in any way it likes
        raise Refusal(f"skl2onnx does not convert it: {reason(error)}") from None
    return engine, {"method": method}


def _converted(estimator: Any, method: str) -> onnx.ModelProto:
    if type(estimator) in {SVC, NuSVC, SVR, NuSVR} and method != "predict_proba":
        return svm_graph(estimator, OPERATORS)
    columns = [(INPUT, DoubleTensorType([None, estimator.n_features_in_]))]
    options = {id(estimator): _options(estimator, method)} if method != "predict" else None
    return skl2onnx.convert_sklearn(
        estimator, initial_types=columns, options=options, target_opset=OPERATORS
    )


def _options(estimator: Any, method: str) -> dict[str, bool]:
    try:
        converter = get_converter(skl2onnx.get_model_alias(type(estimator)))
    except RuntimeError:
        raise Refusal("skl2onnx has no converter for it") from None
    allowed = converter.get_allowed_options() or {}
    # Plain columns instead of a map by class; margins instead of what they are made into.
    options = {"zipmap": False, "raw_scores": method == "decision_function"}
    return {name: value for name, value in options.items() if name in allowed}


def split_points(engine: OnnxEngine, estimator: Any, features: int) -> list[Array]:
    """Thresholds of the trees, if any, that the fitted estimator holds."""
    del engine
    return fitted_split_points(estimator, features)


def canonical(graph: onnx.ModelProto) -> bytes:
    """Reduce a graph to what computes its last output; the bytes depend on that alone."""
    body = graph.graph
    del body.output[:-1]
    needed, kept = {body.output[0].name}, []
    for node in reversed(body.node):
        if needed & set(node.output):
            needed |= set(_read_by(node))
            kept.append(node)
    numbers = [each for each in body.initializer if each.name in needed]
    _replace(body.node, kept[::-1])
    _replace(body.initializer, numbers)
    _replace(graph.opset_import, sorted(graph.opset_import, key=lambda each: each.domain))
    _rename(body, {"": "", INPUT: INPUT, body.output[0].name: OUTPUT})
    for field in ("producer_name", "producer_version", "domain", "doc_string", "metadata_props"):
        graph.ClearField(field)
    return bytes(graph.SerializeToString(deterministic=True))


def _rename(body: onnx.GraphProto, names: dict[str, str]) -> None:
    # skl2onnx counts some of its names on from one graph to the next.
    def new(old: str) -> str:
        return names.setdefault(old, f"v{len(names)}")

    body.name = "model"
    for place in (*body.input, *body.initializer):
        place.name = new(place.name)
    for node in body.node:
        node.name = ""
        node.input[:] = map(new, node.input)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _rename(attribute.g, names)
        node.output[:] = map(new, node.output)
    for place in (*body.output, *body.value_info):
        place.name = new(place.name)


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        # The body of a loop reads names defined around it.
        for inner in attribute.g.node:
            yield from _read_by(inner)


def _replace(items: Any, kept: Iterable[Any]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in kept]
    del items[:]
    items.extend(copies)
