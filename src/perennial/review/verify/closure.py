"""Which source files a stage runs: its import closure, compared with its deps in `dvc.yaml`.

DVC knows what `dvc.yaml` declares and nothing else. A stage that imports a module outside its deps
would not run again when that module changes, and its results would be recorded under the wrong
code. An empty ``__init__.py`` holds nothing that could change a result, and need not be in them.

``python -m perennial.review.verify.closure --check`` exits with 1 if a closure leaves the deps.

Why so: docs/decisions.md#d1
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeGuard

from perennial.params import paths, yamlfile
from perennial.runtime.errors import listed

SOURCE = Path("src")
STARTER = "src/__main__.py"
RUNNER = "perennial.stages.runner"
ROOM = "perennial.stages"

_COMMAND = re.compile(r"python src (\w+)")


class Difference(NamedTuple):
    """A stage, and what its deps lack or hold without need."""

    stage: str
    what: str


def closure(stage: str, source: Path = SOURCE) -> list[str]:
    """Paths of every file that a stage may run, relative to the folder above `source`, sorted.

    Imports inside functions count, and so do strings that are the name of a module, for that is how
    an engine is imported when it is needed.
    """
    waiting, files = [RUNNER, f"{ROOM}.{stage}"], set()
    while waiting:
        module = waiting.pop()
        path = _file_of(module, source)
        if path is None or path in files or not path.stat().st_size:
            continue
        files.add(path)
        # Importing a module runs the packages above it.
        waiting += _above(module)
        package = _above(module) if path.stem != "__init__" else [*_above(module), module]
        waiting += _imports(path.read_bytes(), path, tuple(package))
    return sorted([*(path.relative_to(source.parent).as_posix() for path in files), STARTER])


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


def modules_of(pipeline: dict[str, Any]) -> dict[str, str]:
    """Module of `perennial.stages` by stage; stages that run something else are the user's own.

    Examples
    --------
    >>> stages = {"train": {"cmd": "python src train"}, "draw": {"cmd": "python draw.py"}}
    >>> modules_of({"stages": stages})
    {'train': 'train'}
    """
    commands = {stage: body.get("cmd") for stage, body in pipeline.get("stages", {}).items()}
    matches = {stage: _COMMAND.fullmatch(str(command)) for stage, command in commands.items()}
    return {stage: match[1] for stage, match in matches.items() if match}


def differences(pipeline: dict[str, Any], source: Path = SOURCE) -> list[Difference]:
    """Files that a stage may run outside its deps, and source deps of which it runs nothing."""
    return [
        Difference(stage, what)
        for stage, module in modules_of(pipeline).items()
        for what in _differences(pipeline["stages"][stage].get("deps", []), closure(module, source))
    ]


def _differences(deps: list[str], files: list[str]) -> Iterator[str]:
    declared = [dep for dep in map(str, deps) if PurePosixPath(dep).is_relative_to(SOURCE.name)]
    for file in files:
        if not any(PurePosixPath(file).is_relative_to(dep) for dep in declared):
            yield f"runs {file}, which none of its deps holds"
    for dep in declared:
        if not any(PurePosixPath(file).is_relative_to(dep) for file in files):
            yield f"runs nothing of its dep {dep}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command: 0 if every closure is inside its stage's deps, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m perennial.review.verify.closure",
        description="Hold each stage's deps in dvc.yaml against the source files that it imports.",
        epilog="example: python -m perennial.review.verify.closure --check",
    )
    parser.add_argument("--check", action="store_true", required=True, help="exit with 1 if not")
    parser.parse_args(arguments)
    breaches = differences(yamlfile.load(paths.PIPELINE))
    if breaches:
        lines = listed(f"{stage} {what}" for stage, what in breaches)
        print(f"{paths.PIPELINE}: deps do not hold what the stages import:{lines}", file=sys.stderr)
        print(f"  hint: correct the deps in {paths.PIPELINE}, or the import", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
