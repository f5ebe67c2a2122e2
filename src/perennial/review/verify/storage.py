"""What DVC keeps is whole in its cache, and is in the remote too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from perennial.review.revision.checkout import Checkout, Tracked, md5, objects
from perennial.review.verify.definition import Answer, CannotTell, Finding, NotApplicable


def find_damaged(checkout: Checkout) -> Answer:
    """Hash every object of the cache that `dvc.lock` and `.dvc` files name.

    DVC itself does not: it takes a file that nobody may write for the one that it was.
    """
    found, seen = [], 0
    for owner, oid, below in _kept(checkout):
        path = checkout.cached(oid)
        if not path.is_file():
            continue
        seen += 1
        if md5(path) != oid.removesuffix(".dir"):
            where = os.path.relpath(path, checkout.root)
            name = f"{owner.path}/{below}".rstrip("/")
            found.append(Finding(where, f"its bytes are not those of {name} any more"))
    return found if seen else NotApplicable("the cache holds nothing of what dvc.lock names")


def find_absent_from_remote(checkout: Checkout) -> Answer:
    """Ask each remote for every object that it should have.

    `dvc status --cloud` asks for a folder's list alone, and takes its files for granted.
    """
    if not checkout.repo.config["remote"]:
        return NotApplicable("no remote is configured")
    default = checkout.repo.config["core"].get("remote")
    wanted: dict[str | None, list[tuple[str, str, str]]] = {}
    for owner, oid, below in _kept(checkout):
        wanted.setdefault(owner.remote or default, []).append((owner.path, oid, below))
    if None in wanted:
        return NotApplicable("no default remote is set: dvc remote default NAME")
    found: list[Finding] = []
    for remote, entries in wanted.items():
        answer = _absent(checkout, str(remote), entries)
        if isinstance(answer, CannotTell):
            return answer
        found += answer
    return found


def _absent(
    checkout: Checkout, remote: str, entries: list[tuple[str, str, str]]
) -> list[Finding] | CannotTell:
    try:
        store = checkout.repo.cloud.get_remote_odb(remote, "verify")
        there = set(store.oids_exist([oid for _, oid, _ in entries]))
        if not there:
            _reach(store, entries[0][1])
    # What a remote's library raises is a matter of its own.
    except Exception as error:  # noqa: BLE001
        return CannotTell(f"remote {remote} does not answer: {str(error) or type(error).__name__}")
    lacking: dict[str, list[str]] = {}
    for path, oid, below in entries:
        if oid not in there:
            lacking.setdefault(path, []).append(below or path)
    return [
        Finding(path, f"remote {remote} lacks {_few(files)}") for path, files in lacking.items()
    ]


def _reach(store: Any, oid: str) -> None:
    """Raise what keeps a remote out of reach: over HTTP it says of everything it is not there."""
    try:
        with store.fs.open(store.oid_to_path(oid), "rb"):
            pass
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None


def _kept(checkout: Checkout) -> Iterator[tuple[Tracked, str, str]]:
    for stage in checkout.stages:
        for out in stage.outs:
            if out.is_cached and out.oid is not None:
                for oid, below in objects(checkout, out.oid):
                    yield out, oid, below


def _few(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
