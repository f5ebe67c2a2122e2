"""The files that are judged, against what `dvc.lock` records of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.review.revision.checkout import Checkout, lies_in
from perennial.review.revision.clone import clone
from perennial.review.revision.rebuilt import revision_at
from perennial.review.revision.recorded import hash_of, recorded_in
from perennial.review.revision.revision import NEEDED, Revision, working_tree
from perennial.review.verify.staleness import find_stale

#: Nothing can be judged without these.
NECESSARY = (
    "data/prepared/test.parquet",
    "metrics/data.json",
    "metrics/evaluate.json",
    "models/bundle",
    "models/compiled",
)


def fetch_head(
    repository: Path, rev: str | None, into: Path, tell: Callable[[str], None]
) -> Revision:
    """Bring the files of the model that is to be judged."""
    if rev is None:
        return working_tree(repository)
    found = revision_at(repository, rev, into, tell=tell)
    with tempfile.TemporaryDirectory(prefix="perennial-gate-") as folder:
        # Without its data: what is not here is not taken for stale.
        copy = clone(Checkout(repository), str(found.commit), Path(folder).resolve())
        stale = tuple(dict.fromkeys(finding.where for finding in find_stale(copy)))
    return replace(found, stale=stale)


def differing(head: Revision) -> list[str]:
    """Find what is not as `dvc.lock` records it."""
    recorded = dict(recorded_in(head.path("dvc.lock")))
    told = [f"dvc.lock records no {name}" for name in NECESSARY if name not in recorded]
    for name, oid in sorted(recorded.items()):
        place = next((needed for needed in NEEDED if lies_in(name, needed)), None)
        if place is None:
            continue
        path = head.path(place) / Path(name).relative_to(place)
        if not path.exists():
            told.append(f"{name} is not there")
        elif hash_of(path) != oid:
            told.append(f"{name} is not what dvc.lock records")
    if hash_of(head.path("models/bundle") / "compiled") != recorded.get("models/compiled"):
        told.append("models/bundle holds another model than models/compiled")
    return told + [f"{stage} is stale" for stage in head.stale]
