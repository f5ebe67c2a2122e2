"""A commit whose outputs lie in neither cache nor remote, rebuilt in a clone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perennial.params.yamlfile import load
from perennial.review.revision import environments
from perennial.review.revision.checkout import Checkout, Stage, lies_in, objects
from perennial.review.revision.clone import bring_all, clone
from perennial.review.revision.recorded import altered
from perennial.review.revision.repro import differing, repro
from perennial.review.revision.revision import NEEDED, NOWHERE, Revision, at_commit
from perennial.runtime.errors import PerennialError


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def revision_at(
    repository: Path,
    name: str,
    into: Path,
    *,
    rebuild: bool = True,
    tell: Callable[[str], None] = _say,
) -> Revision:
    """Get a commit's files: from git, DVC's cache or a remote, else from a rebuild.

    A rebuild runs the commit's own stages in a clone, with the packages of its own lock. It shares
    the repository's DVC cache: what the cache holds is not made again, and what is made is there
    the next time.
    """
    found = at_commit(repository, name, into)
    found = replace(found, absent={**found.absent, **altered(found)})
    if not rebuild or NOWHERE not in found.absent.values():
        return found
    folder = into / "rebuilt"
    try:
        return _rebuilt(Checkout(repository), found, folder, tell)
    except PerennialError as error:
        shutil.rmtree(folder, ignore_errors=True)
        why = f"{NOWHERE}, and cannot be rebuilt ({' '.join(error.what.split())})"
        absent = {path: why if what == NOWHERE else what for path, what in found.absent.items()}
        return replace(found, absent=absent)


def _rebuilt(
    checkout: Checkout, revision: Revision, folder: Path, tell: Callable[[str], None]
) -> Revision:
    assert revision.commit is not None
    folder.mkdir()
    tell(f"rebuilding {revision}: cloning")
    copy = clone(checkout, revision.commit, folder, checkout.whole_cache)
    wanted = _makers(copy, revision)
    tell(f"rebuilding {revision}: the environment of its lock")
    environment = environments.at_hand(checkout.root, environments.files_of(copy.root))
    bring_all(copy)
    _strike_lost(copy)

    def begin(stage: str) -> None:
        tell(f"rebuilding {revision}: {stage}")

    failure = repro(copy.root, folder, environment, begin, *wanted)
    if failure:
        raise PerennialError(f"{failure.stage}: {failure.reason}")
    differs_in = tuple(out.path for _, out, _ in differing(copy.stages, Checkout(copy.root).stages))
    # What was made is to be held against the record that the commit has, not against itself.
    if "dvc.lock" not in revision.absent:
        copy.git("restore", "dvc.lock")
    return replace(
        revision,
        folder=copy.root,
        absent={
            path: revision.absent.get(path, "its stages do not make it")
            for path in NEEDED
            if not (copy.root / path).exists()
        },
        rebuilt=differs_in,
    )


def _strike_lost(copy: Checkout) -> None:
    """Strike stages whose outputs are lost out of the clone's `dvc.lock`.

    DVC would look for the outputs that are recorded, and nothing else. Where a rebuild makes
    others, each comparison would run the stage again, though the run is in the cache.
    """
    path = copy.root / "dvc.lock"
    lost = {
        stage.name
        for stage in copy.stages
        for out in stage.outs
        if out.is_cached and out.oid
        for oid, _ in objects(copy, out.oid)
        if not copy.cached(oid).is_file()
    }
    if lost and path.is_file():
        record = load(path)
        kept = {name: stage for name, stage in record["stages"].items() if name not in lost}
        # JSON is YAML, and says each value as it is.
        text = json.dumps({**record, "stages": kept}, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")


def _makers(copy: Checkout, revision: Revision) -> list[str]:
    """Name the stages that make what the revision lacks."""
    lost = [path for path, why in revision.absent.items() if why == NOWHERE]
    return [stage.name for stage in copy.stages if not stage.is_source and _makes(stage, lost)]


def _makes(stage: Stage, lost: list[str]) -> bool:
    return any(
        lies_in(path, out.path) or lies_in(out.path, path) for out in stage.outs for path in lost
    )
