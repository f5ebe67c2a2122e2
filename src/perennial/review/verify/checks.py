"""Every check of `perennial verify`.

To add one: a module here with its function, an entry in `QUICK` or `AFTER`, and its section in
`docs/verify.md`.
"""

from __future__ import annotations

from typing import Any

from perennial.review.revision.checkout import Checkout
from perennial.review.verify.credentials import find_secrets
from perennial.review.verify.dependencies import find_other_dependencies
from perennial.review.verify.line_endings import find_other_endings
from perennial.review.verify.parameters import find_wrong_parameters
from perennial.review.verify.rebuild import Rebuild, find_differences, find_failed, find_undeclared
from perennial.review.verify.staleness import find_stale
from perennial.review.verify.storage import find_absent_from_remote, find_damaged
from perennial.review.verify.uncommitted import find_uncommitted
from perennial.review.verify.unkept import find_unkept
from perennial.runtime.checks import Check, CouldNotTell, Result
from perennial.runtime.errors import PerennialError

#: Codes that other code refers to.
STALE, DIFFERENT = "PV002", "PV010"

#: What `--quick` looks at in the working tree.
QUICK: tuple[Check[[Checkout]], ...] = (
    Check(
        "PV001",
        "deps that are not the import closure",
        "correct the deps in dvc.yaml or the import, then dvc repro, and commit what it writes",
        find_other_dependencies,
    ),
    Check(
        STALE,
        "a stale dvc.lock",
        "dvc repro, and commit dvc.lock and metrics/; where a .dvc file is named, first "
        "dvc add what it tracks",
        find_stale,
    ),
    Check(
        "PV003",
        "results that are not committed",
        "commit them together, or git restore them",
        find_uncommitted,
    ),
    Check(
        "PV004",
        "outputs that the remote lacks",
        "dvc push; where a folder's file is lacking though dvc push finds nothing to do, remove "
        "the folder's .dir object from the remote first",
        find_absent_from_remote,
    ),
    Check(
        "PV005",
        "a damaged cache file",
        "remove the file, then dvc fetch, or dvc repro, which makes it again; then dvc checkout",
        find_damaged,
    ),
    Check(
        "PV006",
        "parameters unknown, unused or of the wrong type",
        "correct params.yaml by docs/reference/params.md, or the stage's params in dvc.yaml",
        find_wrong_parameters,
    ),
    Check(
        "PV007",
        "a secret in committed configuration",
        "revoke it, for it stays in git's history; give the new one by a variable, or by "
        "dvc remote modify --local",
        find_secrets,
    ),
    Check(
        "PV008",
        "line endings other than the commit's",
        "git config core.autocrlf false, then git rm --cached -rq . && git reset --hard "
        "(commit first)",
        find_other_endings,
    ),
    Check(
        "PV012",
        "an input that neither git nor DVC keeps",
        "dvc add it, where it is data, or git add it; or move it away",
        find_unkept,
    ),
)

#: What is looked at after everything has run.
AFTER: tuple[Check[[Rebuild]], ...] = (
    Check(
        "PV009",
        "a stage that fails",
        "check the commit out, run dvc repro --force, and correct what the stage says",
        find_failed,
    ),
    Check(
        DIFFERENT,
        "other outputs than dvc.lock records",
        "look at the first stage named: dvc repro --force it and commit; if it differs from run to "
        "run, find what it takes from clock, chance, order or host (docs/reproducible.md)",
        find_differences,
    ),
    Check(
        "PV011",
        "a file that a stage opens and dvc.yaml does not declare",
        "declare it among the stage's deps or outs, or do not open it",
        find_undeclared,
    ),
)

#: What is looked at in a clone of the commit, before anything runs.
BEFORE = tuple(check for check in QUICK if check.code in {"PV001", STALE, "PV007"})

CHECKS: tuple[Check[Any], ...] = tuple(sorted((*QUICK, *AFTER), key=lambda check: check.code))


def run_check(check: Check[Any], subject: Checkout | Rebuild) -> Result:
    """Run one check; an error that prevents it from looking is *could not tell*."""
    from dvc.exceptions import DvcException

    try:
        return Result(check, check.run(subject))
    except (DvcException, PerennialError) as error:
        return Result(check, CouldNotTell(str(error)))
