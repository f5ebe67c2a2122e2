"""`dvc repro` in a clone, followed stage by stage; it ends when its caller does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perennial.review.revision.environments import clean_variables

_RUNNING = "Running stage '"


@dataclass(frozen=True)
class Failure:
    """A stage that failed, with the last lines that it printed."""

    stage: str
    output: list[str]

    @property
    def reason(self) -> str:
        """The most telling line: a stage's own refusal begins with its name."""
        own = [line for line in self.output if line.startswith(f"{self.stage}: ")]
        plain = [
            line for line in self.output if not line.startswith((">", "ERROR: failed to repr"))
        ]
        return (own or plain or ["it printed nothing"])[-1].removeprefix(f"{self.stage}: ")


def repro(
    tree: Path,
    folder: Path,
    environment: Path,
    begin: Callable[[str], None],
    *options: str,
    shell: Path | None = None,
) -> Failure | None:
    """Run the stages of a clone, with nothing of the caller's own settings.

    DVC may write its notes to `folder`; `begin` is called with the name of each stage that begins;
    `shell` runs the stages' commands in place of the caller's. The stage that failed is returned.
    """
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
            failure = _follow(process, begin)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return failure if process.returncode else None


def _follow(process: subprocess.Popen[str], begin: Callable[[str], None]) -> Failure:
    assert process.stdout is not None
    stage, last = "dvc repro", deque[str](maxlen=8)
    for line in process.stdout:
        if line.startswith(_RUNNING):
            stage = line.removeprefix(_RUNNING).partition("'")[0]
            begin(stage)
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
