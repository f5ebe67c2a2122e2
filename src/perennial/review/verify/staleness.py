"""`dvc.lock` describes this very checkout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from perennial.params import yamlfile
from perennial.review.revision.checkout import Checkout, Stage, lies_in
from perennial.review.verify.contents import values
from perennial.review.verify.definition import Finding
from perennial.runtime.errors import PerennialError

#: What DVC says of a file that is merely not here, as in a fresh clone.
_ABSENT = ("deleted", "not in cache")

FROZEN = "it is frozen, so that DVC looks at none of its inputs: dvc unfreeze"


def find_stale(checkout: Checkout) -> list[Finding]:
    """Look for stages that `dvc.lock` describes otherwise than they are."""
    with chdir(checkout.root):
        status = checkout.repo.status()
    stages = checkout.stages
    # Of a changed input, the stage that made it tells; of one that is not here, nobody can.
    told_elsewhere = {out.path for stage in stages for out in stage.outs}
    gone = {path for stage in stages if stage.is_source for path in _absent(status, stage)}
    told_elsewhere |= {dep.path for stage in stages for dep in stage.deps
                       if any(lies_in(path, dep.path) for path in gone)}  # fmt: skip
    return [
        Finding(stage.name, what)
        for stage in stages
        for what in (
            *_changes(status.get(stage.name, []), told_elsewhere, stage, checkout.root),
            *_torn(stage, stages),
            *(FROZEN for _ in range(stage.is_frozen)),
        )
    ]


def _absent(status: dict[str, Any], stage: Stage) -> Iterator[str]:
    for entry in status.get(stage.name, []):
        for path, change in entry.get("changed outs", {}).items():
            if change in _ABSENT:
                yield path


def _changes(
    entries: Iterable[Any], told_elsewhere: set[str], stage: Stage, root: Path
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
                yield from _parameters(path, change, stage.params.get(path, {}), root)
            elif path not in told_elsewhere:
                yield f"{path} is {change}"


def _parameters(
    path: str, changes: dict[str, str], recorded: dict[str, Any], root: Path
) -> Iterator[str]:
    for key, how in changes.items():
        found = _value(root / path, key) if how == "modified" else None
        if found is None:
            yield f"{path}: {key} is {how}"
        else:
            yield from (f"{path}: {words}" for words in values({key: recorded[key]}, {key: found}))


def _value(path: Path, key: str) -> Any:
    try:
        value: Any = yamlfile.load(path)
    except PerennialError:
        return None
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _torn(stage: Stage, stages: Iterable[Stage]) -> Iterator[str]:
    """Find what was recorded with one hash where it was made, and with another where it was used.

    New data that are only added leave that behind, and so may a merge of two branches by hand.
    """
    made = {out.path: (out.oid, other) for other in stages for out in other.outs}
    for dep in stage.deps:
        oid, maker = made.get(dep.path, (None, stage))
        if oid is not None and dep.oid is not None and oid != dep.oid:
            yield (
                f"{dep.path} is modified"
                if maker.is_source
                else f"it used another {dep.path} than {maker.name} made"
            )
