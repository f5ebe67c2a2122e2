"""Whatever ends a stage, its outputs are whole or not there, and `dvc repro` goes on from it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perennial.model import compiled

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.usefixtures("default_signals")


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
    project.remove_outputs(stage)
    for step in steps:
        done = project.stage(stage, env=strike(step, by))
        if by == signal.SIGKILL:
            assert done.returncode == -signal.SIGKILL
        else:
            assert done.returncode == 130
            assert done.stderr.startswith(f"{stage}: interrupted; nothing half-written was left\n")
            assert "Traceback" not in done.stderr
            assert project.halves() == []
        there = {name: text for name, text in project.hashes().items() if ".partial" not in name}
        assert there.items() <= whole.items(), "what is there is whole"
        for folder in ("data/raw", "metrics/plots"):
            files = {name for name in there if name.startswith(folder)}
            assert files in (set(), {name for name in whole if name.startswith(folder)})
    project.stage(stage, check=True)
    assert project.halves() == [], "what a killed run left is removed"
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
    there = {name: text for name, text in project.hashes().items() if ".partial" not in name}
    assert there == whole


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
        assert project.halves() == []
        assert project.git("status", "--porcelain") == ""

    @needs_linux
    def test_ctrl_c_ends_dvc_and_stage_together(self, project: Project, paused: Any) -> None:
        whole = project.hashes()
        with paused(project, "evaluate", 6) as dvc:
            os.killpg(dvc.pid, signal.SIGINT)
        output, _ = dvc.communicate()
        assert dvc.returncode != 0
        assert "evaluate: interrupted; nothing half-written was left" in output
        assert project.halves() == []
        project.dvc("repro")
        assert project.hashes() == whole

    @needs_linux
    def test_a_stage_that_outlives_its_killed_dvc_spoils_nothing(
        self, project: Project, paused: Any
    ) -> None:
        whole = project.hashes()
        with paused(project, "evaluate", 6) as dvc:
            dvc.kill()
            dvc.wait()
            # The next run goes through while the first is still in the middle of its work.
            project.dvc("repro")
            assert project.hashes() == whole
        # The output ends when the last that writes to it ends.
        output, _ = dvc.communicate()
        assert "evaluate: " in output
        assert "No such file or directory" in output
        assert project.hashes() == whole
        assert project.halves() == []
        assert "up to date" in project.dvc("status").stdout


class TestFullDisk:
    @pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "export"])
    def test_a_full_disk_is_one_message_and_no_half_output(
        self, iris: Project, small_disk: Path, fill: Any, stage: str
    ) -> None:
        project = type(iris)(small_disk / "project", {"PYTHONDONTWRITEBYTECODE": "1"})
        ignored = shutil.ignore_patterns(".git", "cache", "__pycache__", "tmp")
        shutil.copytree(iris.root, project.root, ignore=ignored)
        whole = project.hashes()
        project.remove_outputs(stage)
        left = project.hashes()
        filler = fill(small_disk)
        done = project.stage(stage)
        assert done.returncode == 1
        fault, hint, *back = done.stderr.splitlines()[-4:]
        assert fault.startswith(f"{stage}: ")
        assert "No space left on device" in fault
        assert hint == "  hint: free some space, then run it again"
        assert back[-1] == "    git restore metrics && dvc checkout"
        assert "Traceback" not in done.stderr
        assert project.hashes() == left
        assert project.halves() == []
        if stage == "evaluate":
            filler.unlink()
            project.stage(stage, check=True)
            assert project.hashes() == whole

    def test_an_engines_own_file_meets_a_full_disk_alike(
        self, iris: Project, small_disk: Path, fill: Any
    ) -> None:
        """A library that writes by itself may report the fault in its own way, or not at all."""
        model = compiled.load(iris.root / "models/compiled")
        fill(small_disk)
        with pytest.raises(OSError, match="No space left on device"):
            model.engine.save(small_disk)

    @pytest.mark.parametrize("stage", ["collect", "export"])
    def test_a_limit_on_the_size_of_files_is_reported_alike(
        self, project: Project, stage: str
    ) -> None:
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
        assert project.halves() == []


def test_a_read_only_folder_is_reported(read_only: Project) -> None:
    if os.access(read_only.root / "models", os.W_OK):
        pytest.skip("root without the right to mount may write everywhere")
    read_only.refused("export", "models/", "hint: make the folder writable")
