"""Which files a stage opens, as the kernel saw it.

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

from perennial.review.revision.checkout import Stage, lies_in

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
    """One file that was opened."""

    path: str
    is_writing: bool

    @property
    def how(self) -> str:
        """What was done, in a word."""
        return "writes" if self.is_writing else "reads"


def recording_shell(folder: Path) -> Path | str:
    """Make a shell that records every stage."""
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
    """Read the records of a stage."""
    for record in sorted(folder.glob("trace.*")):
        with record.open(encoding="utf-8", errors="replace") as lines:
            yield from parsed(lines)


def parsed(lines: Iterable[str]) -> Iterator[Access]:
    """Read the record of one process.

    Examples
    --------
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
    """Take the paths that a call without a descriptor names."""
    paths = [
        _decoded(posixpath.normpath(posixpath.join(match["at"] or here, match["text"])))
        for match in _STRING.finditer(arguments)
    ]
    if name == "execve":
        yield Access(paths[0], is_writing=False)
    elif paths:
        # What is renamed or linked was in sight before; it is where it goes that counts.
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
    """Find the files inside a repository that a stage opened and did not declare."""
    outs = [out.path for out in stage.outs]
    deps = [dep.path for dep in stage.deps] + list(stage.params)
    found: dict[str, str] = {}
    for access in opened:
        if not lies_in(access.path, str(root)):
            continue
        path = _meant(PurePosixPath(access.path).relative_to(root))
        # Python writes a module's compiled form when it reads the module.
        is_writing = access.is_writing and "/__pycache__/" not in access.path
        if is_writing and lies_in(path, _LOG):
            continue
        allowed = outs if is_writing else outs + deps
        if _is_empty_module(root / path):
            continue
        if not any(lies_in(path, name) for name in allowed) and found.get(path) != "writes":
            found[path] = "writes" if is_writing else "reads"
    return sorted(found.items())


def _is_empty_module(path: Path) -> bool:
    return path.suffix == ".py" and path.is_file() and not path.stat().st_size


def _meant(path: PurePosixPath) -> str:
    compiled = _CACHED.fullmatch(path.name)
    if path.parent.name == "__pycache__" and compiled:
        return str(path.parent.parent / f"{compiled['module']}.py")
    parts = (half["name"] if (half := _HALF.fullmatch(part)) else part for part in path.parts)
    return str(PurePosixPath(*parts))
