"""An environment made from a tree's own lock, by its own script, and kept for the next time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from perennial.runtime.environment import LOCK, differences, installed, pinned
from perennial.runtime.errors import PerennialError, listed

#: Where they are kept, below the repository: ignored by git and by DVC.
FOLDER = Path(".perennial/environments")

#: What `scripts/environment` needs to install the package beside its requirements. Stages run the
#: code of the tree that they stand in, so the rest of it is not needed.
NEEDED = (
    "LICENSE", "pyproject.toml", "requirements/build.txt", "scripts/environment",
    "src/perennial/__init__.py",
)  # fmt: skip

#: Variables that would change what a stage computes, or what it runs.
LEFT_OUT = (
    "CONDA_PREFIX", "DVC_", "GIT_", "LANG", "LANGUAGE", "LC_ALL", "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "PYTHONHOME", "PYTHONPATH", "TZ", "VIRTUAL_ENV",
)  # fmt: skip


def provide(home: Path, read: Callable[[str], bytes], python: Path) -> Path:
    """Make an environment, or find it made."""
    for name in NEEDED:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(read(name))
    done = subprocess.run(
        ["sh", str(home / "scripts/environment")],
        cwd=home,
        env={**clean_variables(), "PYTHON": str(python)},
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise PerennialError(
            f"the environment cannot be made:{listed(done.stderr.strip().splitlines()[-5:])}",
            where=str(home),
        )
    return home / ".venv"


def of_lock(root: Path, read: Callable[[str], bytes]) -> Path:
    """Make or find the environment of a tree's lock, for the Python that runs this."""
    digest = hashlib.sha256(sys.version.encode())
    for name in NEEDED:
        digest.update(read(name))
    home = root / FOLDER / digest.hexdigest()[:16]
    return provide(home, read, Path(sys.executable)).resolve()


def at_hand(root: Path, read: Callable[[str], bytes]) -> Path:
    """Take the environment that runs this, if it holds what a tree's lock names; else make one."""
    here = Path(sys.executable).parent.parent
    is_other = differences(dict(pinned(read(str(LOCK)).decode())), installed())
    return of_lock(root, read) if is_other or not (here / "bin/python").exists() else here


def files_of(root: Path) -> Callable[[str], bytes]:
    """Give what reads a tree's files for `provide`, and refuses by name one that is not there."""

    def read(name: str) -> bytes:
        try:
            return (root / name).read_bytes()
        except FileNotFoundError:
            raise PerennialError(f"the commit has no {name}") from None

    return read


def refuse_other_lock(text: str) -> Path:
    """Take the environment that runs this, if a lock is just what it holds."""
    found = differences(dict(pinned(text)), installed())
    if found:
        raise PerennialError(
            f"{sys.executable} has other packages than the commit's lock:{listed(found)}",
            where=str(LOCK),
            hint="leave --environment current out: then one is made from that lock",
        )
    return Path(sys.executable).parent.parent


def clean_variables() -> dict[str, str]:
    """Copy the caller's variables, but for those that would change what is computed."""
    return dict(_kept())


def _kept() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if not name.startswith(LEFT_OUT):
            yield name, value
