"""The files of the model that is judged, and the rule that they are those of `dvc.lock`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.review.gate.case import Case
from perennial.review.gate.claims import pass_or_fail
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.clone import clone
from perennial.review.revision.fetch import revision_at
from perennial.review.revision.hashes import hash_of, recorded_in
from perennial.review.revision.pipeline import lies_in
from perennial.review.revision.revision import NEEDED, Revision, working_tree
from perennial.review.verify.staleness import find_stale
from perennial.runtime.checks import Answer

#: Nothing can be judged without these.
NECESSARY = (
    "data/prepared/test.parquet",
    "metrics/data.json",
    "metrics/evaluate.json",
    "models/bundle",
    "models/compiled",
)


def fetch_head(
    repository: Path, rev: str | None, into: Path, report: Callable[[str], None]
) -> Revision:
    """The working tree, or a commit's files in an empty folder, with the stages that are stale."""
    if rev is None:
        return working_tree(repository)
    revision = revision_at(repository, rev, into, report=report)
    with tempfile.TemporaryDirectory(prefix="perennial-gate-") as folder:
        # Without its data: files that are not here are not taken for stale.
        copy = clone(Checkout(repository), str(revision.commit), Path(folder).resolve())
        stale = tuple(dict.fromkeys(finding.where for finding in find_stale(copy)))
    return replace(revision, stale=stale)


def judge_files(case: Case) -> Answer:
    """Whether bundle, data and reports are those that `dvc.lock` records."""
    return pass_or_fail(unrecorded(case.head), "every file is the one that dvc.lock records")


def unrecorded(head: Revision) -> list[str]:
    """A sentence for each file or folder that is not as `dvc.lock` records it, and stale stage."""
    recorded = dict(recorded_in(head.path("dvc.lock")))
    breaches = [f"dvc.lock records no {name}" for name in NECESSARY if name not in recorded]
    for name, oid in sorted(recorded.items()):
        place = next((needed for needed in NEEDED if lies_in(name, needed)), None)
        if place is None:
            continue
        path = head.path(place) / Path(name).relative_to(place)
        if not path.exists():
            breaches.append(f"{name} is not there")
        elif hash_of(path) != oid:
            breaches.append(f"{name} is not what dvc.lock records")
    if hash_of(head.path("models/bundle") / "compiled") != recorded.get("models/compiled"):
        breaches.append("models/bundle holds another model than models/compiled")
    return breaches + [f"{stage} is stale" for stage in head.stale]
