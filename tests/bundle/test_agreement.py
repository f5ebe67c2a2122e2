"""A manifest that contradicts the model's program is refused, however well it was forged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.bundle import manifest as manifests
from perennial.bundle.bundle import BundleError, load
from perennial.runtime import jsonfile

GOLDEN = Path(__file__).parents[1] / "golden/format-1"


def forged(folder: Path, golden: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A bundle with a changed manifest, whose digests are right."""
    target = folder / "bundle"
    shutil.copytree(GOLDEN / golden, target)
    described = jsonfile.read(target / "manifest.json")
    change(described)
    manifests.write(target, described)
    return target


def retype(name: str, kind: str) -> Callable[[dict[str, Any]], None]:
    return lambda described: described["columns"][name].update(type=kind)


FORGERIES: dict[str, tuple[str, Callable[[dict[str, Any]], None], str]] = {
    "order": ("iris", lambda each: each["features"].reverse(), 'features is ["petal_width",'),
    "one less": ("iris", lambda each: each["features"].pop(), "features is "),
    "one more": ("iris", lambda each: each["features"].append("species"), "features is "),
    "twice": ("iris", lambda each: each["features"].append("petal_width"), "features is "),
    "type": ("iris", retype("petal_width", "text"), 'the type of petal_width is "text" in the one'),
    "quantity": ("cancer", retype("parity", "number"), 'the type of parity is "number"'),
    "classes": ("iris", lambda each: each["classes"].reverse(), 'classes is ["virginica",'),
    "fewer classes": ("iris", lambda each: each["classes"].pop(), "classes is "),
    "threshold": ("cancer", lambda each: each.update(threshold=0.1), "threshold is 0.1 in the one"),
    "no threshold": ("cancer", lambda each: each.update(threshold=None), "threshold is null"),
    "engine": ("iris", lambda each: each.update(engine="onnx"), 'engine is "onnx" in the one and'),
    "task": ("iris", lambda each: each.update(task="binary"), "task is binary in the one"),
    "values": ("iris", lambda each: each.update(task="regression"), "task is regression"),
    "types": ("iris", lambda each: each.update(types=["os.system"]), 'types is ["os.system"] in'),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_the_contradiction_is_named(forgery: str, tmp_path: Path) -> None:
    golden, change, message = FORGERIES[forgery]
    folder = forged(tmp_path, golden, change)
    with pytest.raises(BundleError) as refused:
        load(folder)
    assert "manifest.json contradicts program.json: " in str(refused.value)
    assert message in str(refused.value)


def test_what_does_not_concern_the_model_may_be_written_anew(tmp_path: Path) -> None:
    load(forged(tmp_path, "cancer", lambda each: each.update(description="another")))


@pytest.mark.parametrize("program", ["[]", "{}", '{"program": 3}', '{"engine": {"options": 1}}'])
def test_a_program_that_is_none_is_refused(tmp_path: Path, program: str) -> None:
    folder = forged(tmp_path, "iris", lambda each: None)
    (folder / "compiled/program.json").write_text(program)
    manifests.write(folder, jsonfile.read(folder / "manifest.json"))
    with pytest.raises(BundleError, match="not a compiled model"):
        load(folder)
