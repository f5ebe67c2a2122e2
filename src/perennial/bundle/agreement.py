"""What a manifest says of the model, against what the model's own program says.

The digests prove that the files are those of the manifest, and whoever can write both can write
digests. A service reads the manifest for its types and its documentation: one that contradicts the
model would have it answer under wrong names.

Why so: docs/decisions.md#d83
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perennial.bundle.manifest import MANIFEST, BundleError, shown
from perennial.model.compiled import FILE
from perennial.runtime import jsonfile

#: Classes that a task has: at least and at most.
_CLASSES = {"binary": (2, 2), "multiclass": (3, float("inf")), "regression": (0, 0)}


def check(manifest: Mapping[str, Any], program: Mapping[str, Any]) -> None:
    """Refuse with a `BundleError` a manifest that says other things than `program.json`."""
    for key, stated, own in _pairs(manifest, program):
        # As JSON: Python takes false for 0.
        if jsonfile.dumps(stated) != jsonfile.dumps(own):
            raise BundleError(
                f"{MANIFEST} contradicts {FILE}: {key} is {_text(stated)} in the one and "
                f"{_text(own)} in the other"
            )
    task, classes = manifest["task"], program["decision"]["classes"]
    least, most = _CLASSES[task]
    if not least <= len(classes) <= most:
        raise BundleError(
            f"{MANIFEST} contradicts {FILE}: task is {task} in the one, and the other has the "
            f"classes {_text(classes)}"
        )


def _pairs(
    manifest: Mapping[str, Any], program: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    steps, types = program["program"]["steps"], program["program"]["types"]
    features, columns = manifest["features"], manifest["columns"]
    # The order is that of requests, of the steps, and of the matrix.
    yield "features", features, [step["column"] for step in steps]
    for name in features:
        yield f"the type of {shown(name)}", columns[name]["type"], types.get(name)
    for key in ("classes", "threshold"):
        yield key, manifest[key], program["decision"][key]
    yield "engine", manifest["engine"], program["engine"]["name"]
    for key in sorted({"types", "trusted"} & manifest.keys()):
        yield key, manifest[key], program["engine"]["options"].get(key)


def _text(value: Any) -> str:
    return shown(jsonfile.dumps(value).replace("\n", "").replace("  ", ""), 300)
