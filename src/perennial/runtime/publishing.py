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
    """Yield a place to write in, and rename it to `path` when the block ends well.

    The place lies beside `path`, so that the rename stays inside one file system. What a killed run
    left there is removed first; after an exception nothing is left. The place bears the number of
    this process: a run that outlived its killed `dvc repro` finds its place gone and fails, rather
    than publish what another run is still writing.

    Parameters
    ----------
    path : Path
        The file or folder that is to appear.

    Yields
    ------
    Path
        A path that does not exist yet; the block makes a file or a folder of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    left_behind = re.compile(rf"\.{re.escape(path.name)}\.\d+\.(new|old)\.partial")
    for place in list(path.parent.iterdir()):
        if left_behind.fullmatch(place.name):
            _remove(place)
    new, old = (path.parent / f".{path.name}.{os.getpid()}.{age}.partial" for age in ("new", "old"))
    try:
        yield new
        _replace(new, path, old)
    finally:
        _remove(new)
        _remove(old)


@contextmanager
def publishing_all(*paths: Path) -> Iterator[list[Path]]:
    """Publish several outputs together: none is renamed unless all were written.

    Parameters
    ----------
    *paths : Path
        The files or folders that are to appear.

    Yields
    ------
    list of Path
        A place to write in for each path, in order.
    """
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
