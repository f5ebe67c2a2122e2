"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Yield a path for a new file or folder, and rename it to `path` when the block ends well.

    The new path is beside `path`, so that the rename stays inside one file system. What a killed
    run left there is removed first; after an exception nothing is left. The new path's name has the
    number of this process: a run that outlived its killed `dvc repro` fails for want of its file,
    rather than publish what another run is still writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    leftover = re.compile(rf"\.{re.escape(path.name)}\.\d+\.(new|old)\.partial")
    for entry in list(path.parent.iterdir()):
        if leftover.fullmatch(entry.name):
            _remove(entry)
    new, old = (path.parent / f".{path.name}.{os.getpid()}.{age}.partial" for age in ("new", "old"))
    try:
        yield new
        _replace(new, path, old)
    finally:
        _remove(new)
        _remove(old)


@contextmanager
def publishing_all(*paths: Path) -> Iterator[list[Path]]:
    """Publish several outputs together, in order: none is renamed unless all were written."""
    with ExitStack() as stack:
        yield [stack.enter_context(publishing(path)) for path in paths]


def _replace(new: Path, path: Path, old: Path) -> None:
    # A folder cannot be renamed over a folder that has files, so the old one steps aside, whole.
    try:
        if path.is_dir() and not path.is_symlink():
            path.rename(old)
        new.replace(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
