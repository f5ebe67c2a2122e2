"""`perennial verify`: whether a commit's results are those of its code, data and parameters."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial.review.revision import environments
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.clone import bring_data, clone
from perennial.review.revision.revision import resolve
from perennial.review.verify.checks import AFTER, BEFORE, DIFFERENT, QUICK, STALE, run_check
from perennial.review.verify.definition import NotApplicable, Result, exit_code
from perennial.review.verify.rebuild import rebuild
from perennial.runtime import jsonfile
from perennial.runtime.environment import LOCK
from perennial.runtime.errors import PerennialError

DESCRIPTION = """\
Judge a commit. In a temporary clone, with an environment made from the commit's own
lock, every stage runs from nothing; then each output's hash is compared with the one
that the commit's dvc.lock records. Nothing of yours is touched but .perennial/, where
the environment is kept for the next time.

With --quick, judge the working tree within seconds, and run nothing.
"""

EXAMPLES = """\
examples:
  perennial verify                       (HEAD)
  perennial verify v1.2.0 --json
  perennial verify --environment current (this Python's packages, if they are the lock's)
  perennial verify --quick

exit codes:
  0  yes: nothing was found
  1  no: what was found is listed, the first stage first (docs/verify.md)
  2  could not tell
"""

_ANSWERS = {0: "yes", 1: "no", 2: "could not tell"}


@dataclass(frozen=True)
class Verdict:
    """What was judged, and how."""

    subject: str
    """The commit, or the working tree."""
    commit: str | None
    """The commit's full hash."""
    seconds: float
    """How long it took."""
    results: list[Result]
    """What each check said."""

    @property
    def code(self) -> int:
        """The exit code."""
        return exit_code(self.results)

    @property
    def first(self) -> str | None:
        """The first stage whose outputs differ."""
        found = [r.findings for r in self.results if r.check is DIFFERENT and r.findings]
        return found[0][0].where if found else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("rev", nargs="?", metavar="REV", help="a commit; HEAD by default")
    parser.add_argument("--quick", action="store_true", help="judge the working tree, run nothing")
    parser.add_argument(
        "--environment",
        choices=("own", "current"),
        default="own",
        help="own: made from the commit's lock; current: the one that runs this, if it is the same",
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the clone there")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Judge, and report."""
    if arguments.quick and (arguments.rev or arguments.keep):
        raise PerennialError("--quick judges the working tree: it takes neither REV nor --keep")
    checkout = Checkout(Path.cwd())
    started = time.perf_counter()
    if arguments.quick:
        subject, commit, results = "the working tree", None, _quick(checkout)
    else:
        commit = _commit(checkout, arguments.rev or "HEAD")
        subject = f"commit {commit[:10]}"
        with _ground(arguments.keep) as folder:
            results = _judged(checkout, commit, folder, arguments.environment)
    verdict = Verdict(subject, commit, time.perf_counter() - started, results)
    print(jsonfile.dumps(_record(verdict)) if arguments.json else _text(verdict), end="")
    return verdict.code


def _quick(checkout: Checkout) -> list[Result]:
    results = []
    for check in QUICK:
        _say(f"{check.code} {check.title}")
        results.append(run_check(check, checkout))
    return results


def _commit(checkout: Checkout, rev: str) -> str:
    commit = resolve(checkout.root, rev)
    if checkout.git("status", "--porcelain").strip():
        _say("the working tree has uncommitted changes, which are not judged (--quick does)")
    return commit


@contextmanager
def _ground(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists():
            raise PerennialError("it exists already", where=str(keep), hint="name a new folder")
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="perennial-verify-") as folder:
        yield Path(folder).resolve()


def _judged(checkout: Checkout, commit: str, folder: Path, kind: str) -> list[Result]:
    _say(f"cloning {commit[:10]}")
    copy = clone(checkout, commit, folder)
    bring_data(checkout, copy)
    before = [run_check(check, copy) for check in BEFORE]
    if any(result.check is STALE and result.findings for result in before):
        reason = "nothing was run: dvc.lock records what another tree made"
        return before + [Result(check, NotApplicable(reason)) for check in AFTER]
    home = _environment(checkout, copy, kind)
    found = rebuild(checkout, copy, folder, home)
    _say("comparing")
    return before + [run_check(check, found) for check in AFTER]


def _environment(checkout: Checkout, copy: Checkout, kind: str) -> Path:
    read = environments.files_of(copy.root)
    if kind == "current":
        return environments.refuse_other_lock(read(str(LOCK)).decode())
    _say("the environment of its lock (minutes the first time)")
    return environments.of_lock(checkout.root, read)


def _record(verdict: Verdict) -> dict[str, Any]:
    return {
        "judged": verdict.subject,
        "commit": verdict.commit,
        "answer": _ANSWERS[verdict.code],
        "first_stage_that_differs": verdict.first,
        "seconds": round(verdict.seconds, 1),
        "checks": [result.record() for result in verdict.results],
    }


def _text(verdict: Verdict) -> str:
    lines = [line for result in verdict.results for line in _told(result)]
    count = sum(len(result.findings) for result in verdict.results)
    found = f": {count} finding{'s' if count != 1 else ''}" if count else ""
    head = f"{_ANSWERS[verdict.code]}{found}, {verdict.subject}, {verdict.seconds:.0f} s"
    return "\n".join([*lines, "", head]) + "\n"


def _told(result: Result) -> Iterator[str]:
    said = {"pass": "nothing found", "finding": "FOUND"}.get(result.status, result.status)
    reason = f", {result.reason}" if result.reason else ""
    yield f"{result.check.code} {result.check.title}: {said}{reason}"
    for finding in result.findings:
        yield f"  - {finding.where}: " + finding.what.replace("\n", "\n      ")
    if result.findings:
        yield f"  hint: {result.check.remedy}"
        yield f"  more: {result.check.page}"


def _say(line: str) -> None:
    print(f"verify: {line}", file=sys.stderr, flush=True)
