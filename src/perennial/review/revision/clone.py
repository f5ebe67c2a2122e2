"""A temporary clone of a commit, with the data that come from outside and nothing else."""

from __future__ import annotations

import configparser
import shutil
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from perennial.review.revision.checkout import Checkout, Stage, Tracked, git, md5, objects
from perennial.runtime.errors import PerennialError


def clone(checkout: Checkout, commit: str, folder: Path, cache: Path | None = None) -> Checkout:
    """Clone a commit, with the caller's remotes."""
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


def bring_data(checkout: Checkout, copy: Checkout) -> None:
    """Bring what `.dvc` files track into a clone: from the caller's cache, else from the remote."""
    sources = [stage for stage in copy.stages if stage.is_source]
    if not sources:
        return
    lacking = [stage.name for stage in sources if not _copied(stage, checkout, copy)]
    from dvc.exceptions import DvcException

    try:
        with chdir(copy.root):
            if lacking:
                copy.repo.fetch(lacking)
            copy.repo.checkout([stage.name for stage in sources], force=True)
    except DvcException as error:
        raise PerennialError(
            f"data from outside are neither in the cache nor in the remote: {error}",
            where=", ".join(lacking) or None,
            hint="dvc pull, or dvc push from where they are",
        ) from None


def bring_all(copy: Checkout) -> None:
    """Bring all that a commit records into its clone, as far as its cache or a remote has it."""
    from dvc.exceptions import DvcException

    # DVC warns of what has no hash, and has nothing to bring for it.
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


def record_outputs(copy: Checkout, folder: Path) -> None:
    """Set aside the outputs that git keeps, before a rebuild writes over them."""
    for stage in copy.stages:
        for out in stage.outs:
            path = copy.root / out.path
            if path.is_dir():
                shutil.copytree(path, folder / out.path)
            elif path.is_file() and not stage.is_source:
                (folder / out.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / out.path)


def bring_output(checkout: Checkout, copy: Checkout, out: Tracked, folder: Path) -> Path | None:
    """Bring one output as the commit records it: from the caller's cache, else from the remote."""
    place = folder / out.path
    if place.exists() or out.oid is None:
        return place if place.exists() else None
    for oid, _ in objects(checkout, out.oid):
        if not _copy(checkout.cached(oid), copy.cached(oid), oid):
            _download(copy, out.remote, oid)
    for oid, below in objects(copy, out.oid):
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
    # No remote, or one that does not answer: then only the hashes are told.
    except Exception:  # noqa: BLE001
        copy.cached(oid).unlink(missing_ok=True)


def _copied(stage: Stage, checkout: Checkout, copy: Checkout) -> bool:
    oids = [oid for out in stage.outs if out.oid for oid, _ in objects(checkout, out.oid)]
    copied = [_copy(checkout.cached(oid), copy.cached(oid), oid) for oid in oids]
    return all(copied)


def _copy(source: Path, target: Path, oid: str) -> bool:
    if not source.is_file() or md5(source) != oid.removesuffix(".dir"):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True
