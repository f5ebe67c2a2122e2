"""Every section that the build reads, checked together.

A stage computes with its own section and checks all of them, so that a mistake in `evaluate:` is
reported before an hour of training, not after.

Why so: docs/decisions.md#d3
"""

from __future__ import annotations

from pathlib import Path

from perennial.params import paths
from perennial.params.collect import Collect
from perennial.params.evaluate import Evaluate
from perennial.params.export import Export
from perennial.params.prepare import Prepare
from perennial.params.train import Train
from perennial.params.yamlfile import Closed, load, parse

PARAMS = paths.PARAMS

#: Sections that no stage reads. No stage imports their models, so that changing them reruns
#: nothing.
OTHERS = frozenset({"compare", "gate"})


class BuildParams(Closed):
    """The parameters of the pipeline: `params.yaml`."""

    collect: Collect = Collect()
    """Where raw rows come from."""
    prepare: Prepare = Prepare()
    """How raw rows become train, validation and test."""
    train: Train = Train()
    """Which model, fitted how."""
    evaluate: Evaluate = Evaluate()
    """What is measured."""
    export: Export = Export()
    """What the bundle carries."""


def read_params(path: Path = PARAMS) -> BuildParams:
    """Read `params.yaml`; the `PerennialError` lists every wrong key, type and value."""
    sections = {name: value for name, value in load(path).items() if name not in OTHERS}
    return parse(BuildParams, sections, where=str(path))
