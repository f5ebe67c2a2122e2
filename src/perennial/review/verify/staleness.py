"""`dvc.lock` describes this very checkout.

Why so: docs/decisions.md#d44
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from perennial.params import yamlfile
from perennial.review.report.wording import few
from perennial.review.revision.changed_files import changed_files
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.pipeline import Stage, lies_in
from perennial.review.verify.differences import values
from perennial.runtime.checks import Finding
from perennial.runtime.errors import PerennialError

#: DVC's words for a file that is merely not here, as in a fresh clone.
_ABSENT = ("deleted", "not in cache")

FROZEN = "it is frozen, so that DVC looks at none of its inputs: dvc unfreeze"


def find_stale(checkout: Checkout) -> list[Finding]:
    """Stages that are not as `dvc.lock` describes them, in the order in which they run.

    An output that is not here is no finding, nor is what depends on it: `dvc pull` brings it back.
    """
    with chdir(checkout.root):
        status = checkout.repo.status()
    stages = checkout.stages
    # A changed output is reported by the stage that makes it; of an absent one nothing is known.
    reported = {out.path for stage in stages for out in stage.outs}
    absent = {path for stage in stages if stage.is_source for path in _absent(status, stage)}
    reported |= {dep.path for stage in stages for dep in stage.deps
                 if any(lies_in(path, dep.path) for path in absent)}  # fmt: skip
    return [
        Finding(stage.name, what)
        for stage in stages
        for what in (
            *_changes(status.get(stage.name, []), reported, stage, checkout),
            *_inconsistent(stage, stages),
            *(FROZEN for _ in range(stage.is_frozen)),
        )
    ]


def _absent(status: dict[str, Any], stage: Stage) -> Iterator[str]:
    for entry in status.get(stage.name, []):
        for path, change in entry.get("changed outs", {}).items():
            if change in _ABSENT:
                yield path


def _changes(
    entries: Iterable[Any], reported: set[str], stage: Stage, checkout: Checkout
) -> Iterator[str]:
    for entry in entries:
        if not isinstance(entry, dict):
            yield str(entry)
            continue
        for path, change in entry.get("changed outs", {}).items():
            if change not in _ABSENT:
                yield f"{path} is {change}"
        for path, change in entry.get("changed deps", {}).items():
            if isinstance(change, dict):
                yield from _parameters(path, change, stage.params.get(path, {}), checkout.root)
            elif path not in reported:
                yield f"{path} is {change}{_files(checkout, stage, path)}"


def _files(checkout: Checkout, stage: Stage, path: str) -> str:
    """The changed files of a folder, in brackets."""
    names = [name for dep in stage.deps if dep.path == path
             for name in changed_files(checkout, dep)]  # fmt: skip
    return f" ({few(names, shown=5)})" if names else ""


def _parameters(
    path: str, changes: dict[str, str], recorded: dict[str, Any], root: Path
) -> Iterator[str]:
    for key, how in changes.items():
        value = _value(root / path, key) if how == "modified" else None
        if value is None:
            yield f"{path}: {key} is {how}"
        else:
            yield from (f"{path}: {text}" for text in values({key: recorded[key]}, {key: value}))


def _value(path: Path, key: str) -> Any:
    try:
        value: Any = yamlfile.load(path)
    except PerennialError:
        return None
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _inconsistent(stage: Stage, stages: Iterable[Stage]) -> Iterator[str]:
    """Inputs that are recorded with another hash than where they were made.

    New data that are only added leave that behind, and so may a merge of two branches by hand.
    """
    makers = {out.path: (out.oid, other) for other in stages for out in other.outs}
    for dep in stage.deps:
        oid, maker = makers.get(dep.path, (None, stage))
        if oid is not None and dep.oid is not None and oid != dep.oid:
            yield (
                f"{dep.path} is modified"
                if maker.is_source
                else f"it used another {dep.path} than {maker.name} made"
            )
