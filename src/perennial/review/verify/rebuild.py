"""A commit's pipeline, run from nothing in a clone, and checks of the outcome."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.checkout import Checkout
from perennial.review.revision.clone import fetch_output, save_outputs
from perennial.review.revision.pipeline import Stage, Tracked, differing, lies_in
from perennial.review.revision.repro import Failure, repro
from perennial.review.verify import trace
from perennial.review.verify.differences import compare
from perennial.runtime.checks import Answer, Finding, NotApplicable

_TRACES = "traces"
_RECORDED = "recorded"


@dataclass
class Rebuild:
    """A clone in which every stage has run, or those up to a failure."""

    original: Checkout
    """The caller's checkout."""
    clone: Checkout
    """As it was before the run: what the commit records."""
    folder: Path
    """Holds the clone, its cache and the traces."""
    environment: Path
    """The environment that stages run with."""
    rebuilt: Checkout | None = None
    """The clone as it was after the run."""
    failure: Failure | None = None
    untraced: str | None = None
    """Why no opened files were traced."""


def rebuild(original: Checkout, clone: Checkout, folder: Path, environment: Path) -> Rebuild:
    """Run every stage of a clone, whatever `dvc.lock` and caches say."""
    outcome = Rebuild(original, clone, folder, environment)
    # The hashes that the commit records are read before the run writes others.
    save_outputs(clone, folder / _RECORDED)
    shell = trace.recording_shell(folder / _TRACES)
    if isinstance(shell, str):
        outcome.untraced = shell
    outcome.failure = repro(
        clone.root,
        folder,
        environment,
        _print_stage,
        "--force",
        "--no-run-cache",
        shell=shell if isinstance(shell, Path) else None,
    )
    outcome.rebuilt = Checkout(clone.root)
    return outcome


def _print_stage(stage: str) -> None:
    print(f"verify: rebuilding {stage}", file=sys.stderr, flush=True)


def find_failed(outcome: Rebuild) -> list[Finding]:
    """The stage that failed, with the last lines that it printed."""
    failure = outcome.failure
    return [Finding(failure.stage, "\n".join(failure.output))] if failure else []


def find_differences(outcome: Rebuild) -> Answer:
    """Outputs whose hash is not the one that the commit's `dvc.lock` records, first stage first."""
    if outcome.failure or outcome.rebuilt is None:
        return NotApplicable("the rebuild did not come to its end")
    return [
        Finding(stage.name, f"{out.path}: {difference}")
        for stage, out, new in differing(outcome.clone.stages, outcome.rebuilt.stages)
        for difference in _described(outcome, out, new)
    ]


def _described(outcome: Rebuild, out: Tracked, new: str | None) -> list[str]:
    if out.oid is None or new is None:
        return [f"recorded {out.oid or 'nowhere'}, rebuilt {new or 'not at all'}"]
    old = fetch_output(outcome.original, outcome.clone, out, outcome.folder / _RECORDED)
    differences = compare(old, outcome.clone.root / out.path) if old else []
    return differences or [f"recorded {out.oid}, rebuilt {new}; the recorded one is not here"]


def find_undeclared(outcome: Rebuild) -> Answer:
    """Files that stages opened and did not declare."""
    if outcome.untraced:
        return NotApplicable(outcome.untraced)
    return [
        Finding(stage.name, f"it {how} {path}")
        for stage in outcome.clone.stages
        for path, how in _undeclared(outcome, stage)
    ]


def _undeclared(outcome: Rebuild, stage: Stage) -> list[tuple[str, str]]:
    opened = list(trace.accesses(outcome.folder / _TRACES / stage.name))
    elsewhere = {
        (access.path, f"{access.how}, in the checkout that the clone was made of,")
        for access in opened
        if lies_in(access.path, str(outcome.original.root_of_git))
        and not lies_in(access.path, str(outcome.environment))
        and not lies_in(access.path, str(outcome.folder))
    }
    return trace.undeclared(stage, opened, outcome.clone.root) + sorted(elsewhere)
