"""A checkout: its files, what git knows of them, and what DVC does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any

from perennial.runtime.errors import PerennialError

_OF_A_HOOK = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE"}


@dataclass(frozen=True)
class Tracked:
    """A dependency or an output of a stage."""

    path: str
    oid: str | None
    is_cached: bool = False
    remote: str | None = None


@dataclass(frozen=True)
class Stage:
    """A stage of `dvc.yaml`, or what a `.dvc` file tracks."""

    name: str
    deps: tuple[Tracked, ...] = ()
    outs: tuple[Tracked, ...] = ()
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_source: bool = False
    is_frozen: bool = False


class Checkout:
    """A folder with `dvc.yaml` inside a git repository."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / "dvc.yaml").is_file():
            raise PerennialError(
                "there is no dvc.yaml here", where=str(root), hint="go to the repository's root"
            )

    def git(self, *arguments: str, given: str = "") -> str:
        """Ask git."""
        return git(self.root, *arguments, given=given)

    @cached_property
    def root_of_git(self) -> Path:
        """The root of the git repository, which may lie above."""
        return Path(self.git("rev-parse", "--show-toplevel").removesuffix("\n"))

    @cached_property
    def prefix(self) -> str:
        """The way from git's root to this one: empty, mostly."""
        return self.git("rev-parse", "--show-prefix").removesuffix("\n")

    @cached_property
    def repo(self) -> Any:
        """The folder as DVC sees it."""
        from dvc.repo import Repo

        return Repo(self.root)

    @cached_property
    def stages(self) -> list[Stage]:
        """Every stage, each after those that it depends on."""
        return in_order([self._stage(stage) for stage in self.repo.index.stages])

    @cached_property
    def cache(self) -> Path:
        """The folder of DVC's cache."""
        return Path(self.repo.cache.local.path)

    @cached_property
    def whole_cache(self) -> Path:
        """The folder that holds DVC's cache of files, its cache of runs, and older ones."""
        return Path(self.repo.cache.local_cache_dir)

    def cached(self, oid: str) -> Path:
        """Find where DVC's cache keeps an object."""
        return self.cache / oid[:2] / oid[2:]

    def _stage(self, stage: Any) -> Stage:
        params = {self._path(dep): _recorded(dep) for dep in stage.deps if hasattr(dep, "params")}
        return Stage(
            name=self._name(stage),
            deps=tuple(self._tracked(dep) for dep in stage.deps if not hasattr(dep, "params")),
            outs=tuple(self._tracked(out) for out in stage.outs),
            params=params,
            is_source=stage.cmd is None,
            is_frozen=bool(stage.frozen) and stage.cmd is not None,
        )

    def _name(self, stage: Any) -> str:
        # DVC's own word for it depends on the folder that one stands in.
        path = Path(stage.path).relative_to(self.root).as_posix()
        if stage.cmd is None:
            return path
        return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"

    def _tracked(self, item: Any) -> Tracked:
        oid = item.hash_info.value if item.hash_info else None
        return Tracked(
            self._path(item),
            oid if isinstance(oid, str) else None,
            bool(item.use_cache) and bool(item.can_push),
            item.remote,
        )

    def _path(self, item: Any) -> str:
        path = Path(item.fs_path)
        is_inside = item.protocol == "local" and path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if is_inside else str(item.fs_path)


def _recorded(dep: Any) -> dict[str, Any]:
    values = dep.hash_info.value if dep.hash_info else None
    return {key: (values or {}).get(key) for key in dep.params}


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """Ask git about a folder."""
    # Inside a hook, git tells its children of the repository that the hook belongs to.
    kept = {key: value for key, value in os.environ.items() if key not in _OF_A_HOOK}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        # What a clone of another would not see, `git replace`, is not to be judged by.
        env={**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        input=given,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PerennialError(f"git {arguments[0]}: {reason}", where=str(folder))
    return done.stdout


def lies_in(path: str, folder: str) -> bool:
    """Say whether a path is another one or lies below it."""
    return PurePosixPath(path).is_relative_to(folder)


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """Sort stages so that each comes after those whose outputs it depends on."""
    by_name = {stage.name: stage for stage in stages}
    graph = {
        name: [other.name for other in by_name.values() if _feeds(other, stage)]
        for name, stage in by_name.items()
    }
    return [by_name[name] for name in TopologicalSorter(graph).static_order()]


def _feeds(earlier: Stage, later: Stage) -> bool:
    return any(
        lies_in(dep.path, out.path) or lies_in(out.path, dep.path)
        for out in earlier.outs
        for dep in later.deps
    )


def objects(checkout: Checkout, oid: str) -> Iterator[tuple[str, str]]:
    """List the objects that an output consists of."""
    yield oid, ""
    if not oid.endswith(".dir"):
        return
    try:
        entries = json.loads(checkout.cached(oid).read_bytes())
        files = [(str(entry["md5"]), str(entry["relpath"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return
    yield from files


def md5(path: Path) -> str:
    """Hash a file as DVC does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
