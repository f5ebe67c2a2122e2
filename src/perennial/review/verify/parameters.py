"""Every parameter is known, of the right type, and makes a stage run again when it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from perennial.data.agreement import refuse_faults
from perennial.params import yamlfile
from perennial.params.build import OTHERS, PARAMS
from perennial.review.params.compare import compare_params
from perennial.review.params.gate import gate_params
from perennial.review.revision.checkout import Checkout
from perennial.runtime.checks import Finding
from perennial.runtime.errors import PerennialError


def find_wrong_parameters(checkout: Checkout) -> list[Finding]:
    """What the model of `params.yaml` refuses, undeclared values, and declared keys without one."""
    path = checkout.root / PARAMS
    refused = list(_refused(checkout.root))
    if refused:
        return refused
    declared = {
        (stage.name, key) for stage in checkout.stages for key in stage.params.get(PARAMS.name, [])
    }
    # No stage reads the others, so none has to run when they change.
    values = {key: value for key, value in yamlfile.load(path).items() if key not in OTHERS}
    return [
        *(Finding(key, "no stage declares it: a change would run nothing")
          for key in unused(values, {key for _, key in declared})),
        *(Finding(f"{stage}: {key}", "the stage declares it, and it has no value")
          for stage, key in sorted(declared) if not _has(values, key)),
    ]  # fmt: skip


def _refused(root: Path) -> Iterator[Finding]:
    """What is wrong in any section, in those that no stage reads too."""
    path = root / PARAMS
    checks = (lambda: refuse_faults(root), lambda: compare_params(path), lambda: gate_params(path))
    for check in checks:
        try:
            check()
        except PerennialError as error:
            yield Finding(PARAMS.name, error.what)


def unused(values: dict[str, Any], declared: Iterable[str]) -> list[str]:
    """Keys of `params.yaml`, with dots, that no stage declares, alone or in a section.

    >>> unused({"train": {"seed": 0, "params": {"max_iter": 9}}}, ["train.params"])
    ['train.seed']
    """
    known = list(declared)
    return [
        key
        for key in _leaves(values)
        if not any(key == name or key.startswith(f"{name}.") for name in known)
    ]


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key


def _has(values: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True
