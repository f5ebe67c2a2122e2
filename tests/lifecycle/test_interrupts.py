"""Whatever ends a stage, its outputs are whole or not there, and `dvc repro` goes on from it."""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perennial import compiled

if TYPE_CHECKING:
    from conftest import Project

# Python runs this first of all. An audit hook counts each time that a stage opens, makes or renames
# something half-written, and strikes just before the one asked for: no clock, the same every time.
STRIKE = """
import os, signal, sys

asked = int(os.environ.get("STRIKE_AT", 0))
seen = 0

def watch(event, arguments):
    global seen
    if event not in ("open", "os.mkdir", "os.rename") or sys.argv[0] != "src":
        return
    if ".partial" not in str(arguments[0]):
        return
    seen += 1
    if seen != asked:
        return
    if "STRIKE_SIGNAL" in os.environ:
        os.kill(os.getpid(), int(os.environ["STRIKE_SIGNAL"]))
        return
    with open(os.environ["STRIKE_REACHED"], "w") as reached:
        reached.write("here\\n")
    with open(os.environ["STRIKE_RELEASE"]) as release:
        release.readline()

if asked:
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


def halves(project: Project) -> list[str]:
    return [name for name in project.files() if ".partial" in name]


OUTPUTS = {
    "collect": ["data/raw"],
    "prepare": ["data/prepared", "metrics/data.json"],
    "train": ["models/model.joblib", "models/compiled", "models/baseline", "metrics/train.json"],
    "evaluate": [
        "data/scored",
        "metrics/evaluate.json",
        "metrics/validation.json",
        "metrics/slices.json",
        "metrics/plots",
    ],
    "export": ["models/bundle"],
}


def remove_outputs(project: Project, stage: str) -> None:
    """As DVC does before it runs a stage."""
    for name in OUTPUTS[stage]:
        path = project.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("by", "stage", "steps"),
    [
        (signal.SIGKILL, "collect", [1, 2]),
        (signal.SIGKILL, "prepare", [1, 4]),
        (signal.SIGKILL, "evaluate", [1, 3, 6, 12, 15]),
        (signal.SIGTERM, "collect", [1, 2]),
        (signal.SIGTERM, "evaluate", [5, 14]),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else None,
)
def test_at_any_step_each_output_is_whole_or_not_there(
    project: Project, strike: Any, by: signal.Signals, stage: str, steps: list[int]
) -> None:
    whole = project.hashes()
    remove_outputs(project, stage)
    for step in steps:
        done = project.stage(stage, env=strike(step, by))
        if by == signal.SIGKILL:
            assert done.returncode == -signal.SIGKILL
        else:
            assert done.returncode == 130
            assert done.stderr.startswith(f"{stage}: interrupted; nothing half-written was left\n")
            assert "Traceback" not in done.stderr
            assert halves(project) == []
        found = {name: text for name, text in project.hashes().items() if ".partial" not in name}
        assert found.items() <= whole.items(), "what is there is whole"
        for folder in ("data/raw", "metrics/plots"):
            there = {name for name in found if name.startswith(folder)}
            assert there in (set(), {name for name in whole if name.startswith(folder)})
    project.stage(stage, check=True)
    assert halves(project) == [], "what a killed run left is removed"
    assert project.hashes() == whole


def test_the_steps_struck_are_all_there_are(project: Project, strike: Any) -> None:
    """Or the test above would pass by striking nothing."""
    done = project.stage("evaluate", env=strike(15, signal.SIGKILL))
    assert done.returncode == -signal.SIGKILL
    assert project.stage("evaluate", env=strike(99, signal.SIGKILL)).returncode == 0


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_an_earlier_output_stays_when_the_next_one_is_not_finished(
    project: Project, strike: Any, by: signal.Signals
) -> None:
    """A stage run without DVC finds its folder still there, and replaces it in one step."""
    whole = project.hashes()
    assert project.stage("export", env=strike(3, by)).returncode != 0
    found = {name: text for name, text in project.hashes().items() if ".partial" not in name}
    assert found == whole


needs_linux = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="waits for a process as only Linux can"
)


class TestUnderDvc:
    """The whole way: DVC has removed the outputs, then something ends the run."""

    @pytest.mark.parametrize(
        ("stage", "step", "by"),
        [("train", 2, signal.SIGKILL), ("export", 5, signal.SIGTERM)],
        ids=["SIGKILL in train", "SIGTERM in export"],
    )
    def test_the_next_run_gives_the_undisturbed_hashes(
        self, project: Project, strike: Any, stage: str, step: int, by: signal.Signals
    ) -> None:
        whole = project.hashes()
        done = project.dvc(
            "repro", "--force", "--single-item", stage, env=strike(step, by), check=False
        )
        assert done.returncode != 0
        assert f"failed to reproduce '{stage}'" in done.stderr
        assert project.hashes() != whole
        project.dvc("repro")
        assert project.hashes() == whole
        assert halves(project) == []
        assert project.git("status", "--porcelain") == ""

    @needs_linux
    def test_ctrl_c_ends_dvc_and_stage_together(self, project: Project, hook: Path) -> None:
        whole = project.hashes()
        with paused(project, hook, "evaluate", 6) as dvc:
            os.killpg(dvc.pid, signal.SIGINT)
        said, _ = dvc.communicate()
        assert dvc.returncode != 0
        assert "evaluate: interrupted; nothing half-written was left" in said
        assert halves(project) == []
        project.dvc("repro")
        assert project.hashes() == whole

    @needs_linux
    def test_a_stage_that_outlives_its_killed_dvc_spoils_nothing(
        self, project: Project, hook: Path
    ) -> None:
        whole = project.hashes()
        with paused(project, hook, "evaluate", 6) as dvc:
            dvc.kill()
            dvc.wait()
            # The next run goes through while the first is still in the middle of its work.
            project.dvc("repro")
            assert project.hashes() == whole
        # The output ends when the last that writes to it ends.
        said, _ = dvc.communicate()
        assert "evaluate: " in said
        assert "No such file or directory" in said
        assert project.hashes() == whole
        assert halves(project) == []
        assert "up to date" in project.dvc("status").stdout


@contextmanager
def paused(project: Project, hook: Path, stage: str, step: int) -> Iterator[subprocess.Popen[str]]:
    """Run DVC until a stage has reached a step; the stage goes on when the block ends."""
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


def fill(folder: Path) -> Path:
    """Leave four kilobytes on a disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            os.truncate(file.fileno(), file.tell() - 4096)
    return filler


