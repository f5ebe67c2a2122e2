"""The champion: the model that a new one has to be as good as."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.review.revision.fetch import revision_at
from perennial.review.revision.git import git
from perennial.review.revision.revision import MAIN, Revision, branch_ref, resolve
from perennial.runtime.errors import PerennialError

#: The stage of the registry that the champion holds.
STAGE = "prod"


def find_champion(repository: Path, name: str) -> str:
    """The full name of the tag that assigns a model to production, else of the main branch."""
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
    """The one of GTO's tags that assigns a version to a stage now, if any does.

    ``NAME#STAGE#N`` assigns the version at its commit, ``NAME#STAGE!#N`` takes that back, and the
    highest N counts.

    >>> assigned(["late#prod#2", "late#prod#10", "late#dev#11"], "late", "prod")
    'late#prod#10'
    >>> assigned(["late#prod#2", "late#prod!#3"], "late", "prod")
    """
    form = re.compile(rf"{re.escape(name)}#{re.escape(stage)}(!?)#([1-9][0-9]*)")
    events = [(int(m[2]), not m[1], tag) for tag in tags if (m := form.fullmatch(tag))]
    if not events:
        return None
    _, is_assignment, tag = max(events)
    return tag if is_assignment else None


def fetch_champion(
    repository: Path, rev: str, into: Path, report: Callable[[str], None]
) -> Revision:
    """Get the champion's files into an empty folder, rebuilt where no cache or remote has them."""
    name = re.sub("^refs/(tags|heads|remotes)/", "", rev)
    return replace(revision_at(repository, rev, into, report=report), name=name)
