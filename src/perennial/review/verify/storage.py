"""What DVC keeps is whole in its cache, and is in the remote too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from perennial.review.report.wording import few
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.hashes import md5
from perennial.review.revision.pipeline import Tracked
from perennial.runtime.checks import Answer, CouldNotTell, Finding, NotApplicable


def find_damaged(checkout: Checkout) -> Answer:
    """Objects of the cache whose bytes are not those that `dvc.lock` and `.dvc` files record.

    DVC itself does not look: it trusts a file that is write-protected.
    """
    findings, count = [], 0
    for owner, oid, below in _kept(checkout):
        path = checkout.cached(oid)
        if not path.is_file():
            continue
        count += 1
        if md5(path) != oid.removesuffix(".dir"):
            where = os.path.relpath(path, checkout.root)
            name = f"{owner.path}/{below}".rstrip("/")
            findings.append(Finding(where, f"its bytes are not those of {name} any more"))
    return findings if count else NotApplicable("the cache holds nothing of what dvc.lock names")


def find_absent_from_remote(checkout: Checkout) -> Answer:
    """Outputs of which a remote lacks an object.

    `dvc status --cloud` asks for a folder's list alone, and takes its files for granted.
    """
    if not checkout.repo.config["remote"]:
        return NotApplicable("no remote is configured")
    default = checkout.repo.config["core"].get("remote")
    by_remote: dict[str | None, list[tuple[str, str, str]]] = {}
    for owner, oid, below in _kept(checkout):
        by_remote.setdefault(owner.remote or default, []).append((owner.path, oid, below))
    if None in by_remote:
        return NotApplicable("no default remote is set: dvc remote default NAME")
    findings: list[Finding] = []
    for remote, entries in by_remote.items():
        answer = _absent(checkout, str(remote), entries)
        if isinstance(answer, CouldNotTell):
            return answer
        findings += answer
    return findings


def _absent(
    checkout: Checkout, remote: str, entries: list[tuple[str, str, str]]
) -> list[Finding] | CouldNotTell:
    try:
        store = checkout.repo.cloud.get_remote_odb(remote, "verify")
        present = set(store.oids_exist([oid for _, oid, _ in entries]))
        if not present:
            _reach(store, entries[0][1])
    # Each remote's library has exceptions of its own.
    except Exception as error:  # noqa: BLE001
        reason = str(error) or type(error).__name__
        return CouldNotTell(f"remote {remote} does not answer: {reason}")
    absent: dict[str, list[str]] = {}
    for path, oid, below in entries:
        if oid not in present:
            absent.setdefault(path, []).append(below or path)
    return [Finding(path, f"remote {remote} lacks {few(files)}") for path, files in absent.items()]


def _reach(store: Any, oid: str) -> None:
    """Raise the error of a remote out of reach: over HTTP, everything seems not to be there."""
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
                for oid, below in checkout.objects(out.oid):
                    yield out, oid, below
