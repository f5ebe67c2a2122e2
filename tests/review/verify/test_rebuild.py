"""A commit rebuilt from nothing: a sound one passes, and each fault is reported by stage."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perennial import cli
from perennial.review.verify import trace

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = """\
stages:
  rows:
    cmd: python rows.py
    deps: [rows.py, numbers.txt]
    outs: [rows.json]
  total:
    cmd: python total.py
    deps: [total.py, rows.json]
    params: [scale]
    outs:
      - total.txt:
          cache: false
"""
ROWS = "import json\njson.dump([int(n) for n in open('numbers.txt')], open('rows.json', 'w'))\n"
TOTAL = "import json\nopen('total.txt', 'w').write(f\"{sum(json.load(open('rows.json')))}\\n\")\n"

needs_strace = pytest.mark.skipif(
    isinstance(trace.recording_shell(Path(tempfile.mkdtemp()) / "probe"), str),
    reason="strace is not installed, or may not trace here",
)
FILES = {
    "dvc.yaml": PIPELINE,
    "rows.py": ROWS,
    "total.py": TOTAL,
    "params.yaml": "scale: 1\n",
    "numbers.txt": "1\n2\n3\n",
    "requirements/build.txt": "# nothing\n",
    ".gitignore": "__pycache__/\n/.perennial/\n/unshared.txt\n/hidden.log\n",
    "hidden.txt": "4\n",
}


@pytest.fixture(scope="module")
def finished(small_project: Callable[..., Project]) -> Project:
    """Two stages of somebody's own; the numbers are DVC's to keep."""
    return small_project(FILES, "numbers.txt")


@pytest.fixture
def project(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it; temporary folders are made in one that can be looked into."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return finished.copy(tmp_path / "project")


def remake(project: Project, name: str, text: str) -> None:
    """Change a file, run the pipeline, and commit what came of it."""
    project.write(name, text)
    project.dvc("repro", "--quiet")
    project.commit()


def findings(checks: dict[str, Any], code: str) -> list[tuple[str, str]]:
    return [(finding["where"], finding["what"]) for finding in checks[code].get("findings", [])]


def state(root: Path) -> dict[str, bytes]:
    """Every file of the user's, but DVC's notes of sizes and times."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_relative_to(root / ".dvc/tmp")
    }


def test_a_sound_commit_passes_and_nothing_of_the_users_is_touched(
    project: Project, verify: Any, tmp_path: Path
) -> None:
    project.write("rows.py", "raise SystemExit('the working tree is not what is judged')\n")
    before = state(project.root)
    code, checks = verify("HEAD", "--environment", "current")
    assert code == 0
    assert {check["status"] for key, check in checks.items() if key != "report"} <= {
        "pass",
        "not applicable" if isinstance(trace.recording_shell(tmp_path / "probe"), str) else "pass",
    }
    assert checks["report"]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert state(project.root) == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_results_of_other_code_are_reported_from_the_first_stage(
    project: Project, verify: Any
) -> None:
    """Everything committed agrees with everything else; only running it again tells."""
    project.write("rows.json", "[1, 2, 4]")
    project.write("total.txt", "7\n")
    project.dvc("commit", "--quiet", "--force")
    project.commit("a better total")
    code, checks = verify("--environment", "current")
    assert code == 1
    assert checks["PV002"]["status"] == "pass"
    assert findings(checks, "PV010") == [
        ("rows", "rows.json: [2]: 4 before, 3 now"),
        ("total", 'total.txt: 1 of 2 lines, first line 1: "7" before, "6" now'),
    ]
    assert checks["report"]["first_stage_that_differs"] == "rows"


def test_a_recorded_output_that_is_stored_nowhere_is_reported_by_its_hashes(
    project: Project, verify: Any
) -> None:
    project.write("rows.json", "[3, 2, 1]")
    project.dvc("commit", "--quiet", "--force")
    project.commit()
    for stored in (project.root / ".dvc/cache").rglob("*"):
        if stored.is_file() and stored.read_bytes() == b"[3, 2, 1]":
            stored.unlink()
    code, checks = verify("--environment", "current")
    assert code == 1
    ((stage, what),) = findings(checks, "PV010")
    assert stage == "rows"
    assert what.endswith("the recorded one is not here")


