"""A commit's pipeline, run from nothing in a clone, and what came of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.checkout import Checkout, Stage, Tracked, lies_in
from perennial.review.revision.clone import bring_output, record_outputs
from perennial.review.revision.repro import Failure, differing, repro
from perennial.review.verify import trace
from perennial.review.verify.contents import compare
from perennial.review.verify.definition import Answer, Finding, NotApplicable

_RECORDS = "records"
_RECORDED = "recorded"


@dataclass
class Rebuild:
    """A clone in which every stage has run, as far as one came."""

    original: Checkout
    clone: Checkout
    folder: Path
    environment: Path
    rebuilt: Checkout | None = None
    failure: Failure | None = None
    unrecorded: str | None = None


def rebuild(original: Checkout, clone: Checkout, folder: Path, environment: Path) -> Rebuild:
    """Run every stage, whatever `dvc.lock` and caches say."""
    found = Rebuild(original, clone, folder, environment)
    # The hashes that the commit records are read before the run writes others.
    record_outputs(clone, folder / _RECORDED)
    shell = trace.recording_shell(folder / _RECORDS)
    if isinstance(shell, str):
        found.unrecorded = shell
    found.failure = repro(
        clone.root,
        folder,
        environment,
        _say,
        "--force",
        "--no-run-cache",
        shell=shell if isinstance(shell, Path) else None,
    )
    found.rebuilt = Checkout(clone.root)
    return found


def _say(stage: str) -> None:
    print(f"verify: rebuilding {stage}", file=sys.stderr, flush=True)


def find_failed(found: Rebuild) -> list[Finding]:
    """Say whether a stage failed."""
    failure = found.failure
    return [Finding(failure.stage, "\n".join(failure.said))] if failure else []


def find_differences(found: Rebuild) -> Answer:
    """Compare every output's hash with the one that the commit's `dvc.lock` records."""
    if found.failure or found.rebuilt is None:
        return NotApplicable("the rebuild did not come to its end")
    return [
        Finding(stage.name, f"{out.path}: {words}")
        for stage, out, new in differing(found.clone.stages, found.rebuilt.stages)
        for words in _told(found, out, new)
    ]


def _told(found: Rebuild, out: Tracked, new: str | None) -> list[str]:
    if out.oid is None or new is None:
        return [f"recorded {out.oid or 'nowhere'}, rebuilt {new or 'not at all'}"]
    old = bring_output(found.original, found.clone, out, found.folder / _RECORDED)
    words = compare(old, found.clone.root / out.path) if old else []
    return words or [f"recorded {out.oid}, rebuilt {new}; the recorded one is not here"]


def find_undeclared(found: Rebuild) -> Answer:
    """Look for files that stages opened and did not declare."""
    if found.unrecorded:
        return NotApplicable(found.unrecorded)
    return [
        Finding(stage.name, f"it {how} {path}")
        for stage in found.clone.stages
        for path, how in _undeclared(found, stage)
    ]


def _undeclared(found: Rebuild, stage: Stage) -> list[tuple[str, str]]:
    opened = list(trace.accesses(found.folder / _RECORDS / stage.name))
    elsewhere = {
        (access.path, f"{access.how}, in the checkout that the clone was made of,")
        for access in opened
        if lies_in(access.path, str(found.original.root_of_git))
        and not lies_in(access.path, str(found.environment))
        and not lies_in(access.path, str(found.folder))
    }
    return trace.undeclared(stage, opened, found.clone.root) + sorted(elsewhere)
