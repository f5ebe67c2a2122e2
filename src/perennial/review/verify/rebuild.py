"""A commit's pipeline, run from nothing in a clone, and what came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from perennial.review.checkout import Checkout, Stage, Tracked, lies_in
from perennial.review.clone import bring_output, record_outputs
from perennial.review.environments import clean_variables
from perennial.review.verify import trace
from perennial.review.verify.contents import compare
from perennial.review.verify.definition import Answer, Finding, NotApplicable

_RUNNING = "Running stage '"
_RECORDS = "records"
_RECORDED = "recorded"


@dataclass
class Rebuild:
    """A clone in which every stage has run, as far as one came.

    Parameters
    ----------
    original : Checkout
        The caller's checkout.
    clone : Checkout
        As it was before the run: what the commit records.
    folder : Path
        Holds the clone, its cache and its records.
    environment : Path
        The environment that stages run with.
    rebuilt : Checkout or None
        The same folder as it was after the run.
    failed : str or None
        The stage that failed.
    said : list of str
        Its last lines.
    unrecorded : str or None
        Why no files were recorded.
    """

    original: Checkout
    clone: Checkout
    folder: Path
    environment: Path
    rebuilt: Checkout | None = None
    failed: str | None = None
    said: list[str] = field(default_factory=list)
    unrecorded: str | None = None


def rebuild(original: Checkout, clone: Checkout, folder: Path, environment: Path) -> Rebuild:
    """Run every stage, whatever `dvc.lock` and caches say.

    Parameters
    ----------
    original : Checkout
        The caller's checkout.
    clone : Checkout
        The clone to run in.
    folder : Path
        The folder that the clone lies in.
    environment : Path
        The environment to run with.

    Returns
    -------
    Rebuild
        What came of it.
    """
    found = Rebuild(original, clone, folder, environment)
    # The hashes that the commit records are read before the run writes others.
    record_outputs(clone, folder / _RECORDED)
    shell = trace.recording_shell(folder / _RECORDS)
    if isinstance(shell, str):
        found.unrecorded = shell
    command = [str(environment / "bin/python"), "-m", "dvc", "repro", "--force", "--no-run-cache"]
    with subprocess.Popen(
        command,
        cwd=clone.root,
        env=_variables(folder, environment, shell),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            stage, last = _follow(process)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        found.failed, found.said = stage, last
    found.rebuilt = Checkout(clone.root)
    return found


def _follow(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    assert process.stdout is not None
    stage, last = "dvc repro", deque[str](maxlen=8)
    for line in process.stdout:
        if line.startswith(_RUNNING):
            stage = line.removeprefix(_RUNNING).partition("'")[0]
            print(f"verify: rebuilding {stage}", file=sys.stderr, flush=True)
            last.clear()
        elif line.strip():
            last.append(line.rstrip())
    return stage, list(last)


def _variables(folder: Path, environment: Path, shell: Path | str) -> dict[str, str]:
    of_dvc = {
        f"DVC_{name}_DIR": str(folder / "dvc" / name)
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
    }
    return {
        **clean_variables(),
        **of_dvc,
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **({"SHELL": str(shell)} if isinstance(shell, Path) else {}),
    }


def find_failed(found: Rebuild) -> list[Finding]:
    """Say whether a stage failed.

    Parameters
    ----------
    found : Rebuild
        What came of the rebuild.

    Returns
    -------
    list of Finding
        The stage and its last words.
    """
    return [Finding(found.failed, "\n".join(found.said))] if found.failed else []


def find_differences(found: Rebuild) -> Answer:
    """Compare every output's hash with the one that the commit's `dvc.lock` records.

    Parameters
    ----------
    found : Rebuild
        What came of the rebuild.

    Returns
    -------
    list of Finding or NotApplicable
        One for each output that differs, in the order in which the stages run.
    """
    if found.failed or found.rebuilt is None:
        return NotApplicable("the rebuild did not come to its end")
    after = {out.path: out for stage in found.rebuilt.stages for out in stage.outs}
    return [
        Finding(stage.name, f"{out.path}: {words}")
        for stage, out in _differing(found.clone.stages, after)
        for words in _told(found, out, after.get(out.path))
    ]


def _differing(stages: list[Stage], after: dict[str, Tracked]) -> list[tuple[Stage, Tracked]]:
    return [
        (stage, out)
        for stage in stages
        for out in stage.outs
        if out.oid != getattr(after.get(out.path), "oid", None)
    ]


def _told(found: Rebuild, out: Tracked, new: Tracked | None) -> list[str]:
    if out.oid is None or new is None:
        return [f"recorded {out.oid or 'nowhere'}, rebuilt {new.oid if new else 'not at all'}"]
    old = bring_output(found.original, found.clone, out, found.folder / _RECORDED)
    words = compare(old, found.clone.root / out.path) if old else []
    return words or [f"recorded {out.oid}, rebuilt {new.oid}; the recorded one is not here"]


def find_undeclared(found: Rebuild) -> Answer:
    """Look for files that stages opened and did not declare.

    Parameters
    ----------
    found : Rebuild
        What came of the rebuild.

    Returns
    -------
    list of Finding or NotApplicable
        One for each stage and file.
    """
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
