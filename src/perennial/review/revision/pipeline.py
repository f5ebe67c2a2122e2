"""A pipeline's stages as `dvc.yaml` and `.dvc` files declare them and `dvc.lock` records them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Tracked:
    """A dependency or an output of a stage."""

    path: str
    """Relative to the checkout's root; absolute or a URL outside it."""
    oid: str | None
    """Its hash in `dvc.lock` or a `.dvc` file."""
    is_cached: bool = False
    """Whether DVC keeps it, and not git."""
    remote: str | None = None
    """The remote that keeps it, where that is not the default one."""


@dataclass(frozen=True)
class Stage:
    """A stage of `dvc.yaml`, or a `.dvc` file."""

    name: str
    """As DVC calls it in the checkout's root."""
    deps: tuple[Tracked, ...] = ()
    """Without parameters."""
    outs: tuple[Tracked, ...] = ()
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By file, the declared keys with the values in `dvc.lock`; no key for a whole file."""
    is_source: bool = False
    """Whether it has no command: its outputs come from outside."""
    is_frozen: bool = False
    """Whether `dvc.yaml` keeps DVC from looking at its inputs, though it has a command."""


def lies_in(path: str, folder: str) -> bool:
    """Whether a path, with forward slashes, is a folder or lies below it."""
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


def differing(before: list[Stage], after: list[Stage]) -> list[tuple[Stage, Tracked, str | None]]:
    """Outputs whose hash changed: stage and output as before, and the new hash, if there is one."""
    new = {out.path: out.oid for stage in after for out in stage.outs}
    return [
        (stage, out, new.get(out.path))
        for stage in before
        for out in stage.outs
        if out.oid != new.get(out.path)
    ]


def stages_of(repo: Any, root: Path) -> list[Stage]:
    """Stages of a `dvc.repo.Repo`, in the order in which they run."""
    return in_order(_stage(stage, root) for stage in repo.index.stages)


def _stage(stage: Any, root: Path) -> Stage:
    return Stage(
        name=_name(stage, root),
        deps=tuple(_tracked(dep, root) for dep in stage.deps if not hasattr(dep, "params")),
        outs=tuple(_tracked(out, root) for out in stage.outs),
        params={_path(dep, root): _recorded(dep) for dep in stage.deps if hasattr(dep, "params")},
        is_source=stage.cmd is None,
        is_frozen=bool(stage.frozen) and stage.cmd is not None,
    )


def _name(stage: Any, root: Path) -> str:
    # DVC's own name for it depends on the current folder.
    path = Path(stage.path).relative_to(root).as_posix()
    if stage.cmd is None:
        return path
    return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"


def _tracked(item: Any, root: Path) -> Tracked:
    oid = item.hash_info.value if item.hash_info else None
    return Tracked(
        _path(item, root),
        oid if isinstance(oid, str) else None,
        bool(item.use_cache) and bool(item.can_push),
        item.remote,
    )


def _path(item: Any, root: Path) -> str:
    path = Path(item.fs_path)
    is_inside = item.protocol == "local" and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if is_inside else str(item.fs_path)


def _recorded(dep: Any) -> dict[str, Any]:
    values = dep.hash_info.value if dep.hash_info else None
    return {key: (values or {}).get(key) for key in dep.params}
