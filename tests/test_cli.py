"""The command line names its commands, and says no in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dvc.exceptions import DvcException

from perennial import cli
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project

SRC = Path(__file__).parents[1] / "src"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    message = capsys.readouterr().out
    for name, (_, line) in cli.COMMANDS.items():
        assert name in message
        assert line in message


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    message = capsys.readouterr().out
    for part in ("examples:", f"perennial {name}", "exit codes:", "--json"):
        assert part in message


@pytest.mark.parametrize("argv", [[], ["lnd"], ["land", "--nonsense"], ["land"]])
def test_a_slip_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    assert ended.value.code == 2
    assert "usage: perennial" in capsys.readouterr().err


def test_a_fault_is_reported_on_stderr_without_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["land", "rows.csv"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "perennial land: data/contract.yaml: the file is missing\n  hint: " in captured.err


@pytest.mark.parametrize(
    ("fault", "message"),
    [(DvcException("no cache\nhere"), "DVC: no cache here"), (KeyError("x"), "KeyError: 'x'")],
)
def test_a_fault_of_another_is_no_answer(
    fault: Exception,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Python ends a program that fails with 1, which here says no."""

    def fail(arguments: object) -> int:
        raise fault

    monkeypatch.setattr("perennial.landing.command.run", fail)
    assert cli.main(["land", "rows.csv"]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert ("Traceback" in errors) is isinstance(fault, KeyError)


def command(folder: Path, source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `perennial` in a folder, with the code of a source folder, as an environment would."""
    code = "import sys; from perennial.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("below", ["", "data"])
def test_a_checkout_is_not_judged_by_the_code_of_another(new_iris: Project, below: str) -> None:
    done = command(new_iris.root / below, SRC, "verify", "--quick")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"perennial verify: {new_iris.root}: this repository has its own code" in done.stderr
    assert f"that of {SRC / 'perennial'}" in done.stderr
    assert "hint: " in done.stderr


def test_an_installed_copy_is_other_code_too(new_iris: Project) -> None:
    site = new_iris.root / ".venv/lib/python3/site-packages/perennial"
    with pytest.raises(PerennialError, match="its own code"):
        cli.refuse_other_code(new_iris.root, site)


def test_its_own_code_runs_through_a_link_and_help_is_for_all(
    new_iris: Project, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(new_iris.root)
    assert "own code" not in command(link, new_iris.root / "src", "land", "none.csv").stderr
    assert command(new_iris.root, SRC, "verify", "--help").returncode == 0


def test_a_folder_without_code_of_its_own_takes_any(in_folder: Path, new_iris: Project) -> None:
    """A service loads bundles anywhere, and a repository may install the package instead."""
    (in_folder / "dvc.yaml").write_text("stages: {}\n")
    cli.refuse_other_code(in_folder, SRC / "perennial")
    code = "import perennial; print(perennial.load.__name__)"
    done = new_iris.run("python", "-c", code, env={"PYTHONPATH": str(SRC)}, check=True)
    assert done.stdout == "load\n"


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from perennial import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print('pyarrow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.endswith("False\n")