@needs_strace
def test_undeclared_files_that_no_audit_hook_sees_are_reported(
    project: Project, verify: Any
) -> None:
    remake(project, "rows.py", ROWS + "import os\nos.system('cat hidden.txt > hidden.log')\n")
    mine = project.root / "hidden.txt"
    remake(project, "total.py", TOTAL + f"open({str(mine)!r}).read()\n")
    code, checks = verify("--environment", "current")
    assert code == 1
    assert findings(checks, "PV011") == [
        ("rows", "it writes hidden.log"),
        ("rows", "it reads hidden.txt"),
        ("total", f"it reads, in the checkout that the clone was made of, {mine}"),
    ]
    assert checks["PV010"]["status"] == "pass"


def test_without_strace_the_check_is_not_applicable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no strace" in str(trace.recording_shell(tmp_path / "records"))
    (tmp_path / "strace").write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
    (tmp_path / "strace").chmod(0o755)
    output = trace.recording_shell(tmp_path / "records")
    assert output == "strace cannot trace here: Operation not permitted"


def test_a_stage_that_needs_what_was_never_shared_fails_by_name(
    project: Project, verify: Any
) -> None:
    project.write("unshared.txt", "mine\n")
    remake(project, "total.py", TOTAL + "open('unshared.txt')\n")
    code, checks = verify("--environment", "current")
    assert code == 1
    ((stage, output),) = findings(checks, "PV009")
    assert stage == "total"
    assert "FileNotFoundError" in output
    assert "unshared.txt" in output
    assert checks["PV010"]["status"] == "not applicable"


def test_one_raw_value_that_dvc_keeps_names_the_stage_and_the_commit_before_stays_sound(
    project: Project, verify: Any
) -> None:
    project.write("numbers.txt", "1\n2\n4\n")
    code, checks = verify("--quick")
    assert code == 1
    assert findings(checks, "PV002") == [("numbers.txt.dvc", "numbers.txt is modified")]
    project.dvc("add", "--quiet", "numbers.txt")
    project.commit("another value, and no dvc repro")
    code, checks = verify("--environment", "current")
    assert code == 1
    assert findings(checks, "PV002") == [("rows", "numbers.txt is modified")]
    assert verify("HEAD~1", "--environment", "current")[0] == 0


