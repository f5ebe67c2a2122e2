"""`dvc repro` in a clone: told stage by stage, and ended together with whoever waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.checkout import Stage, Tracked
from perennial.review.revision.environments import clean_variables

_RUNNING = "Running stage '"


@dataclass(frozen=True)
class Failure:
    """A stage that did not come to its end."""

    stage: str
    said: list[str]

    @property
    def reason(self) -> str:
        """The line that says most: a stage's own refusal bears its name."""
        own = [line for line in self.said if line.startswith(f"{self.stage}: ")]
        plain = [line for line in self.said if not line.startswith((">", "ERROR: failed to repr"))]
        return (own or plain or ["it said nothing"])[-1].removeprefix(f"{self.stage}: ")


def repro(
    tree: Path,
    folder: Path,
    environment: Path,
    tell: Callable[[str], None],
    *options: str,
    shell: Path | None = None,
) -> Failure | None:
    """Run the stages of a clone, with nothing of the caller's own settings."""
    with subprocess.Popen(
        [str(environment / "bin/python"), "-m", "dvc", "repro", *options],
        cwd=tree,
        env=_variables(folder, environment, shell),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            failure = _follow(process, tell)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return failure if process.returncode else None


def _follow(process: subprocess.Popen[str], tell: Callable[[str], None]) -> Failure:
    assert process.stdout is not None
    stage, last = "dvc repro", deque[str](maxlen=8)
    for line in process.stdout:
        if line.startswith(_RUNNING):
            stage = line.removeprefix(_RUNNING).partition("'")[0]
            tell(stage)
            last.clear()
        elif line.strip():
            last.append(line.rstrip())
    return Failure(stage, list(last))


def _variables(folder: Path, environment: Path, shell: Path | None) -> dict[str, str]:
    of_dvc = {
        f"DVC_{name}_DIR": str(folder / "dvc" / name)
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
    }
    return {
        **clean_variables(),
        **of_dvc,
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **({"SHELL": str(shell)} if shell else {}),
    }


def differing(before: list[Stage], after: list[Stage]) -> list[tuple[Stage, Tracked, str | None]]:
    """List the outputs whose hash is another one after a run."""
    new = {out.path: out.oid for stage in after for out in stage.outs}
    return [
        (stage, out, new.get(out.path))
        for stage in before
        for out in stage.outs
        if out.oid != new.get(out.path)
    ]
