"""A checkout: its files, what git knows of them, and what DVC does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from perennial.review.revision.git import git
from perennial.review.revision.pipeline import Stage, stages_of
from perennial.runtime.errors import PerennialError


class Checkout:
    """A folder with `dvc.yaml` inside a git repository."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / "dvc.yaml").is_file():
            raise PerennialError(
                "there is no dvc.yaml here", where=str(root), hint="go to the repository's root"
            )

    def git(self, *arguments: str, stdin: str = "") -> str:
        """Standard output of a git command; a `PerennialError` if it fails."""
        return git(self.root, *arguments, stdin=stdin)

    @cached_property
    def root_of_git(self) -> Path:
        """The root of the git repository, which may lie above."""
        return Path(self.git("rev-parse", "--show-toplevel").removesuffix("\n"))

    @cached_property
    def prefix(self) -> str:
        """The path from git's root to this one, usually empty."""
        return self.git("rev-parse", "--show-prefix").removesuffix("\n")

    @cached_property
    def repo(self) -> Any:
        """The folder as DVC sees it."""
        from dvc.repo import Repo

        return Repo(self.root)

    @cached_property
    def stages(self) -> list[Stage]:
        """Every stage, each after those that it depends on."""
        return stages_of(self.repo, self.root)

    @cached_property
    def cache(self) -> Path:
        """The folder of DVC's cache."""
        return Path(self.repo.cache.local.path)

    @cached_property
    def whole_cache(self) -> Path:
        """The folder that holds DVC's cache of files, its cache of runs, and older ones."""
        return Path(self.repo.cache.local_cache_dir)

    def cached(self, oid: str) -> Path:
        """The path of an object in DVC's cache, whether or not it is there."""
        return self.cache / oid[:2] / oid[2:]

    def objects(self, oid: str) -> Iterator[tuple[str, str]]:
        """Hashes of the objects that make up an output, each with its path below it.

        The first is the output itself, with an empty path. If it is a folder whose list of files
        is missing or unreadable, it is the only one.
        """
        yield oid, ""
        if not oid.endswith(".dir"):
            return
        try:
            entries = json.loads(self.cached(oid).read_bytes())
            files = [(str(entry["md5"]), str(entry["relpath"])) for entry in entries]
        except (OSError, ValueError, KeyError, TypeError):
            return
        yield from files
