"""What a review reads is committed."""

from __future__ import annotations

from collections.abc import Iterator

from perennial.review.revision.checkout import Checkout
from perennial.review.verify.definition import Finding

#: Beside every output that git keeps and every `.dvc` file.
_ALWAYS = ("dvc.yaml", "dvc.lock", "params.yaml", "data/contract.yaml")

_CHANGED = "differs from the commit"
_HOW = {"?": "is not in git", "D": "is deleted", "A": "is added, not committed"}


def find_uncommitted(checkout: Checkout) -> list[Finding]:
    """Look for results, and what they come from, that differ from the commit."""
    kept = [
        out.path
        for stage in checkout.stages
        for out in stage.outs
        if not (out.is_cached or stage.is_source)
    ]
    sources = [stage.name for stage in checkout.stages if stage.is_source]
    paths = (*_ALWAYS, *kept, *sources)
    asked = ("status", "--porcelain", "-z", "--untracked-files=all", "--", *paths)
    told = checkout.git("--literal-pathspecs", *asked)
    how = {path: _HOW.get(letters.strip()[:1], _CHANGED) for letters, path in _entries(told)}
    return [Finding(path, words) for path, words in how.items()]


def _entries(told: str) -> Iterator[tuple[str, str]]:
    parts = iter(told.split("\0"))
    for entry in parts:
        if not entry:
            continue
        letters, path = entry[:2], entry[3:]
        # A renamed file is followed by its old name.
        if "R" in letters or "C" in letters:
            next(parts)
        yield letters, path
