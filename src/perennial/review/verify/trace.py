"""Which files a stage opens, as the kernel sees it.

Python's audit hooks do not see what Arrow, treelite or onnxruntime open; strace does. DVC starts
each stage's command through ``$SHELL``, so a shell that starts strace records every stage, whatever
its command is, and no more.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from perennial.review.revision.pipeline import Stage, lies_in

_CALLS = (
    "open,openat,openat2,creat,execve,truncate,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat"
)
_SHELL = """\
#!/bin/sh
folder={folder}/$DVC_STAGE
mkdir -p "$folder"
exec strace -ff -qq -y -s 4096 {fast} -e trace={calls} -o "$folder/trace" /bin/sh "$@"
"""
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<number>\d+)(?:<(?P<path>.*)>)?$")
_HERE = re.compile(r"AT_FDCWD<(?P<path>[^>]*)>")
_STRING = re.compile(r'(?:AT_FDCWD|\d+)?(?:<(?P<at>[^>]*)>)?(?:, )?"(?P<text>(?:[^"\\]|\\.)*)"')
_WRITING = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b")
_CACHED = re.compile(r"(?P<module>.+)\.cpython-\d+(?:\.opt-\d)?\.pyc(?:\.\d+)?")
_HALF = re.compile(r"\.(?P<name>.+)\.\d+\.(?:new|old)\.partial")

#: Written by every stage and read by none: how long it took.
_LOG = ".perennial"


@dataclass(frozen=True)
class Access:
    """One file that was opened, or put in place, by its absolute path."""

    path: str
    is_writing: bool

    @property
    def how(self) -> str:
        """The kind of access, as a verb."""
        return "writes" if self.is_writing else "reads"


def recording_shell(folder: Path) -> Path | str:
    """Make a shell that records every stage, in a folder each; or say why that is not possible."""
    if shutil.which("strace") is None:
        return "there is no strace: install it to see which files a stage opens"
    for fast in ("--seccomp-bpf", ""):
        probe = subprocess.run(
            ["strace", "-f", "-qq", *fast.split(), "-e", "trace=openat", "-o", "/dev/null", "true"],
            capture_output=True,
            text=True,
            check=False,
        )
        if probe.returncode == 0:
            break
    else:
        reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"strace cannot trace here: {reason}"
    folder.mkdir()
    shell = folder / "shell"
    shell.write_text(_SHELL.format(folder=f"'{folder}'", fast=fast, calls=_CALLS))
    shell.chmod(stat.S_IRWXU)
    return shell


def accesses(folder: Path) -> Iterator[Access]:
    """Files that a stage opened, by the records of its processes; folders are left out."""
    for record in sorted(folder.glob("trace.*")):
        with record.open(encoding="utf-8", errors="replace") as lines:
            yield from parsed(lines)


def parsed(lines: Iterable[str]) -> Iterator[Access]:
    """Files that a process opened, by the lines that ``strace -ff -y`` writes.

    >>> line = 'openat(AT_FDCWD</a>, "b", O_RDONLY|O_CLOEXEC) = 3</a/b>'
    >>> list(parsed([line]))
    [Access(path='/a/b', is_writing=False)]
    """
    here = "/"
    for line in lines:
        call = _CALL.match(line.strip())
        if call is None:
            continue
        if at := _HERE.search(call["arguments"]):
            here = at["path"]
        if call["path"] is not None:
            if "O_DIRECTORY" not in call["arguments"]:
                is_writing = call["name"] == "creat" or bool(_WRITING.search(call["arguments"]))
                yield Access(_decoded(call["path"]), is_writing)
            continue
        yield from _named(call["name"], call["arguments"], here)


def _named(name: str, arguments: str, here: str) -> Iterator[Access]:
    """Files that a call names which has no descriptor."""
    paths = [
        _decoded(posixpath.normpath(posixpath.join(match["at"] or here, match["text"])))
        for match in _STRING.finditer(arguments)
    ]
    if name == "execve":
        yield Access(paths[0], is_writing=False)
    elif paths:
        # The file was seen when it was made; where it is renamed or linked to counts.
        yield Access(paths[-1], is_writing=True)


def _decoded(text: str) -> str:
    r"""Undo strace's escapes.

    >>> _decoded(r"/n\303\244her")
    '/näher'
    """
    if "\\" not in text:
        return text
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1").decode()


def undeclared(stage: Stage, opened: Iterable[Access], root: Path) -> list[tuple[str, str]]:
    """Files of a repository that a stage opened and did not declare, with "reads" or "writes".

    A module's compiled form counts as the module, a half-written output as the output. An empty
    module, as most packages' ``__init__`` are, has nothing to declare.
    """
    outs = [out.path for out in stage.outs]
    deps = [dep.path for dep in stage.deps] + list(stage.params)
    accesses: dict[str, str] = {}
    for access in opened:
        if not lies_in(access.path, str(root)):
            continue
        path = _source_of(PurePosixPath(access.path).relative_to(root))
        # Python writes a module's compiled form when it reads the module.
        is_writing = access.is_writing and "/__pycache__/" not in access.path
        if is_writing and lies_in(path, _LOG):
            continue
        allowed = outs if is_writing else outs + deps
        if _is_empty_module(root / path):
            continue
        if not any(lies_in(path, name) for name in allowed) and accesses.get(path) != "writes":
            accesses[path] = "writes" if is_writing else "reads"
    return sorted(accesses.items())


def _is_empty_module(path: Path) -> bool:
    return path.suffix == ".py" and path.is_file() and not path.stat().st_size


def _source_of(path: PurePosixPath) -> str:
    compiled = _CACHED.fullmatch(path.name)
    if path.parent.name == "__pycache__" and compiled:
        return str(path.parent.parent / f"{compiled['module']}.py")
    parts = (half["name"] if (half := _HALF.fullmatch(part)) else part for part in path.parts)
    return str(PurePosixPath(*parts))
