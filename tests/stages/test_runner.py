"""Around every stage: errors are reported with the way back, and durations are logged apart."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perennial.runtime.errors import PerennialError
from perennial.stages import runner as stage

ROOT = Path(__file__).parents[2]
CONTRACT = """\
version: 1
name: visits
columns:
  seen: {type: datetime, role: time}
  age: {type: number}
  ill: {type: boolean, role: target}
"""
BACK = [
    "  DVC removed this stage's earlier outputs before it ran; to have them back:",
    "    git restore metrics && dvc checkout",
]


@pytest.fixture
def run(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Run a stage whose whole work is the given function, in a folder that has what it needs."""
    (in_folder / "requirements").mkdir()
    (in_folder / "requirements/build.txt").touch()
    (in_folder / "params.yaml").write_text("collect: {}\n")
    (in_folder / "data").mkdir()
    (in_folder / "data/contract.yaml").write_text(CONTRACT)
    before = signal.getsignal(signal.SIGTERM)
    # Set first, so that what a stage sets is taken back after the test.
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")

    def work(main: Callable[[], None]) -> int:
        monkeypatch.setitem(sys.modules, "perennial.stages.made_up", SimpleNamespace(main=main))
        return stage.run("made_up")

    yield work
    signal.signal(signal.SIGTERM, before)


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_a_stage_that_succeeds_says_nothing_of_its_own(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: print("made_up: done")) == 0
    assert capsys.readouterr() == ("made_up: done\n", "")


def test_durations_go_to_a_log_that_git_and_dvc_ignore(run: Callable[..., int]) -> None:
    assert run(lambda: None) == 0
    assert run(lambda: None) == 0
    log = Path(".perennial/stages.jsonl").read_text()
    records = [json.loads(line) for line in log.splitlines()]
    assert [record["stage"] for record in records] == ["made_up", "made_up"]
    assert all(record["wall_s"] >= 0 and record["peak_mib"] > 0 for record in records)
    assert "/.perennial/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "/.perennial" in (ROOT / ".dvcignore").read_text().splitlines()


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (
            PerennialError("no rows", where="data/raw", hint="collect"),
            ["made_up: data/raw: no rows", "  hint: collect"],
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "data/x"),
            [
                "made_up: data/x: No space left on device",
                "  hint: free some space, then run it again",
            ],
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "data/x"),
            ["made_up: data/x: Disk quota exceeded", "  hint: free some space, then run it again"],
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "data/x"),
            ["made_up: data/x: Permission denied", "  hint: make the folder writable"],
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "data/x"),
            ["made_up: data/x: Read-only file system", "  hint: make the folder writable"],
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "models/x"),
            ["made_up: models/x: No such file or directory", "  hint: dvc repro, or dvc checkout"],
        ),
        (OSError("something odd"), ["made_up: something odd"]),
    ],
)
def test_a_fault_is_reported_with_the_commands_that_bring_outputs_back(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    lines: list[str],
) -> None:
    assert run(raising(error)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [*lines, *BACK]
    assert not Path(".perennial").exists()


def test_an_interruption_is_no_fault(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(KeyboardInterrupt())) == 130
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["made_up: interrupted; nothing half-written was left", *BACK]


def test_sigterm_is_an_interruption(run: Callable[..., int]) -> None:
    def main() -> None:
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL, "it would end the tests"
        signal.raise_signal(signal.SIGTERM)

    assert run(main) == 130


def test_a_fault_of_ours_is_reported_in_full_and_the_way_back_too(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))
    assert capsys.readouterr().err.splitlines() == ["made_up: an unexpected fault", *BACK]


@pytest.mark.parametrize(
    ("name", "text"), [("params.yaml", "colect: {}"), ("requirements/build.txt", "numpy==0.1")]
)
def test_nothing_is_computed_on_wrong_ground(
    run: Callable[..., int], name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_text(text)
    worked: list[Any] = []
    assert run(lambda: worked.append(1)) == 1
    assert worked == []
    assert capsys.readouterr().err.startswith(f"made_up: {name}: ")


def test_waiting_threads_do_not_spin_on_a_busy_machine_unless_asked_to(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            assert run(lambda: None) == 0
        finally:
            busy.kill()
    assert stage.os.environ["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert run(lambda: None) == 0
    assert stage.os.environ["OMP_WAIT_POLICY"] == "active"
