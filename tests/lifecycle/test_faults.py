"""Whatever happens to a run, the next `dvc repro` ends with the bytes of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perennial.review.verify.trace import recording_shell

if TYPE_CHECKING:
    from conftest import Project

#: How often each stage is killed, 50 times in all: at any event, and in a call that writes. From
#: the last stage up, so that the inputs of each are there.
KILLS = {
    "export": (9, 3),
    "evaluate": (9, 3),
    "train": (3, 0),
    "prepare": (9, 3),
    "collect": (8, 3),
}
#: Outputs that are folders: they appear with all their files.
FOLDERS = ("data/raw", "metrics/plots", "models/baseline", "models/bundle", "models/compiled")
CALLS = "write,pwrite64,sendfile,copy_file_range,mkdir,rename"


def halves(project: Project) -> list[Path]:
    """What is half-written anywhere in the repository or in DVC's cache."""
    return [path for path in project.root.rglob("*.partial") if ".git" not in path.parts]


def finish(project: Project, whole: dict[str, str]) -> None:
    """Let the pipeline finish: all must be as if nothing had happened."""
    project.dvc("repro")
    assert project.hashes() == whole
    assert halves(project) == []
    assert project.git("status", "--porcelain") == ""
    assert "up to date" in project.dvc("status").stdout


def forget_runs(project: Project) -> None:
    """As before the first run: where DVC knows of one, it takes its results and runs nothing."""
    shutil.rmtree(project.root / ".dvc/cache/runs")
    (project.root / "dvc.lock").unlink()


def test_killed_at_random_moments_each_stage_leaves_nothing_half_done(
    project: Project, hook: Path, tmp_path: Path
) -> None:
    """A moment is an event's number: an undisturbed run says how many there are."""
    whole = project.hashes()
    chance = random.Random(20130101)
    can_trace = isinstance(recording_shell(tmp_path / "probe"), Path)
    forget_runs(project)
    env = {"PYTHONPATH": str(hook), "STRIKE_EVERY": "yes", "PYTHONDONTWRITEBYTECODE": "1"}
    for stage, (anywhere, writing) in KILLS.items():
        project.remove_outputs(stage)
        events = count_events(project, stage, env, tmp_path / "events")
        for at in chance.sample(range(1, events + 1), anywhere):
            project.remove_outputs(stage)
            killed_at_event(project, stage, env, at)
            assert torn(project, whole) == []
        writes = list_writes(project, stage, tmp_path / "writes") if can_trace and writing else []
        for call, at in chance.sample(writes, min(writing, len(writes))):
            project.remove_outputs(stage)
            killed_at_write(project, stage, call, at)
            assert torn(project, whole) == []
        project.remove_outputs(stage)
    finish(project, whole)


def count_events(project: Project, stage: str, env: dict[str, str], file: Path) -> int:
    """How many events a stage has that nothing disturbs."""
    project.stage(stage, env={**env, "STRIKE_COUNT": str(file)}, check=True)
    return int(file.read_text())


def killed_at_event(project: Project, stage: str, env: dict[str, str], at: int) -> None:
    """Let a stage kill itself just before its nth event."""
    strike = {"STRIKE_AT": str(at), "STRIKE_SIGNAL": str(int(signal.SIGKILL))}
    done = project.stage(stage, env={**env, **strike})
    assert done.returncode == -signal.SIGKILL, done.stderr


