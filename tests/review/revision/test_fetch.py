"""A commit whose outputs are stored nowhere is rebuilt in a clone, or says why it cannot be."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.review.revision.fetch import revision_at
from perennial.review.revision.revision import Absent

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = """\
stages:
  collect:
    cmd: python collect.py
    deps: [collect.py, numbers.txt]
    outs: [data/raw]
  export:
    cmd: python export.py
    deps: [export.py, data/raw]
    params: [scale]
    outs: [models/bundle]
"""
COLLECT = """\
from pathlib import Path
numbers = Path("numbers.txt").read_text()
Path("data/raw").mkdir(parents=True)
Path("data/raw/all.txt").write_text(numbers)
"""
EXPORT = """\
from pathlib import Path
Path("models/bundle").mkdir(parents=True)
Path("models/bundle/sum.txt").write_text(str(sum(map(int, open("data/raw/all.txt")))))
"""
SUM = "models/bundle/sum.txt"
FILES = {
    "dvc.yaml": PIPELINE,
    "collect.py": COLLECT,
    "export.py": EXPORT,
    "params.yaml": "scale: 1\n",
    "numbers.txt": "1\n2\n",
    "requirements/build.txt": "# nothing\n",
    ".gitignore": "__pycache__/\n/.perennial/\n",
    "data/.gitignore": "/raw\n",
    "models/.gitignore": "/bundle\n",
}


@pytest.fixture(scope="module")
def finished(small_project: Callable[..., Project]) -> Project:
    """Two stages that make the likes of raw rows and a bundle."""
    return small_project(FILES, "numbers.txt")


@pytest.fixture
def project(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it, that DVC in this process sees as well."""
    for name, value in finished.environment().items():
        monkeypatch.setenv(name, value)
    return finished.copy(tmp_path / "project")


class Steps(list[str]):
    """The steps that are reported, line by line."""

    def __call__(self, line: str) -> None:
        self.append(line.rpartition(": ")[2])

    @property
    def stages(self) -> list[str]:
        """The stages that ran, after the clone and the environment."""
        return self[2:]


def forget(project: Project, *contents: str) -> None:
    """Take objects out of the cache, by what is in them."""
    paths = [path for path in stored(project) if path.read_text() in contents]
    assert len(paths) == len(contents)
    for path in paths:
        path.unlink()


def stored(project: Project) -> list[Path]:
    """The objects in the cache."""
    files = (project.root / ".dvc/cache/files").rglob("*")
    return sorted(path for path in files if path.is_file())


def state(project: Project) -> dict[str, bytes]:
    """Every file of the user's: all but DVC's cache and its notes."""
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in project.root.rglob("*")
        if path.is_file() and ".dvc" not in path.relative_to(project.root).parts[:-1]
    }


def test_only_what_is_missing_is_made_and_it_is_there_the_next_time(
    project: Project, tmp_path: Path
) -> None:
    project.write("export.py", "raise SystemExit('the working tree is not used')\n")
    before, recorded, steps = state(project), stored(project), Steps()
    forget(project, "3")
    revision = revision_at(project.root, "HEAD", tmp_path / "first", report=steps)
    assert steps.stages == ["export"]
    assert revision.rebuilt == ()
    assert revision.path(SUM.rpartition("/")[0]).joinpath("sum.txt").read_text() == "3"
    assert revision.path("data/raw").is_dir()
    assert stored(project) == recorded

    steps.clear()
    second = revision_at(project.root, "HEAD", tmp_path / "second", report=steps)
    assert steps == []
    assert second.rebuilt is None
    assert second.path("models/bundle").joinpath("sum.txt").read_text() == "3"
    assert state(project) == before


def test_a_rebuild_that_is_not_what_was_recorded_says_in_what(
    project: Project, tmp_path: Path
) -> None:
    project.write(SUM, "4")
    project.dvc("commit", "--quiet", "--force")
    project.commit("a better sum")
    forget(project, "4")
    # It was made elsewhere: no run of it is known here.
    shutil.rmtree(project.root / ".dvc/cache/runs")
    steps = Steps()
    revision = revision_at(project.root, "HEAD", tmp_path / "first", report=steps)
    assert revision.rebuilt == ("models/bundle",)
    assert revision.path("models/bundle").joinpath("sum.txt").read_text() == "3"
    steps.clear()
    again = revision_at(project.root, "HEAD", tmp_path / "second", report=steps)
    assert steps.stages == [], "the run itself is kept"
    assert again.rebuilt == ("models/bundle",)


