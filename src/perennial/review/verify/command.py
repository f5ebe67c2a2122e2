"""`perennial verify`: whether a commit's results are those of its code, data and parameters.

Why so: docs/decisions.md#d45
"""

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
from perennial.review.revision.clone import clone, fetch_sources
from perennial.review.revision.revision import resolve
from perennial.review.verify.checks import AFTER, BEFORE, DIFFERENT, QUICK, STALE, run_check
from perennial.review.verify.rebuild import rebuild
from perennial.runtime import jsonfile
from perennial.runtime.checks import NotApplicable, Result, exit_code
from perennial.runtime.environment import LOCK
from perennial.runtime.errors import PerennialError

DESCRIPTION = """\
Check a commit. In a temporary clone, with an environment made from the commit's own
lock, every stage runs from nothing; then each output's hash is compared with the one
that the commit's dvc.lock records. Nothing of yours is touched but .perennial/, where
the environment is kept for the next time.

With --quick, check the working tree within seconds, and run nothing.
"""

EXAMPLES = """\
examples:
  perennial verify                       (HEAD)
  perennial verify v1.2.0 --json
  perennial verify --environment current (this Python's packages, if they are the lock's)
  perennial verify --quick

exit codes:
  0  yes: no finding
  1  no: the findings are listed, the first stage first (docs/verify.md)
  2  could not tell
"""

_ANSWERS = {0: "yes", 1: "no", 2: "could not tell"}


@dataclass(frozen=True)
class Verdict:
    """The answers of all checks on a commit, or on the working tree."""

    subject: str
    commit: str | None
    """The commit's full hash; None for the working tree."""
    seconds: float
    results: list[Result]

    @property
    def code(self) -> int:
        """The exit code."""
        return exit_code(self.results)

    @property
    def first(self) -> str | None:
        """The first stage whose outputs differ."""
        stages = [f.where for r in self.results if r.check.code == DIFFERENT for f in r.findings]
        return stages[0] if stages else None


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
    """Run the checks and print a report: 0 yes, 1 no, 2 could not tell."""
    if arguments.quick and (arguments.rev or arguments.keep):
        raise PerennialError("--quick judges the working tree: it takes neither REV nor --keep")
    checkout = Checkout(Path.cwd())
    started = time.perf_counter()
    if arguments.quick:
        subject, commit, results = "the working tree", None, _check_tree(checkout)
    else:
        commit = _commit(checkout, arguments.rev or "HEAD")
        subject = f"commit {commit[:10]}"
        with _work_folder(arguments.keep) as folder:
            results = _check_commit(checkout, commit, folder, arguments.environment)
    verdict = Verdict(subject, commit, time.perf_counter() - started, results)
    print(jsonfile.dumps(_record(verdict)) if arguments.json else _text(verdict), end="")
    return verdict.code


def _check_tree(checkout: Checkout) -> list[Result]:
    results = []
    for check in QUICK:
        _progress(f"{check.code} {check.title}")
        results.append(run_check(check, checkout))
    return results


def _commit(checkout: Checkout, rev: str) -> str:
    commit = resolve(checkout.root, rev)
    if checkout.git("status", "--porcelain").strip():
        _progress("the working tree has uncommitted changes, which are not judged (--quick does)")
    return commit


@contextmanager
def _work_folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists():
            raise PerennialError("it exists already", where=str(keep), hint="name a new folder")
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="perennial-verify-") as folder:
        yield Path(folder).resolve()


def _check_commit(checkout: Checkout, commit: str, folder: Path, kind: str) -> list[Result]:
    _progress(f"cloning {commit[:10]}")
    copy = clone(checkout, commit, folder)
    fetch_sources(checkout, copy)
    before = [run_check(check, copy) for check in BEFORE]
    if any(result.check.code == STALE and result.findings for result in before):
        reason = "nothing was run: dvc.lock records what another tree made"
        return before + [Result(check, NotApplicable(reason)) for check in AFTER]
    environment = _environment(checkout, copy, kind)
    outcome = rebuild(checkout, copy, folder, environment)
    _progress("comparing")
    return before + [run_check(check, outcome) for check in AFTER]


def _environment(checkout: Checkout, copy: Checkout, kind: str) -> Path:
    read = environments.reader_of(copy.root)
    if kind == "current":
        return environments.current(read(str(LOCK)).decode())
    _progress("the environment of its lock (minutes the first time)")
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
    lines = [line for result in verdict.results for line in _lines(result)]
    count = sum(len(result.findings) for result in verdict.results)
    findings = f": {count} finding{'s' if count != 1 else ''}" if count else ""
    summary = f"{_ANSWERS[verdict.code]}{findings}, {verdict.subject}, {verdict.seconds:.0f} s"
    return "\n".join([*lines, "", summary]) + "\n"


def _lines(result: Result) -> Iterator[str]:
    status = {"pass": "nothing found", "finding": "FOUND"}.get(result.status, result.status)
    reason = f", {result.reason}" if result.reason else ""
    yield f"{result.check.code} {result.check.title}: {status}{reason}"
    for finding in result.findings:
        yield f"  - {finding.where}: " + finding.what.replace("\n", "\n      ")
    if result.findings:
        yield f"  hint: {result.check.remedy}"
        yield f"  more: {result.check.page}"


def _progress(line: str) -> None:
    print(f"verify: {line}", file=sys.stderr, flush=True)