class TestFullDisk:
    @pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "export"])
    def test_a_full_disk_is_one_message_and_no_half_output(
        self, iris: Project, small_disk: Path, stage: str
    ) -> None:
        project = type(iris)(small_disk / "project", {"PYTHONDONTWRITEBYTECODE": "1"})
        ignored = shutil.ignore_patterns(".git", "cache", "__pycache__", "tmp")
        shutil.copytree(iris.root, project.root, ignore=ignored)
        whole = project.hashes()
        remove_outputs(project, stage)
        left = project.hashes()
        filler = fill(small_disk)
        done = project.stage(stage)
        assert done.returncode == 1
        fault, mend, *back = done.stderr.splitlines()[-4:]
        assert fault.startswith(f"{stage}: ")
        assert "No space left on device" in fault
        assert mend == "  mend: free some space, then run it again"
        assert back[-1] == "    git restore metrics && dvc checkout"
        assert "Traceback" not in done.stderr
        assert project.hashes() == left
        assert halves(project) == []
        if stage == "evaluate":
            filler.unlink()
            project.stage(stage, check=True)
            assert project.hashes() == whole

    def test_an_engines_own_file_meets_a_full_disk_alike(
        self, iris: Project, small_disk: Path
    ) -> None:
        """A library that writes by itself may tell the fault in its own way, or not at all."""
        model = compiled.load(iris.root / "models/compiled")
        fill(small_disk)
        with pytest.raises(OSError, match="No space left on device"):
            model.engine.save(small_disk)

    @pytest.mark.parametrize("stage", ["collect", "export"])
    def test_a_limit_on_the_size_of_files_is_told_alike(self, project: Project, stage: str) -> None:
        whole = project.hashes()
        limit = (1_000, 1_000)
        done = project.stage(
            stage,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )
        assert done.returncode == 1
        assert "File too large" in done.stderr
        assert "Traceback" not in done.stderr
        assert project.hashes() == whole
        assert halves(project) == []


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


def test_a_folder_that_takes_nothing_is_told(read_only: Project) -> None:
    if os.access(read_only.root / "models", os.W_OK):
        pytest.skip("root without the right to mount may write everywhere")
    read_only.refused("export", "models/", "mend: make the folder writable")
