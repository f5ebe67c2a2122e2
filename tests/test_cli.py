"""The command line names its commands, and says no in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.exceptions import DvcException

from perennial import cli

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
