"""The champion: the model that a new one has to be as good as."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.review.revision.checkout import git
from perennial.review.revision.rebuilt import revision_at
from perennial.review.revision.revision import MAIN, Revision, branch_ref, resolve
from perennial.runtime.errors import PerennialError

#: The stage of the registry that the champion holds.
STAGE = "prod"


def find_champion(repository: Path, name: str) -> str:
    """Find the revision that the champion stands at."""
    tag = assigned(git(repository, "tag", "--list", f"{name}#*").splitlines(), name, STAGE)
    if tag is not None:
        return f"refs/tags/{tag}"
    for branch in MAIN:
        try:
            resolve(repository, branch_ref(branch))
        except PerennialError:
            continue
        return branch_ref(branch)
    raise PerennialError(
        f"no tag {name}#{STAGE}#N assigns a model to production, and there is no branch "
        f"{', '.join(MAIN)}",
        hint="name a champion: perennial gate --champion REV",
    )


def assigned(tags: list[str], name: str, stage: str) -> str | None:
    """Read GTO's tags: the last word on who holds a stage.

    ``NAME#STAGE#N`` assigns the version at its commit, ``NAME#STAGE!#N`` takes that back, and the
    highest N is the last word.

    Examples
    --------
    >>> assigned(["late#prod#2", "late#prod#10", "late#dev#11"], "late", "prod")
    'late#prod#10'
    >>> assigned(["late#prod#2", "late#prod!#3"], "late", "prod")
    """
    form = re.compile(rf"{re.escape(name)}#{re.escape(stage)}(!?)#([1-9][0-9]*)")
    words = [(int(found[2]), not found[1], tag) for tag in tags if (found := form.fullmatch(tag))]
    if not words:
        return None
    _, is_assignment, tag = max(words)
    return tag if is_assignment else None


def fetch_champion(repository: Path, rev: str, into: Path, tell: Callable[[str], None]) -> Revision:
    """Bring the champion's files, rebuilt where they lie in neither cache nor remote."""
    name = re.sub("^refs/(tags|heads|remotes)/", "", rev)
    return replace(revision_at(repository, rev, into, tell=tell), name=name)
