"""Which files of a folder differ from those that `dvc.lock` recorded.

DVC records one hash for a folder that is a dependency, and keeps no list of its files. git has one:
the folder as it was in the commit that recorded the hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from perennial.review.revision.checkout import Checkout
from perennial.review.revision.pipeline import Tracked, lies_in


def changed_files(checkout: Checkout, dep: Tracked) -> list[str]:
    """Paths below a folder whose bytes are not the recorded ones: changed, new and deleted.

    Files that `.dvcignore` names and outputs do not count. The list is empty if git does not know
    the folder, or no commit recorded its hash.
    """
    # An absolute path is outside the repository.
    if Path(dep.path).is_absolute() or not (checkout.root / dep.path).is_dir():
        return []
    commit = _recorder(checkout, dep.oid)
    before = dict(_committed(checkout, commit, dep.path)) if commit else {}
    if not before:
        return []
    now = dict(_present(checkout, dep.path))
    outs = [out.path for stage in checkout.stages for out in stage.outs]
    return [
        str(PurePosixPath(path).relative_to(dep.path))
        for path in sorted(before.keys() | now.keys())
        if before.get(path) != now.get(path) and not any(lies_in(path, out) for out in outs)
    ]


def _recorder(checkout: Checkout, oid: str | None) -> str | None:
    """The commit that first wrote a hash to `dvc.lock`, else the last that changed the file."""
    log = ("log", "--format=%H")
    if oid is not None and (commits := checkout.git(*log, f"-S{oid}", "--", "dvc.lock").split()):
        return commits[-1]
    return next(iter(checkout.git(*log, "-1", "--", "dvc.lock").split()), None)


def _committed(checkout: Checkout, commit: str, folder: str) -> Iterator[tuple[str, str]]:
    ignored = checkout.repo.dvcignore
    for entry in checkout.git("ls-tree", "-r", "-z", commit, "--", f"{folder}/").split("\0"):
        if entry:
            described, path = entry.split("\t", 1)
            mode, _, blob = described.split()
            is_file = mode.startswith("100")  # and neither a link nor a submodule
            if is_file and not ignored.is_ignored_file(str(checkout.root / path)):
                yield path, blob


def _present(checkout: Checkout, folder: str) -> Iterator[tuple[str, str]]:
    walk = checkout.repo.dvcignore.walk(checkout.repo.fs, str(checkout.root / folder))
    files = [Path(root) / name for root, _, names in walk for name in names]
    files = [file for file in files if file.is_file() and not file.is_symlink()]
    # Raw bytes are what DVC hashes: a checkout with other line endings differs too.
    listing = checkout.git(
        "hash-object", "--no-filters", "--stdin-paths", stdin="".join(f"{file}\n" for file in files)
    )
    for file, blob in zip(files, listing.split(), strict=True):
        yield file.relative_to(checkout.root).as_posix(), blob
