"""An environment made from a tree's own lock, by its own script, and kept for the next time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from perennial.runtime.environment import LOCK, differences, installed, pinned
from perennial.runtime.errors import PerennialError, listed

#: Where they are kept, below the repository: ignored by git and by DVC.
FOLDER = Path(".perennial/environments")

#: What `scripts/environment` needs to install the package beside its requirements. Stages run the
#: code of the tree that they are in, so the rest of it is not needed.
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
    """Make an environment in a folder, unless it is there already; `bin` is below its path.

    `read` gives the content of a file of the tree, `python` makes it.
    """
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
    """The environment of a tree's lock, for the Python that runs this, kept below `root`."""
    digest = hashlib.sha256(sys.version.encode())
    for name in NEEDED:
        digest.update(read(name))
    home = root / FOLDER / digest.hexdigest()[:16]
    return provide(home, read, Path(sys.executable)).resolve()


def current_or_own(root: Path, read: Callable[[str], bytes]) -> Path:
    """The environment that runs this, if it holds what a tree's lock names; else the lock's own."""
    here = Path(sys.executable).parent.parent
    is_other = differences(dict(pinned(read(str(LOCK)).decode())), installed())
    return of_lock(root, read) if is_other or not (here / "bin/python").exists() else here


def current(lock: str) -> Path:
    """The environment that runs this; a `PerennialError` if a lock pins other packages."""
    differing = differences(dict(pinned(lock)), installed())
    if differing:
        raise PerennialError(
            f"{sys.executable} has other packages than the commit's lock:{listed(differing)}",
            where=str(LOCK),
            hint="leave --environment current out: then one is made from that lock",
        )
    return Path(sys.executable).parent.parent


def reader_of(root: Path) -> Callable[[str], bytes]:
    """What reads a tree's files for `provide`, with a `PerennialError` for a missing one."""

    def read(name: str) -> bytes:
        try:
            return (root / name).read_bytes()
        except FileNotFoundError:
            raise PerennialError(f"the commit has no {name}") from None

    return read


def clean_variables() -> dict[str, str]:
    """The caller's variables without those that would change what is computed."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
