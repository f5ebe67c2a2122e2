"""Compile any estimator that skops can write: a file that is the same whoever writes it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import skops.io
from numpy.typing import NDArray
from skops.io.exceptions import UnsupportedTypeException

from perennial.data.contract import Task
from perennial.learning.compilation.refusal import Refusal, refuse_without_scores
from perennial.learning.compilation.thresholds import fitted_split_points
from perennial.learning.estimators import family, reason
from perennial.model.engines.skops import SCHEMA, SkopsEngine, types_in
from perennial.model.fitted import method_of

Array = NDArray[Any]

#: Libraries whose models are not Python objects.
_NOT_PYTHON = ("lightgbm", "xgboost")

#: Nodes of values that cannot be changed, which need not be one object to be equal. Which of them
#: are one differs between Pythons.
_VALUES = {"DTypeNode", "FunctionNode", "JsonNode", "SliceNode", "TupleNode", "TypeNode"}


def refuse(estimator: Any, task: Task) -> None:
    """Refuse, before the fit, what skops could not write."""
    refuse_without_scores(estimator, task)
    if family(estimator)[0] in _NOT_PYTHON:
        raise Refusal("its trees are no Python objects, so skops does not write them")


def compile_(
    estimator: Any, task: Task, threads: int, trusted: Sequence[str] = ()
) -> tuple[SkopsEngine, dict[str, Any]]:
    """Write a fitted estimator with skops: the engine, and the options that load it again.

    Among these are the types in use, and those that a person had to confirm.
    """
    try:
        model = canonical(skops.io.dumps(estimator))
    except (AttributeError, TypeError, ValueError, UnsupportedTypeException) as error:
        raise Refusal(f"skops does not write it: {reason(error)}") from None
    untrusted = skops.io.get_untrusted_types(data=model)
    unconfirmed = [name for name in untrusted if name not in trusted]
    if unconfirmed:
        raise Refusal(
            f"nobody has confirmed {', '.join(unconfirmed)}",
            hint="skops builds objects of these types when the model is loaded; if you trust them, "
            f"set train.trusted: [{', '.join(untrusted)}]",
        )
    options = {
        "method": method_of(estimator, is_regression=task == "regression"),
        "types": types_in(model),
        "trusted": untrusted,
    }
    return SkopsEngine(model, **options, threads=threads), options


def split_points(engine: SkopsEngine, estimator: Any, features: int) -> list[Array]:
    """Thresholds of the trees, if any, that the fitted estimator holds."""
    del engine
    return fitted_split_points(estimator, features)


def canonical(model: bytes) -> bytes:
    """Rewrite a skops file so that it depends on the estimator alone.

    Objects, which skops distinguishes by their place in memory, are numbered as they occur. Files
    of numbers are named by their content, sets are sorted, and the archive holds no time.
    """
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents.pop(SCHEMA))
    files = {}
    names = {}
    for name, data in contents.items():
        data = _archive(_members(data)) if name.endswith(".npz") else data
        names[name] = f"{hashlib.sha256(data).hexdigest()}.{name.rpartition('.')[2]}"
        files[names[name]] = data
    _forget_places(schema)
    _name_files(schema, names)
    _sort_sets(schema)
    files[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return _archive(dict(sorted(files.items())))


def _forget_places(schema: dict[str, Any]) -> None:
    numbers: dict[int, int] = {}
    for node in _nodes(schema):
        place = node.pop("__id__", None)
        if place is not None and node["__loader__"] not in _VALUES:
            node["__id__"] = numbers.setdefault(place, len(numbers) + 1)


def _name_files(schema: dict[str, Any], names: dict[str, str]) -> None:
    for node in _nodes(schema):
        if "file" in node:
            node["file"] = names[node["file"]]


def _sort_sets(schema: dict[str, Any]) -> None:
    for node in _nodes(schema):
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=json.dumps)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    # Outer nodes first, in the order in which skops reads them.
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in sorted(opened.namelist())}


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # of 1980, where a zip file's time begins
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
