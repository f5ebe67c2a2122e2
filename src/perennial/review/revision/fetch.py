"""A commit's files: from git, DVC's cache or a remote; what is in none of them is rebuilt.

Why so: docs/decisions.md#d36
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.params.yamlfile import load
from perennial.review.revision import environments
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.clone import clone, fetch_all
from perennial.review.revision.hashes import hash_of, recorded_in
from perennial.review.revision.pipeline import Stage, differing, lies_in
from perennial.review.revision.repro import repro
from perennial.review.revision.revision import NEEDED, NOT_STORED, Revision, resolve
from perennial.runtime.errors import PerennialError


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def revision_at(
    repository: Path,
    name: str,
    into: Path,
    *,
    rebuild: bool = True,
    report: Callable[[str], None] = _print,
) -> Revision:
    """Get a commit's files: from git, DVC's cache or a remote, else from a rebuild.

    A rebuild runs the commit's own stages in a clone, with the packages of its own lock, and
    reports each step in a line. It shares the repository's DVC cache: what the cache holds is not
    made again, and what is made is there the next time. What remains missing is in `absent`, with
    the reason. A name that git does not know is a `PerennialError`.
    """
    revision = at_commit(repository, name, into)
    revision = replace(revision, absent={**revision.absent, **_altered(revision)})
    if not rebuild or NOT_STORED not in revision.absent.values():
        return revision
    folder = into / "rebuilt"
    try:
        return _rebuild(Checkout(repository), revision, folder, report)
    except PerennialError as error:
        shutil.rmtree(folder, ignore_errors=True)
        why = f"{NOT_STORED}, and cannot be rebuilt ({' '.join(error.what.split())})"
        absent = {p: why if what == NOT_STORED else what for p, what in revision.absent.items()}
        return replace(revision, absent=absent)


def at_commit(
    repository: Path, name: str, into: Path, needed: tuple[str, ...] = NEEDED
) -> Revision:
    """Copy a commit's files out of git, DVC's cache or a remote, to an empty folder."""
    commit = resolve(repository, name)
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    files = DVCFileSystem(str(repository), rev=commit)
    absent = {}
    for path in needed:
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.get(path, str(target), recursive=True)
        except (OSError, DataIndexDirError):
            # DVC does not say whether git or the cache lacks it; its own listing does.
            is_known = files.exists(path)
            absent[path] = NOT_STORED if is_known else "it has no such file"
    return Revision(name, commit, into, absent)


def _altered(revision: Revision) -> dict[str, str]:
    """Files whose hash is not the recorded one: a cache or a remote can hold anything."""
    if "dvc.lock" in revision.absent:
        return {}
    return {
        name: "what the cache or a remote holds is not what its dvc.lock records"
        for name, oid in recorded_in(revision.path("dvc.lock"))
        if name in NEEDED and name not in revision.absent and hash_of(revision.path(name)) != oid
    }


def _rebuild(
    checkout: Checkout, revision: Revision, folder: Path, report: Callable[[str], None]
) -> Revision:
    assert revision.commit is not None
    folder.mkdir()
    report(f"rebuilding {revision}: cloning")
    copy = clone(checkout, revision.commit, folder, checkout.whole_cache)
    targets = _makers(copy, revision)
    report(f"rebuilding {revision}: the environment of its lock")
    environment = environments.current_or_own(checkout.root, environments.reader_of(copy.root))
    fetch_all(copy)
    _forget_lost_outputs(copy)
    failure = repro(
        copy.root, folder, environment, lambda name: report(f"rebuilding {revision}: {name}"),
        *targets,
    )  # fmt: skip
    if failure:
        raise PerennialError(f"{failure.stage}: {failure.reason}")
    differs_in = tuple(out.path for _, out, _ in differing(copy.stages, Checkout(copy.root).stages))
    # The result is compared with the commit's record, and not with the one that the run wrote.
    if "dvc.lock" not in revision.absent:
        copy.git("restore", "dvc.lock")
    absent = {
        path: revision.absent.get(path, "its stages do not make it")
        for path in NEEDED
        if not (copy.root / path).exists()
    }
    return replace(revision, folder=copy.root, absent=absent, rebuilt=differs_in)


def _forget_lost_outputs(copy: Checkout) -> None:
    """Remove stages whose outputs are lost from the clone's `dvc.lock`.

    DVC would look for the outputs that are recorded, and nothing else. Where a rebuild makes
    others, each comparison would run the stage again, though the run is in the cache.
    """
    path = copy.root / "dvc.lock"
    lost = {
        stage.name
        for stage in copy.stages
        for out in stage.outs
        if out.is_cached and out.oid
        for oid, _ in copy.objects(out.oid)
        if not copy.cached(oid).is_file()
    }
    if lost and path.is_file():
        record = load(path)
        kept = {name: stage for name, stage in record["stages"].items() if name not in lost}
        # JSON is YAML in which each value is of one type only.
        text = json.dumps({**record, "stages": kept}, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")


def _makers(copy: Checkout, revision: Revision) -> list[str]:
    """Names of the stages that make what the revision lacks."""
    lost = [path for path, why in revision.absent.items() if why == NOT_STORED]
    return [stage.name for stage in copy.stages if not stage.is_source and _makes(stage, lost)]


def _makes(stage: Stage, lost: list[str]) -> bool:
    return any(
        lies_in(path, out.path) or lies_in(out.path, path) for out in stage.outs for path in lost
    )
