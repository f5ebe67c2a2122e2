"""Files against the hashes that a `dvc.lock` records: a cache and a remote can hold anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from perennial.params import yamlfile
from perennial.review.revision.checkout import md5
from perennial.review.revision.revision import NEEDED, Revision


def altered(revision: Revision) -> dict[str, str]:
    """Find files of a commit that the cache or a remote gave otherwise than they are recorded."""
    if "dvc.lock" in revision.absent:
        return {}
    return {
        name: "what the cache or a remote holds is not what its dvc.lock records"
        for name, oid in recorded_in(revision.path("dvc.lock"))
        if name in NEEDED and name not in revision.absent and hash_of(revision.path(name)) != oid
    }


def recorded_in(lock: Path) -> Iterator[tuple[str, str]]:
    """Read the path and the hash of every output that a `dvc.lock` records."""
    for stage in yamlfile.load(lock).get("stages", {}).values():
        for out in stage.get("outs", []):
            yield str(out["path"]), str(out.get("md5"))


def hash_of(path: Path) -> str:
    """Hash a file or a folder as DVC does."""
    if path.is_file():
        return md5(path)
    # DVC sorts by the parts of a path, so that a folder's files stay together.
    files = sorted(file.relative_to(path).parts for file in path.rglob("*") if file.is_file())
    listed = [{"md5": md5(path.joinpath(*parts)), "relpath": "/".join(parts)} for parts in files]
    content = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir"
