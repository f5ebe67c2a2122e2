"""Which source files a stage runs: its import closure, written into `dvc.yaml` as deps.

DVC knows what `dvc.yaml` declares and nothing else. A stage that forgot a module it imports would
not run again when that module changes, and its results would be recorded under the wrong code.

``python -m perennial.closure --write`` brings `dvc.yaml` up to date; ``--check`` only says whether
it is.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

from ruamel.yaml import YAML

from perennial.errors import listed

SOURCE = Path("src")
PIPELINE = Path("dvc.yaml")
STARTER = "src/__main__.py"
RUNNER = "perennial.stage"
ROOM = "perennial.build"

_COMMAND = re.compile(r"python src (\w+)")


def closure(stage: str, source: Path = SOURCE) -> list[str]:
    """Find every file under `source` that a stage may run.

    Imports inside functions count, and so do strings that are the name of a module, for that is how
    an engine is imported when it is needed.

    Parameters
    ----------
    stage : str
        A module of `perennial.build`.
    source : Path
        The folder that holds the package.

    Returns
    -------
    list of str
        Paths relative to the folder above `source`, with forward slashes, sorted.
    """
    waiting, found = [RUNNER, f"{ROOM}.{stage}"], set()
    while waiting:
        module = waiting.pop()
        path = _file_of(module, source)
        if path is None or path in found:
            continue
        found.add(path)
        # Importing a module runs the packages above it.
        waiting += _above(module)
        package = _above(module) if path.stem != "__init__" else [*_above(module), module]
        waiting += _imports(path.read_bytes(), path, tuple(package))
    files = (path.relative_to(source.parent).as_posix() for path in found)
    return sorted([*files, STARTER])


def _file_of(module: str, source: Path) -> Path | None:
    base = source.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _above(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


@cache
def _imports(code: bytes, path: Path, packages: tuple[str, ...]) -> tuple[str, ...]:
    # Most modules are in the closure of several stages.
    return tuple(_named(ast.parse(code, path), packages))


def _named(tree: ast.Module, packages: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from ..params` counts the packages above from the nearest.
            above = [packages[-node.level]] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Constant) and _is_module_name(node.value):
            yield node.value


def _is_module_name(value: Any) -> TypeGuard[str]:
    is_dotted = isinstance(value, str) and value.startswith("perennial.")
    return is_dotted and value.replace(".", "_").isidentifier()


def with_closure(module: str, deps: Iterable[str], source: Path = SOURCE) -> list[str]:
    """Replace the source files among a stage's deps by its closure; the other deps stay.

    Parameters
    ----------
    module : str
        The module of `perennial.build` that the stage runs.
    deps : iterable of str
        Its deps as declared.
    source : Path
        The folder that holds the package.

    Returns
    -------
    list of str
        Data first, in the order declared, then the source files.
    """
    kept = [dep for dep in deps if not dep.startswith(f"{SOURCE.name}/")]
    return [*kept, *closure(module, source)]


def ours(pipeline: dict[str, Any]) -> dict[str, str]:
    """Find the stages that run a module of `perennial.build`; the others are the user's own.

    Parameters
    ----------
    pipeline : dict
        The content of `dvc.yaml`.

    Returns
    -------
    dict
        Module by stage.

    Examples
    --------
    >>> ours({"stages": {"train": {"cmd": "python src train"}, "draw": {"cmd": "python draw.py"}}})
    {'train': 'train'}
    """
    commands = {stage: body.get("cmd") for stage, body in pipeline.get("stages", {}).items()}
    matches = {stage: _COMMAND.fullmatch(str(command)) for stage, command in commands.items()}
    return {stage: match[1] for stage, match in matches.items() if match}


def differences(pipeline: dict[str, Any], source: Path = SOURCE) -> list[str]:
    """Say where declared deps and closures differ.

    Parameters
    ----------
    pipeline : dict
        The content of `dvc.yaml`.
    source : Path
        The folder that holds the package.

    Returns
    -------
    list of str
        A sentence for each file too few or too many: the stage first.
    """
    found = []
    for stage, module in ours(pipeline).items():
        deps = pipeline["stages"][stage].get("deps", [])
        declared = {dep for dep in deps if dep.startswith(f"{SOURCE.name}/")}
        wanted = set(closure(module, source))
        found += [f"{stage} lacks the dep {path}" for path in sorted(wanted - declared)]
        found += [f"{stage} does not import its dep {path}" for path in sorted(declared - wanted)]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line by default.

    Returns
    -------
    int
        0 if `dvc.yaml` is, or has been brought, up to date; 1 if not.
    """
    parser = argparse.ArgumentParser(
        prog="python -m perennial.closure",
        description="Hold each stage's deps in dvc.yaml to the source files that it imports.",
        epilog="example: python -m perennial.closure --check",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="bring dvc.yaml up to date")
    what.add_argument("--check", action="store_true", help="exit with 1 if it is not")
    asked = parser.parse_args(arguments)
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    pipeline = yaml.load(PIPELINE.read_text(encoding="utf-8"))
    found = differences(pipeline)
    if asked.check and found:
        print(f"{PIPELINE}: deps are not the import closure:{listed(found)}", file=sys.stderr)
        print("  mend: make deps", file=sys.stderr)
        return 1
    if asked.write and found:
        for stage, module in ours(pipeline).items():
            body = pipeline["stages"][stage]
            body["deps"] = with_closure(module, body.get("deps", []))
        text = io.StringIO()
        yaml.dump(pipeline, text)
        PIPELINE.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
