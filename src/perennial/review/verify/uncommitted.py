"""The files that a review reads are committed."""

from __future__ import annotations

from collections.abc import Iterator

from perennial.review.revision.checkout import Checkout
from perennial.runtime.checks import Finding

#: Beside every output that git keeps and every `.dvc` file.
_ALWAYS = ("dvc.yaml", "dvc.lock", "params.yaml", "data/contract.yaml")

_CHANGED = "differs from the commit"
_STATES = {"?": "is not in git", "D": "is deleted", "A": "is added, not committed"}


def find_uncommitted(checkout: Checkout) -> list[Finding]:
    """Results, and the files that they come from, that differ from the commit."""
    kept = [
        out.path
        for stage in checkout.stages
        for out in stage.outs
        if not (out.is_cached or stage.is_source)
    ]
    sources = [stage.name for stage in checkout.stages if stage.is_source]
    options = ("--porcelain", "-z", "--untracked-files=all")
    status = checkout.git(
        "--literal-pathspecs", "status", *options, "--", *_ALWAYS, *kept, *sources
    )
    states = {
        path: _STATES.get(letters.strip()[:1], _CHANGED) for letters, path in _entries(status)
    }
    return [Finding(path, state) for path, state in states.items()]


def _entries(status: str) -> Iterator[tuple[str, str]]:
    parts = iter(status.split("\0"))
    for entry in parts:
        if not entry:
            continue
        letters, path = entry[:2], entry[3:]
        # A renamed file is followed by its old name.
        if "R" in letters or "C" in letters:
            next(parts)
        yield letters, path
