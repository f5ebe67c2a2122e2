"""Read a bundle's folder without trust: each file once, and only what the manifest lists.

The order matters. The signature is checked, where a public key is configured, before the manifest
is parsed; the manifest before any other file is opened; and each file's size and SHA-256 before it
is parsed. The bytes that are returned are those that were hashed.

Why so: docs/decisions.md#d32
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from perennial.bundle import signing
from perennial.bundle.manifest import (
    LARGEST_BUNDLE,
    LARGEST_MANIFEST,
    MANIFEST,
    BundleError,
    parse,
    shown,
)

# Follow no link and wait for no pipe, where the system has these flags (Windows has not).
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def read(folder: Path, public_key: str | None = None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read a bundle's manifest, and each file that it lists by path; check both.

    Raises a `BundleError` where the bundle is not whole, not what its manifest says, not signed by
    `public_key` (by default that of `PERENNIAL_PUBLIC_KEY`, if set), or newer than this code.
    """
    content = read_manifest(folder)
    check_signature(folder, content, public_key)
    return check_files(folder, content)


def read_manifest(folder: Path) -> bytes:
    """The bytes of a bundle's manifest, unchecked: what a signature signs."""
    content = _read_regular(folder / MANIFEST, LARGEST_MANIFEST)
    if content is None:
        raise BundleError(f"{folder / MANIFEST}: missing; is this a bundle?")
    return content


def check_signature(folder: Path, content: bytes, public_key: str | None = None) -> None:
    """Check the signature of a manifest's bytes, where a public key is configured."""
    key = signing.configured(public_key)
    if key is None:
        return
    path = signing.beside(folder)
    signature = _read_regular(path, signing.SIZE)
    if signature is None:
        raise BundleError(f"{path}: missing; a public key is configured, so it is required")
    if not signing.is_signature(signature, content, key):
        raise BundleError(f"{path}: not the signature of this manifest by the configured key")


def check_files(folder: Path, content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Check the bytes of a manifest, and a bundle's files against it; both are returned."""
    try:
        manifest = parse(content)
    except BundleError as error:
        raise BundleError(f"{folder}/{error}") from None
    _refuse_others(folder, set(manifest["files"]))
    files = manifest["files"]
    # A manifest too old to have sizes: all files together may be as large as a bundle may.
    share = LARGEST_BUNDLE // max(1, len(files))
    return manifest, {
        name: _read_file(folder / name, file, share) for name, file in sorted(files.items())
    }


def _refuse_others(folder: Path, files: set[str]) -> None:
    folders = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents}
    known = files | folders | {MANIFEST}
    for name, entry in _walk(folder, "", len(known)):
        if entry.is_symlink():
            raise BundleError(f"{folder / shown(name)}: a symbolic link; copy the bundle (cp -rL)")
        if name not in (folders if entry.is_dir() else known - folders):
            raise BundleError(f"{folder / shown(name)}: not in the manifest")


def _walk(folder: Path, above: str, known: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
    # One entry more than are known is enough to detect one that is not, however many there are.
    try:
        with os.scandir(folder) as entries:
            listed = sorted(islice(entries, known + 1), key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from None
    for entry in listed:
        # The caller checks an entry before its own are listed: no unknown folder is entered.
        yield above + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{above}{entry.name}/", known)


def _read_file(path: Path, listed: dict[str, Any], share: int) -> bytes:
    size = listed["bytes"]
    content = _read_regular(path, share if size is None else size)
    if content is None:
        raise BundleError(f"{path}: missing; the manifest lists it")
    if size not in (None, len(content)):
        raise BundleError(f"{path}: {len(content)} bytes; the manifest says {size}")
    if hashlib.sha256(content).hexdigest() != listed["sha256"]:
        raise BundleError(f"{path}: its SHA-256 is not the manifest's")
    return content


def _read_regular(path: Path, largest: int) -> bytes | None:
    """The content of a regular file of at most `largest` bytes; None if there is none."""
    try:
        # A device must not even be opened, and what is opened may not be what was looked at.
        _refuse_odd(path, path.lstat())
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            opened = os.fstat(file.fileno())
            _refuse_odd(path, opened)
            size = opened.st_size
            if size > largest:
                raise BundleError(f"{path}: {size} bytes; at most {largest} are expected")
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from None
    except MemoryError:
        raise BundleError(f"{path}: too large for this machine's memory") from None


def _refuse_odd(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise BundleError(f"{path}: a symbolic link; copy the bundle (cp -rL)")
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{path}: not a regular file")


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(f"{path}: {error.strerror or error}")
