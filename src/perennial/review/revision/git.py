"""git, run in a folder, with nothing of a calling hook."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from perennial.runtime.errors import PerennialError

_SET_BY_HOOKS = {
    "GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE"
}  # fmt: skip


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    """Standard output of a git command in a folder; a `PerennialError` if it fails."""
    # Inside a hook, git sets variables that point at the repository of the hook.
    kept = {key: value for key, value in os.environ.items() if key not in _SET_BY_HOOKS}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        # Another clone would not see `git replace`, so no answer may depend on it.
        env={**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        input=stdin,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PerennialError(f"git {arguments[0]}: {reason}", where=str(folder))
    return done.stdout
