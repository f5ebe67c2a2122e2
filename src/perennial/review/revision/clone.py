"""A temporary clone of a commit, and the data that it needs, from the cache or a remote."""

from __future__ import annotations

import configparser
import shutil
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from perennial.review.revision.checkout import Checkout
from perennial.review.revision.git import git
from perennial.review.revision.hashes import md5
from perennial.review.revision.pipeline import Stage, Tracked
from perennial.runtime.errors import PerennialError


def clone(checkout: Checkout, commit: str, folder: Path, cache: Path | None = None) -> Checkout:
    """Clone a commit into an empty folder, with the caller's remotes.

    DVC's cache of the clone is one of its own, in `folder`, unless another is given.
    """
    tree = folder / "tree"
    # Objects are read where they are. Hooks are the caller's, not the commit's.
    git(folder, "clone", "--quiet", "--shared", "--no-checkout", str(checkout.root_of_git), "tree")
    git(tree, "-c", "core.hooksPath=/dev/null", "checkout", "--quiet", "--detach", commit)
    root = tree / checkout.prefix
    if not (root / ".dvc").is_dir():
        raise PerennialError("this commit has no .dvc folder", where=commit[:10])
    _configure(root, checkout, folder, cache or folder / "cache")
    return Checkout(root)


def _configure(root: Path, checkout: Checkout, folder: Path, cache: Path) -> None:
    config = configparser.RawConfigParser()
    remotes = checkout.repo.config["remote"]
    core = {"analytics": False, "site_cache_dir": folder / "site"}
    if default := checkout.repo.config["core"].get("remote"):
        core["remote"] = default
    sections = {"core": core, "cache": {"dir": cache, "type": "copy"}}
    sections |= {f"'remote \"{name}\"'": settings for name, settings in remotes.items()}
    for section, settings in sections.items():
        config[section] = {key: _text(value) for key, value in settings.items()}
    # A remote's credentials may be among them.
    path = root / ".dvc/config.local"
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        config.write(file)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def fetch_sources(checkout: Checkout, copy: Checkout) -> None:
    """Fetch what `.dvc` files track into a clone: from the caller's cache, else from the remote.

    What is in neither, or damaged in both, is a `PerennialError`.
    """
    sources = [stage for stage in copy.stages if stage.is_source]
    if not sources:
        return
    missing = [stage.name for stage in sources if not _copy_stage(stage, checkout, copy)]
    from dvc.exceptions import DvcException

    try:
        with chdir(copy.root):
            if missing:
                copy.repo.fetch(missing)
            copy.repo.checkout([stage.name for stage in sources], force=True)
    except DvcException as error:
        raise PerennialError(
            f"data from outside are neither in the cache nor in the remote: {error}",
            where=", ".join(missing) or None,
            hint="dvc pull, or dvc push from where they are",
        ) from None


def fetch_all(copy: Checkout) -> None:
    """Fetch all that a commit records into its clone, as far as its cache or a remote has it.

    Data that are in neither, and that no stage makes, are a `PerennialError`.
    """
    from dvc.exceptions import DvcException

    # DVC warns of outputs without a hash, and has nothing to fetch for them.
    recorded = [stage.name for stage in copy.stages if all(out.oid for out in stage.outs)]
    if recorded:
        with chdir(copy.root), suppress(DvcException):
            copy.repo.fetch(recorded)
        with chdir(copy.root):
            copy.repo.checkout(recorded, force=True, allow_missing=True)
    for stage in copy.stages:
        for out in stage.outs:
            if stage.is_source and not (copy.root / out.path).exists():
                raise PerennialError(
                    f"{out.path} is in neither the cache nor a remote, and no stage makes it"
                )


def save_outputs(copy: Checkout, folder: Path) -> None:
    """Copy the outputs that git keeps to a folder, before a rebuild writes over them."""
    for stage in copy.stages:
        for out in stage.outs:
            path = copy.root / out.path
            if path.is_dir():
                shutil.copytree(path, folder / out.path)
            elif path.is_file() and not stage.is_source:
                (folder / out.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / out.path)


def fetch_output(checkout: Checkout, copy: Checkout, out: Tracked, folder: Path) -> Path | None:
    """Fetch one output as the commit records it, to the folder of `save_outputs`.

    It is taken from that folder, the caller's cache or the remote; None if it is in none of them.
    """
    place = folder / out.path
    if place.exists() or out.oid is None:
        return place if place.exists() else None
    for oid, _ in checkout.objects(out.oid):
        if not _copy(checkout.cached(oid), copy.cached(oid), oid):
            _download(copy, out.remote, oid)
    for oid, below in copy.objects(out.oid):
        if not copy.cached(oid).is_file():
            return None
        if not oid.endswith(".dir"):
            (place / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy.cached(oid), place / below)
    return place


def _download(copy: Checkout, remote: str | None, oid: str) -> None:
    try:
        store = copy.repo.cloud.get_remote_odb(remote, "verify")
        copy.cached(oid).parent.mkdir(parents=True, exist_ok=True)
        store.fs.get_file(store.oid_to_path(oid), str(copy.cached(oid)))
    # Without a remote, or one that answers, only the hashes are reported.
    except Exception:  # noqa: BLE001
        copy.cached(oid).unlink(missing_ok=True)


def _copy_stage(stage: Stage, checkout: Checkout, copy: Checkout) -> bool:
    oids = [oid for out in stage.outs if out.oid for oid, _ in checkout.objects(out.oid)]
    copied = [_copy(checkout.cached(oid), copy.cached(oid), oid) for oid in oids]
    return all(copied)


def _copy(source: Path, target: Path, oid: str) -> bool:
    if not source.is_file() or md5(source) != oid.removesuffix(".dir"):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True
