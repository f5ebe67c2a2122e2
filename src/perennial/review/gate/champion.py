"""The champion, the model that a new one has to be as good as, and those before it.

Heads that each lose half a margin against the champion of their day lose ten margins in twenty
looks. So a head has to be as good as an *anchor* as well: the best champion so far, or the first.

Why so: docs/decisions.md#d91
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from perennial.review.gate.looks import judged_in
from perennial.review.params.gate import Anchor
from perennial.review.revision.fetch import at_commit, revision_at
from perennial.review.revision.git import git
from perennial.review.revision.revision import MAIN, Revision, branch_ref, resolve
from perennial.runtime.errors import PerennialError

#: The stage of the registry that the champion holds.
STAGE = "prod"

#: Former champions that are asked beside the first.
MOST_FORMER = 11

#: What is read of one.
FORMER = (
    "params.yaml",
    "data/contract.yaml",
    "data/prepared/train.parquet",
    "data/prepared/validation.parquet",
    "models/bundle",
)


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


def former_champions(repository: Path, name: str, anchor: Anchor) -> list[str]:
    """Revisions that have been the champion, the oldest first: by the tags, else main's commits.

    Of many, the first and the latest; of an anchor `first`, that one.
    """
    form = re.compile(rf"{re.escape(name)}#{re.escape(STAGE)}#([1-9][0-9]*)")
    tags = git(repository, "tag", "--list", f"{name}#*").splitlines()
    known = sorted((int(m[1]), f"refs/tags/{tag}") for tag in tags if (m := form.fullmatch(tag)))
    revs = [rev for _, rev in known] or _of_main(repository)
    if anchor == "none":
        return []
    return revs[:1] if anchor == "first" else revs[:1] + revs[1:][-MOST_FORMER:]


def _of_main(repository: Path) -> list[str]:
    for branch in MAIN:
        with suppress(PerennialError):
            listed = git(
                repository, "rev-list", "--first-parent", "--reverse", branch_ref(branch), "--",
                "dvc.lock",
            )  # fmt: skip
            return listed.split()
    return []


def fetch_former(
    repository: Path, revs: list[str], others: tuple[Revision, ...], into: Path
) -> tuple[list[Revision], int]:
    """The models of former champions, each once and none of `others`, and how many are lost.

    They are taken from the cache or a remote, and not rebuilt.
    """
    seen = {_model_in(one.path("dvc.lock").read_text()) for one in others if one.has("dvc.lock")}
    former, lost = [], 0
    for place, rev in enumerate(revs):
        try:
            model = _model_in(git(repository, "show", f"{rev}:./dvc.lock"))
        except PerennialError:
            continue
        if model is None or model in seen:
            continue
        seen.add(model)
        champion = at_commit(repository, rev, into / str(place), FORMER)
        if champion.absent:
            lost += 1
        else:
            name = re.sub("^refs/tags/", "", rev)
            former.append(replace(champion, name=name if name != rev else rev[:7]))
    return former, lost


def _model_in(lock: str) -> str | None:
    judged = judged_in(lock)
    return min(judged.traces, key=lambda trace: not trace.startswith("model")) if judged else None


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
    repository: Path,
    rev: str,
    into: Path,
    report: Callable[[str], None],
    *,
    rebuild: bool = True,
) -> Revision:
    """Get the champion's files into an empty folder, rebuilt where no cache or remote has them."""
    name = re.sub("^refs/(tags|heads|remotes)/", "", rev)
    champion = revision_at(repository, rev, into, rebuild=rebuild, report=report)
    return replace(champion, name=name)