def traced(
    project: Project, stage: str, *options: str, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a stage under strace, which looks at the calls that write."""
    strace = ("strace", "-f", "-qq", "-e", f"trace={CALLS}", *options)
    return project.run(
        *strace, "python", "src", stage, env={"PYTHONDONTWRITEBYTECODE": "1"}, **more
    )


def list_writes(project: Project, stage: str, file: Path) -> list[tuple[str, int]]:
    """The calls that write of a stage's main thread, each numbered among those of its name."""
    project.remove_outputs(stage)
    traced(project, stage, "-o", str(file), check=True)
    calls = re.findall(r"^(\d+) +(\w+)\(", file.read_text(), re.MULTILINE)
    names = [name for thread, name in calls if thread == calls[0][0]]
    return [(name, names[:index].count(name) + 1) for index, name in enumerate(names)]


def killed_at_write(project: Project, stage: str, call: str, at: int) -> None:
    """Let the kernel kill a stage, or a process that it waits for, in the nth call of a name."""
    inject = ("-e", f"inject={call}:signal=SIGKILL:when={at}")
    done = traced(project, stage, "-o", os.devnull, *inject)
    assert done.returncode != 0, done.stderr


def torn(project: Project, whole: dict[str, str]) -> list[str]:
    """What is neither whole nor absent: files, and folders that are one output."""
    there = {name: text for name, text in project.hashes().items() if ".partial" not in name}
    torn_files = [name for name, text in there.items() if whole.get(name) != text]
    for folder in FOLDERS:
        parts = {name for name in there if name.startswith(f"{folder}/")}
        if parts and parts != {name for name in whole if name.startswith(f"{folder}/")}:
            torn_files.append(folder)
    return torn_files


def test_a_disk_that_fills_up_under_dvc_spoils_nothing(
    iris: Project, small_disk: Path, fill: Any, tmp_path: Path
) -> None:
    """DVC's own locks are on another disk: it cannot read one that is half-written."""
    apart = {"DVC_SITE_CACHE_DIR": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    project = type(iris)(small_disk / "project", apart)
    ignored = shutil.ignore_patterns("__pycache__", "runs")
    shutil.copytree(iris.root, project.root, ignore=ignored)
    shutil.move(project.root / ".dvc/tmp", tmp_path / "tmp")
    (project.root / ".dvc/tmp").symlink_to(tmp_path / "tmp")
    whole = project.hashes()
    for stage in ("evaluate", "export"):
        project.remove_outputs(stage)
    filler = fill(small_disk)
    done = project.dvc("repro", check=False)
    assert done.returncode != 0, done.stdout
    assert halves(project) == []
    filler.unlink()
    finish(project, whole)
    assert damaged(project) == []


def test_a_folder_that_could_not_be_written_is_written_when_it_can_be(
    read_only: Project,
) -> None:
    project = read_only
    if os.access(project.root / "models", os.W_OK):
        pytest.skip("root without the right to mount may write everywhere")
    whole = project.hashes()
    done = project.dvc("repro", "--force", "--single-item", "export", check=False)
    assert done.returncode != 0
    assert halves(project) == []
    writable(project.root / "models")
    finish(project, whole)


def writable(folder: Path) -> None:
    """End what the fixture `read_only` has done, which does it once more at the end."""
    if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
    else:
        folder.chmod(0o755)


def damaged(project: Project) -> list[str]:
    """What `perennial verify --quick` finds wrong with DVC's cache."""
    done = project.run("python", "-m", "perennial.cli", "verify", "--quick", "--json")
    checks = {check["code"]: check for check in json.loads(done.stdout)["checks"]}
    return [finding["where"] for finding in checks["PV005"].get("findings", [])]


def test_a_damaged_cache_file_is_named_and_can_be_repaired(project: Project) -> None:
    """One byte of one file of the bundle."""
    whole = project.hashes()
    lock = (project.root / "dvc.lock").read_text()
    match = re.search(r"path: models/bundle\n.*\n *md5: (\w+\.dir)", lock)
    assert match
    listed = project.root / f".dvc/cache/files/md5/{match[1][:2]}/{match[1][2:]}"
    oid = json.loads(listed.read_text())[-1]["md5"]
    name = f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}"
    content = bytearray((project.root / name).read_bytes())
    content[7] ^= 1
    (project.root / name).chmod(0o644)
    (project.root / name).write_bytes(content)
    (project.root / name).chmod(0o444)
    assert "up to date" in project.dvc("status").stdout, "DVC alone would not notice"
    assert damaged(project) == [name]
    # As the remedy says.
    (project.root / name).unlink()
    finish(project, whole)
    assert damaged(project) == []


#: Each question for the time of day is answered by another day.
JUMPING = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static long jump(void) {
    static __thread unsigned long state = 20130101;
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    return (long)(state >> 33) % 63072000 - 31536000;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += jump();
    return done;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec real;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &real);
    now->tv_sec = real.tv_sec;
    now->tv_usec = real.tv_nsec / 1000;
    return 0;
}
"""


@pytest.fixture(scope="module")
def jumping_clock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process whose clock jumps by up to a year, back and forth."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler, to put a clock of its own before the system's")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(JUMPING)
    library = folder / "clock.so"
    command = [compiler, "-shared", "-fPIC", "-O", "-o", library, folder / "clock.c", "-ldl"]
    subprocess.run(command, check=True)
    environment = {"LD_PRELOAD": str(library)}
    code = "import time; print(len({int(time.time() / 86400) for _ in range(9)}))"
    days = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert int(days) > 5, "the clock jumps"
    return environment


def test_a_clock_that_jumps_changes_no_byte(
    project: Project, jumping_clock: dict[str, str]
) -> None:
    whole = project.hashes()
    forget_runs(project)
    project.dvc("repro", env=jumping_clock)
    assert project.hashes() == whole
    # What a clock leaves on files, seen by a clock that is right again.
    for number, path in enumerate(sorted(files(project.root))):
        moment = path.stat().st_mtime + (-1) ** number * 63_072_000
        os.utime(path, (moment, moment))
    finish(project, whole)


def files(root: Path) -> Iterator[Path]:
    for folder in ("src", "data", "models", "metrics", "requirements"):
        yield from (path for path in (root / folder).rglob("*") if path.is_file())


def test_of_two_at_once_the_second_says_who_has_the_lock(project: Project, paused: Any) -> None:
    whole = project.hashes()
    with paused(project, "evaluate", 6) as first:
        second = project.dvc("repro", check=False)
        assert second.returncode != 0
        assert "is busy, it is being blocked by" in second.stderr
        assert f"(PID {first.pid}): " in second.stderr
        assert "dvc repro --force --single-item evaluate" in second.stderr
    first.communicate()
    assert first.returncode == 0
    finish(project, whole)
