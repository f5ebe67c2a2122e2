"""Outputs appear by rename, whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.runtime.publishing import publishing, publishing_all

SRC = Path(__file__).parents[2] / "src"
FAULTS = [ValueError, OSError, KeyboardInterrupt, SystemExit]


def fill(place: Path, text: str) -> None:
    """Make a folder with two files of a place."""
    place.mkdir()
    for name in ("a", "b"):
        (place / name).write_text(text)


def names(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def content(path: Path) -> dict[str, str]:
    return {item.name: item.read_text() for item in path.iterdir()}


@pytest.mark.usefixtures("in_folder")
class TestOne:
    def test_nothing_is_at_the_path_before_the_block_ends(self) -> None:
        path = Path("deep/down/file")
        with publishing(path) as place:
            assert not place.exists()
            place.write_text("new")
            assert not path.exists()
            assert place.parent == path.parent, "a rename must not cross file systems"
        assert path.read_text() == "new"
        assert names("deep/down") == ["file"]

    def test_a_file_takes_the_place_of_a_file(self) -> None:
        Path("file").write_text("old")
        with publishing(Path("file")) as place:
            place.write_text("new")
            assert Path("file").read_text() == "old"
        assert names() == ["file"]
        assert Path("file").read_text() == "new"

    def test_a_folder_takes_the_place_of_a_folder_with_nothing_of_it_left(self) -> None:
        fill(Path("folder"), "old")
        Path("folder/more").touch()
        with publishing(Path("folder")) as place:
            fill(place, "new")
            assert Path("folder/more").exists()
        assert content(Path("folder")) == {"a": "new", "b": "new"}
        assert names() == ["folder"]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_leaves_what_was_there_and_nothing_else(
        self, fault: type[BaseException]
    ) -> None:
        fill(Path("folder"), "old")
        with pytest.raises(fault), publishing(Path("folder")) as place:  # noqa: PT012
            place.mkdir()
            (place / "a").write_text("ne")
            raise fault
        assert content(Path("folder")) == {"a": "old", "b": "old"}
        assert names() == ["folder"]

    def test_a_block_that_makes_nothing_loses_nothing(self) -> None:
        fill(Path("folder"), "old")
        with pytest.raises(FileNotFoundError), publishing(Path("folder")):
            pass
        assert content(Path("folder")) == {"a": "old", "b": "old"}
        assert names() == ["folder"]

    def test_what_a_killed_run_left_is_removed_and_nothing_with_a_like_name(self) -> None:
        code = (
            "import os, signal; from pathlib import Path\n"
            "from perennial.runtime.publishing import publishing\n"
            "with publishing(Path('folder')) as place:\n"
            "    place.mkdir(); (place / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SRC)}, check=False
        )
        assert killed.returncode == -9
        (left,) = names()
        for name in ("folder.5.new", ".folder.partial", ".x.folder.5.new.partial"):
            Path(name).touch()
        with publishing(Path("folder")) as place:
            assert not Path(left).exists()
            fill(place, "new")
        assert names() == [
            ".folder.partial",
            ".x.folder.5.new.partial",
            "folder",
            "folder.5.new",
        ]

    def test_git_and_dvc_look_past_what_is_half_written(self) -> None:
        root = Path(__file__).parents[2]
        with publishing(Path("file")) as place:
            place.touch()
            for name in (".gitignore", ".dvcignore"):
                patterns = (root / name).read_text().splitlines()
                assert any(place.match(pattern) for pattern in patterns if pattern[:1] == ".")

    def test_two_runs_at_once_do_not_publish_each_others_halves(self) -> None:
        """A run that outlives its killed `dvc repro` meets the next one."""
        path, code = (
            Path("file"),
            (
                "import sys; from pathlib import Path\n"
                "from perennial.runtime.publishing import publishing\n"
                "with publishing(Path('file')) as place:\n"
                "    place.write_text('half'); print('in the middle', flush=True)\n"
                "    sys.stdin.readline(); place.write_text('whole')"
            ),
        )
        with contextlib.ExitStack() as first:
            first.enter_context(publishing(path)).write_text("the first's")
            with subprocess.Popen(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONPATH": str(SRC)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as second:
                assert second.stdout is not None
                assert second.stdout.readline() == "in the middle\n"
                with pytest.raises(FileNotFoundError):
                    first.close()
                assert not path.exists()
                second.communicate("\n")
        assert path.read_text() == "whole"
        assert names() == ["file"]


@pytest.mark.usefixtures("in_folder")
class TestSeveral:
    PATHS = (Path("x"), Path("y/z"))

    def test_they_appear_together(self) -> None:
        with publishing_all(*self.PATHS) as (x, z):
            x.touch()
            z.mkdir()
            assert not any(path.exists() for path in self.PATHS)
        assert all(path.exists() for path in self.PATHS)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_none_appears_unless_all_were_written(self, fault: type[BaseException]) -> None:
        Path("x").write_text("old")
        with pytest.raises(fault), publishing_all(*self.PATHS) as (x, _):  # noqa: PT012
            x.write_text("new")
            raise fault
        assert Path("x").read_text() == "old"
        assert names() == ["x", "y"]
        assert names("y") == []


@pytest.mark.usefixtures("in_folder")
def test_a_full_disk_is_an_error_and_leaves_nothing() -> None:
    Path("file").write_text("old")
    code = (
        "from pathlib import Path; from perennial.runtime.publishing import publishing\n"
        "with publishing(Path('file')) as place: place.write_bytes(bytes(9_999))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert names() == ["file"]
    assert Path("file").read_text() == "old"
