"""The command line: `perennial COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from perennial.runtime.errors import PerennialError

#: Each command: the module with its ``add_arguments`` and ``run``, and its line of help.
COMMANDS = {
    "land": ("perennial.landing.command", "bring new periods into data/landing"),
    "compare": ("perennial.review.compare.command", "say whether a change is real"),
    "gate": ("perennial.review.gate.command", "check a model against the policy"),
    "verify": ("perennial.review.verify.command", "check a commit, or the working tree"),
    "sign": ("perennial.review.sign.command", "sign a bundle with a key of one's own"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0 yes or done, 1 no, 2 could not tell, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words[:1]).parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # Whoever calls this function has chosen the code that runs.
        if argv is None:
            refuse_other_code(Path.cwd(), Path(__file__).parent)
        return int(arguments.run(arguments))
    except PerennialError as error:
        return _report(arguments.command, str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _report(arguments.command, f"{where}{error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _report(arguments.command, "interrupted; nothing half-written was left", 130)
    except Exception as error:  # noqa: BLE001
        # Python would end with 1, which is an answer here: no.
        if not _is_of_dvc(error):
            traceback.print_exc()
            return _report(arguments.command, "an unexpected fault, reported above", 2)
        # Its cause has the line and the column.
        why = " ".join(f"{error} {error.__cause__ or ''}".split())
        return _report(arguments.command, f"DVC: {why}", 2)


def refuse_other_code(folder: Path, code: Path) -> None:
    """Refuse to work on a checkout that has code of its own by the code of another one.

    An activated environment runs the checkout that it was made for, wherever it is called.
    """
    roots = (root for root in (folder, *folder.parents) if (root / "dvc.yaml").is_file())
    root = next(roots, None)
    own = root / "src/perennial" if root else None
    if own and (own / "cli.py").is_file() and own.resolve() != code.resolve():
        raise PerennialError(
            f"this repository has its own code, and what runs is that of {code.resolve()}",
            where=str(root),
            hint="deactivate the other environment; `make environment` here, then "
            ". .venv/bin/activate",
        )


def _parser(chosen: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perennial",
        description="A model's whole life in one git repository, on DVC.",
        epilog="`perennial COMMAND --help` says more of each.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, line) in COMMANDS.items():
        command = commands.add_parser(
            name, help=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        # Only the chosen command is imported: the others cost nothing.
        if name in chosen:
            _declare(command, module)
    return parser


def _declare(command: argparse.ArgumentParser, module: str) -> None:
    chosen = importlib.import_module(module)
    chosen.add_arguments(command)
    command.set_defaults(run=chosen.run)


def _is_of_dvc(error: Exception) -> bool:
    # By name: DVC's import takes a second, and not every command needs it.
    return type(error).__module__.partition(".")[0] in {"dvc", "dvc_data", "dvc_objects", "scmrepo"}


def _interrupt(*_: object) -> None:
    # SIGTERM ends a command as Ctrl-C does, so that what it was writing is removed.
    raise KeyboardInterrupt


def _report(command: str, message: str, code: int) -> int:
    print(f"perennial {command}: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