def test_a_commit_that_never_ran_is_run(project: Project, tmp_path: Path) -> None:
    (project.root / "dvc.lock").unlink()
    project.write("export.py", EXPORT + "# another one\n")
    project.commit("not run")
    revision = revision_at(project.root, "HEAD", tmp_path / "into")
    assert revision.path("models/bundle").joinpath("sum.txt").read_text() == "3"
    assert set(revision.rebuilt or ()) == {"data/raw", "models/bundle"}


class TestWhatCannotBeRebuilt:
    def test_nobody_wants_it(self, project: Project, tmp_path: Path) -> None:
        steps = Steps()
        forget(project, "3")
        revision = revision_at(project.root, "HEAD", tmp_path / "into", rebuild=False, report=steps)
        assert steps == []
        assert revision.absent["models/bundle"] == "it lies in neither the cache nor a remote"

    def test_a_stage_fails(self, project: Project, tmp_path: Path) -> None:
        project.write("export.py", "raise SystemExit('export: no more sums')\n")
        project.commit("broken")
        forget(project, "3")
        revision = revision_at(project.root, "HEAD", tmp_path / "into", report=Steps())
        with pytest.raises(Absent) as refused:
            revision.path("models/bundle")
        assert refused.value.what == (
            "it lies in neither the cache nor a remote, and cannot be rebuilt "
            "(export: no more sums)"
        )
        assert revision.path("data/raw").is_dir(), "what there is can be read all the same"
        assert not (tmp_path / "into/rebuilt").exists()

    def test_it_has_no_lock_of_packages(self, project: Project, tmp_path: Path) -> None:
        (project.root / "requirements/build.txt").unlink()
        project.commit("without it")
        forget(project, "3")
        revision = revision_at(project.root, "HEAD", tmp_path / "into", report=Steps())
        assert "(the commit has no requirements/build.txt)" in revision.absent["models/bundle"]

    def test_its_packages_cannot_be_had(self, project: Project, tmp_path: Path) -> None:
        project.write("requirements/build.txt", "dvc==1.0\n")
        for name in ("LICENSE", "pyproject.toml", "src/perennial/__init__.py"):
            project.write(name, "")
        project.write("scripts/environment", "echo 'no such host' >&2\nexit 2\n")
        project.commit("another lock")
        forget(project, "3")
        revision = revision_at(project.root, "HEAD", tmp_path / "into", report=Steps())
        assert (
            "(the environment cannot be made: - no such host)" in revision.absent["models/bundle"]
        )

    def test_data_that_no_stage_makes_cannot_be_fetched(
        self, project: Project, tmp_path: Path
    ) -> None:
        forget(project, "3")
        shutil.rmtree(project.root / ".dvc/cache/files")
        revision = revision_at(project.root, "HEAD", tmp_path / "into", report=Steps())
        assert (
            "numbers.txt is in neither the cache nor a remote" in revision.absent["models/bundle"]
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="waits for a stage by a FIFO")
def test_an_interrupted_one_leaves_no_process_and_no_folder(
    project: Project, tmp_path: Path
) -> None:
    """The stage holds the FIFO open: whoever reads it sees its end only when the stage is gone."""
    held, folder = tmp_path / "held", tmp_path / "temporary"
    os.mkfifo(held)
    folder.mkdir()
    project.write(
        "export.py",
        f"import os\nf = open({str(held)!r}, 'w'); f.write('here'); f.flush()\n"
        "os.read(os.pipe()[0], 1)\n",
    )
    project.commit("a stage that waits")
    forget(project, "3")
    before = stored(project)
    process = project.start(
        sys.executable, "-m", "perennial.cli", "compare", "HEAD", env={"TMPDIR": str(folder)}
    )
    with held.open() as reading:
        assert reading.read(4) == "here"
        process.send_signal(signal.SIGTERM)
        assert reading.read() == "", "the stage has ended"
    output, _ = process.communicate()
    assert process.returncode == 130
    assert "compare: rebuilding HEAD (" in output
    assert list(folder.iterdir()) == []
    assert stored(project) == before