def test_data_that_are_not_here_do_not_make_a_fresh_clone_stale(
    project: Project, verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is a dependency, and what lies in it has a `.dvc` file each."""
    project.edit("dvc.yaml", "numbers.txt]", "numbers.txt, landing]")
    project.write("landing/more.txt", "5\n")
    project.dvc("add", "--quiet", "landing/more.txt")
    project.dvc("repro", "--quiet")
    project.commit()
    project.git("clone", "--quiet", str(project.root), str(tmp_path / "fresh"))
    monkeypatch.chdir(tmp_path / "fresh")
    assert verify("--quick")[1]["PV002"]["status"] == "pass"
    monkeypatch.chdir(project.root)
    project.write("landing/more.txt", "6\n")
    assert findings(verify("--quick")[1], "PV002") == [
        ("landing/more.txt.dvc", "landing/more.txt is modified"),
        ("rows", "landing is modified"),
    ]


class TestData:
    """What `.dvc` files track comes from the cache, or from the remote, or there is no answer."""

    @pytest.fixture
    def stored(self, project: Project) -> Path:
        (stored,) = (
            path for path in (project.root / ".dvc/cache").rglob("*")
            if path.is_file() and path.read_bytes() == b"1\n2\n3\n"
        )  # fmt: skip
        return stored

    @pytest.mark.parametrize("damaged", [False, True], ids=["absent", "damaged"])
    def test_from_the_remote(
        self, project: Project, verify: Any, stored: Path, damaged: bool
    ) -> None:
        project.dvc("remote", "add", "--default", "store", "../store")
        project.commit()
        project.dvc("push", "--quiet")
        stored.unlink()
        if damaged:
            stored.write_bytes(b"1\n2\n4\n")
            stored.chmod(0o444)
        assert verify("--environment", "current")[0] == 0
        assert stored.exists() == damaged

    @pytest.mark.usefixtures("verify")
    def test_in_neither(self, stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
        stored.unlink()
        assert cli.main(["verify", "--environment", "current"]) == 2
        output = capsys.readouterr().err
        assert "numbers.txt.dvc: data from outside are neither in the cache nor in the" in output
        assert "hint: dvc pull" in output


class TestEnvironment:
    SCRIPT = 'echo "$PWD $PYTHON" >>"$LOG"\nln -sfn "$ENVIRONMENT" .venv\n'

    def test_it_is_made_by_the_commits_own_script_from_its_own_lock(
        self, project: Project, verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOG", str(tmp_path / "log"))
        monkeypatch.setenv("ENVIRONMENT", sys.prefix)
        for name in ("LICENSE", "pyproject.toml", "src/perennial/__init__.py"):
            project.write(name, "")
        project.write("scripts/environment", self.SCRIPT)
        project.commit()
        project.write("requirements/build.txt", "# another one, not committed\n")
        code, _ = verify("HEAD")
        assert code == 0
        folder, python = (tmp_path / "log").read_text().split()
        assert python == sys.executable
        assert Path(folder).parent == project.root / ".perennial/environments"
        assert Path(folder, "requirements/build.txt").read_text() == "# nothing\n"

    @pytest.mark.usefixtures("verify")
    def test_a_commit_without_a_script_could_not_tell(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["verify"]) == 2
        assert "the commit has no LICENSE" in capsys.readouterr().err

    @pytest.mark.usefixtures("verify")
    def test_the_current_one_must_be_the_locks(
        self, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project.write("requirements/build.txt", "dvc==1.0\n")
        project.commit()
        assert cli.main(["verify", "--environment", "current"]) == 2
        assert "is installed, 1.0 is locked" in capsys.readouterr().err


@pytest.mark.usefixtures("verify")
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["v9"], "v9: git knows no such revision"),
        (["--quick", "HEAD"], "--quick judges the working tree"),
        (["--keep", "src"], "src: it exists already"),
    ],
)
def test_a_wrong_argument_is_reported_in_a_line(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], output: str
) -> None:
    (project.root / "src").mkdir()
    assert cli.main(["verify", *arguments]) == 2
    assert output in capsys.readouterr().err


def test_outside_a_project_it_cannot_tell(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["verify"]) == 2
    assert f"{in_folder}: there is no dvc.yaml here" in capsys.readouterr().err


@pytest.mark.usefixtures("verify")
def test_people_read_the_answer_last_and_find_the_clone_where_they_wanted_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("rows.py", ROWS + "# a note\n")
    project.commit()
    kept = project.root.parent / "kept"
    assert cli.main(["verify", "--keep", str(kept)]) == 1
    output = capsys.readouterr().out
    assert (
        "PV002 a stale dvc.lock: FOUND\n  - rows: rows.py is modified\n  hint: dvc repro" in output
    )
    assert "  more: docs/verify.md#pv002\n" in output
    assert output.splitlines()[-1].startswith("no: 1 finding, commit ")
    assert (kept / "tree/rows.py").read_text().endswith("# a note\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="waits for a stage by a FIFO")
def test_an_interrupted_one_leaves_no_process_and_no_folder(
    project: Project, tmp_path: Path
) -> None:
    """The stage holds the FIFO open: whoever reads it sees its end only when the stage is gone."""
    held = tmp_path / "held"
    os.mkfifo(held)
    text = (
        f"{ROWS}import os\nif os.environ.get('HOLD'):\n"
        f"    f = open({str(held)!r}, 'w'); f.write('here'); f.flush(); os.read(os.pipe()[0], 1)\n"
    )
    remake(project, "rows.py", text)
    folder = tmp_path / "temporary"
    process = project.start(
        sys.executable, "-m", "perennial.cli", "verify", "--environment", "current",
        env={"HOLD": "yes", "TMPDIR": str(folder)},
    )  # fmt: skip
    with held.open() as reading:
        assert reading.read(4) == "here"
        assert len(list(folder.iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        assert reading.read() == "", "the stage has ended"
    output, _ = process.communicate()
    assert process.returncode == 130
    assert "verify: interrupted" in output
    assert list(folder.iterdir()) == []
