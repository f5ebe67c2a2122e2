"""Faults to inflict: a blow at a chosen step, a disk that is full, a folder that takes nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

# Python runs this first of all. An audit hook counts a stage's events: each time that it opens,
# makes or renames something half-written, or, with STRIKE_EVERY, all that Python reports. It
# strikes just before event STRIKE_AT: no clock, the same every time. With STRIKE_COUNT it writes at
# the end how many there were.
STRIKE = """
import atexit, os, signal, sys

at = int(os.environ.get("STRIKE_AT", 0))
every = "STRIKE_EVERY" in os.environ
seen = 0

def is_counted(event, arguments):
    if sys.argv[:1] != ["src"]:
        return False
    if every:
        return True
    return event in ("open", "os.mkdir", "os.rename") and ".partial" in str(arguments[0])

def watch(event, arguments):
    global seen
    if not is_counted(event, arguments):
        return
    seen += 1
    if seen != at:
        return
    if "STRIKE_SIGNAL" in os.environ:
        os.kill(os.getpid(), int(os.environ["STRIKE_SIGNAL"]))
        return
    with open(os.environ["STRIKE_REACHED"], "w") as reached:
        reached.write("here\\n")
    with open(os.environ["STRIKE_RELEASE"]) as release:
        release.readline()

def write_down():
    if sys.argv[:1] == ["src"]:
        count = seen
        with open(os.environ["STRIKE_COUNT"], "w") as file:
            file.write(str(count))

if "STRIKE_COUNT" in os.environ:
    atexit.register(write_down)
if at or "STRIKE_COUNT" in os.environ:
    sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hook")
    (folder / "sitecustomize.py").write_text(STRIKE)
    return folder


@pytest.fixture
def strike(hook: Path) -> Any:
    """The environment in which a stage is hit by a signal at its nth step."""

    def environment(at: int, by: signal.Signals) -> dict[str, str]:
        return {"PYTHONPATH": str(hook), "STRIKE_AT": str(at), "STRIKE_SIGNAL": str(int(by))}

    return environment


@pytest.fixture
def paused(hook: Path) -> Callable[..., AbstractContextManager[subprocess.Popen[str]]]:
    """Run DVC until a stage has reached a step; the stage goes on when the block ends."""

    @contextmanager
    def pause(project: Project, stage: str, step: int) -> Iterator[subprocess.Popen[str]]:
        reached, release = (project.root.parent / name for name in ("reached", "release"))
        for fifo in (reached, release):
            os.mkfifo(fifo)
        env = {
            "PYTHONPATH": str(hook),
            "STRIKE_AT": str(step),
            "STRIKE_REACHED": str(reached),
            "STRIKE_RELEASE": str(release),
        }
        process = project.start("dvc", "repro", "--force", "--single-item", stage, env=env)
        # Opened for both, so that neither side waits for the other to open it.
        listening, speaking = os.open(reached, os.O_RDWR), os.open(release, os.O_RDWR)
        over = os.pidfd_open(process.pid)
        try:
            ready, _, _ = select.select([listening, over], [], [])
            assert listening in ready, process.communicate()[0]
            yield process
        finally:
            os.write(speaking, b"\n")
            for opened in (listening, speaking, over):
                os.close(opened)

    return pause


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes; only root may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk; the limit on file size is tested instead")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def fill() -> Callable[..., Path]:
    """Fill a disk but for some bytes; removing the file that it gives makes room again."""

    def leave(folder: Path, left: int = 4096) -> Path:
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                os.truncate(file.fileno(), file.tell() - left)
        return filler

    return leave


@pytest.fixture
def read_only(project: Project) -> Iterator[Project]:
    """A project whose models are on a disk that takes nothing; a mode of 0555 for plain users."""
    models = project.root / "models"
    mounted = subprocess.run(["mount", "--bind", models, models], capture_output=True, check=False)
    if mounted.returncode:
        models.chmod(0o555)
    else:
        subprocess.run(["mount", "-o", "remount,ro,bind", models], check=True)
    yield project
    if mounted.returncode:
        models.chmod(0o755)
    else:
        subprocess.run(["umount", models], check=True)
