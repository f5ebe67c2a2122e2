"""Hashes as DVC computes them, and those that a `dvc.lock` records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from perennial.params import yamlfile


def md5(path: Path) -> str:
    """Hash a file as DVC does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def hash_of(path: Path) -> str:
    """Hash a file or a folder as DVC does: a folder by its list of files, with `.dir` appended."""
    if path.is_file():
        return md5(path)
    # DVC sorts by the parts of a path, so that a folder's files stay together.
    files = sorted(file.relative_to(path).parts for file in path.rglob("*") if file.is_file())
    listing = [{"md5": md5(path.joinpath(*parts)), "relpath": "/".join(parts)} for parts in files]
    content = json.dumps(listing, sort_keys=True).encode()
    return f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir"


def recorded_in(lock: Path) -> Iterator[tuple[str, str]]:
    """Path and hash of every output that a `dvc.lock` records."""
    for stage in yamlfile.load(lock).get("stages", {}).values():
        for out in stage.get("outs", []):
            yield str(out["path"]), str(out.get("md5"))
