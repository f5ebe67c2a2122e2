"""Every engine that can run a compiled model: all other code reads its entry here."""

from __future__ import annotations

from dataclasses import dataclass

#: What loads and runs a bundle whose engine needs nothing more.
LIVE = "requirements/live.txt"


@dataclass(frozen=True)
class EngineEntry:
    """Where an engine's code is, and what it needs in production."""

    #: Module and class of its runner; imported when a model needs it, for each has a price.
    module: str
    type: str
    #: Whether the scores of a row are the same to the last bit, whatever rows it comes with.
    is_by_row: bool = False
    #: The file of requirements that is enough to run it.
    requires: str = LIVE
    #: Distributions that its answers depend on; the manifest names their versions.
    packages: tuple[str, ...] = ()
    #: Packages that production otherwise lacks, and that this engine imports there.
    training_imports: frozenset[str] = frozenset()


#: By name. `perennial.learning.compilation.registry` says what compiles for each.
ENGINES: dict[str, EngineEntry] = {
    "treelite": EngineEntry(
        "perennial.model.engines.treelite",
        "TreeliteEngine",
        is_by_row=True,
        packages=("treelite",),
    ),
    "onnx": EngineEntry(
        "perennial.model.engines.onnx",
        "OnnxEngine",
        requires="requirements/live-onnx.txt",
        packages=("onnxruntime", "skl2onnx"),
    ),
    "skops": EngineEntry(
        "perennial.model.engines.skops",
        "SkopsEngine",
        requires="requirements/live-skops.txt",
        packages=("skops",),
        training_imports=frozenset({"joblib", "sklearn"}),
    ),
    # Runs the linear baseline alone.
    "linear": EngineEntry("perennial.model.engines.linear", "LinearEngine"),
}
