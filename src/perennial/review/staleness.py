"""`dvc.lock` describes this very checkout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import chdir
from typing import Any

from perennial.review.checkout import Checkout, Stage
from perennial.review.definition import Finding

#: What DVC says of a file that is merely not here, as in a fresh clone.
_ABSENT = ("deleted", "not in cache")


def find_stale(checkout: Checkout) -> list[Finding]:
    """Look for stages that `dvc.lock` describes otherwise than they are.

    Parameters
    ----------
    checkout : Checkout
        Where to look.

    Returns
    -------
    list of Finding
        In the order in which the stages run. An output that is not here is none, nor is what
        depends on it: `dvc pull` brings it back.
    """
    with chdir(checkout.root):
        status = checkout.repo.status()
    made = {out.path for stage in checkout.stages for out in stage.outs}
    return [
        Finding(stage.name, what)
        for stage in checkout.stages
        for what in (*_changes(status.get(stage.name, []), made), *_torn(stage, checkout.stages))
    ]


def _changes(entries: Iterable[Any], made: set[str]) -> Iterator[str]:
    for entry in entries:
        if not isinstance(entry, dict):
            yield str(entry)
            continue
        for kind, changes in entry.items():
            for path, change in changes.items():
                # Of a changed input, the stage that made it tells.
                is_known = change in _ABSENT if kind == "changed outs" else path in made
                if not is_known:
                    yield from _told(path, change)


def _told(path: str, change: Any) -> Iterator[str]:
    # Parameters come by file, then by key.
    parts = change.items() if isinstance(change, dict) else [("", change)]
    for key, how in parts:
        yield f"{path}{f': {key}' if key else ''} is {how}"


def _torn(stage: Stage, stages: Iterable[Stage]) -> Iterator[str]:
    """Find what was recorded with one hash where it was made, and with another where it was used.

    A merge of two branches by hand can leave that behind.
    """
    made = {out.path: (out.oid, other.name) for other in stages for out in other.outs}
    for dep in stage.deps:
        oid, maker = made.get(dep.path, (dep.oid, ""))
        if oid != dep.oid and oid is not None and dep.oid is not None:
            yield f"it used another {dep.path} than {maker} made"
