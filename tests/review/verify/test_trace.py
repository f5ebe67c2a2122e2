"""strace's records are read right, and only undeclared files are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.review.revision.pipeline import Stage, Tracked
from perennial.review.verify.trace import Access, parsed, undeclared

ROOT = Path("/somewhere/tree")
STAGE = Stage(
    "fit",
    deps=(Tracked("src/fit.py", None), Tracked("data/rows", None)),
    outs=(Tracked("models/fitted", None),),
    params={"params.yaml": {"fit": None}},
)


def opened(path: str, mode: str = "r") -> Access:
    return Access(path if path.startswith("/") else f"{ROOT}/{path}", mode == "w")


@pytest.mark.parametrize(
    ("line", "path", "is_writing"),
    [
        ('openat(AT_FDCWD</a>, "b", O_RDONLY|O_CLOEXEC) = 3</a/b>', "/a/b", False),
        ('openat(4</a/c>, "b", O_RDONLY) = 3</a/c/b>', "/a/c/b", False),
        ('openat(AT_FDCWD</a>, "b", O_WRONLY|O_CREAT, 0666) = 3</a/b>', "/a/b", True),
        ('openat(AT_FDCWD</a>, "b", O_RDWR) = 3</a/b>', "/a/b", True),
        ('creat("b", 0666) = 3</a/b>', "/a/b", True),
        ('openat(AT_FDCWD</a>, "n\\303\\244h", O_RDONLY) = 3</a/n\\303\\244h>', "/a/näh", False),
        ('openat(AT_FDCWD</a>, "b\\">", O_RDONLY) = 3</a/b"\\76>', '/a/b">', False),
        ('execve("/a/tool", ["/a/tool", "-x"], 0x7ff /* 9 vars */) = 0', "/a/tool", False),
        ('renameat(AT_FDCWD</a>, "x", AT_FDCWD</a>, "y") = 0', "/a/y", True),
        ('symlinkat("x", AT_FDCWD</a>, "y") = 0', "/a/y", True),
    ],
)
def test_a_line_gives_one_access(line: str, path: str, is_writing: bool) -> None:
    assert list(parsed([line + "\n"])) == [Access(path, is_writing)]


def test_a_relative_name_is_taken_from_the_processs_folder() -> None:
    lines = [
        'openat(AT_FDCWD</a/b>, "c", O_RDONLY) = 3</a/b/c>',
        'rename("c", "d") = 0',
        'truncate("../e", 0) = 0',
    ]
    paths = [access.path for access in parsed(lines)]
    assert paths == ["/a/b/c", "/a/b/d", "/a/e"]


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD</a>, "b", O_RDONLY) = -1 ENOENT (No such file or directory)',
        'openat(AT_FDCWD</a>, "b", O_RDONLY|O_DIRECTORY) = 3</a/b>',
        'rename("x", "y") = -1 EACCES (Permission denied)',
        "+++ exited with 0 +++",
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
    ],
)
def test_what_opened_no_file_counts_for_nothing(line: str) -> None:
    assert list(parsed([line])) == []


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("src/fit.py", "r"),
        ("src/__pycache__/fit.cpython-311.pyc", "r"),
        ("src/__pycache__/fit.cpython-311.pyc.140234", "w"),
        ("data/rows/a.csv", "r"),
        ("params.yaml", "r"),
        ("models/fitted/weights", "w"),
        ("models/fitted/weights", "r"),
        ("models/.fitted.4711.new.partial/weights", "w"),
        (".perennial/stages.jsonl", "w"),
        ("/usr/lib/libm.so", "r"),
        ("/tmp/scratch", "w"),
    ],
)
def test_what_is_declared_or_outside_is_allowed(path: str, mode: str) -> None:
    assert undeclared(STAGE, [opened(path, mode)], ROOT) == []


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        ("src/other.py", "r", ("src/other.py", "reads")),
        ("src/__pycache__/other.cpython-311.pyc", "r", ("src/other.py", "reads")),
        ("data/rows.csv", "r", ("data/rows.csv", "reads")),
        ("data/rows/a.csv", "w", ("data/rows/a.csv", "writes")),
        ("params.yaml", "w", ("params.yaml", "writes")),
        ("models/fitted.txt", "w", ("models/fitted.txt", "writes")),
        (".git/HEAD", "r", (".git/HEAD", "reads")),
        (".perennial/stages.jsonl", "r", (".perennial/stages.jsonl", "reads")),
        ("models/.other.4711.new.partial", "w", ("models/other", "writes")),
    ],
)
def test_any_other_file_is_undeclared(path: str, mode: str, expected: tuple[str, str]) -> None:
    assert undeclared(STAGE, [opened(path, mode)] * 2, ROOT) == [expected]


def test_writing_weighs_more_than_reading() -> None:
    both = [opened("x", "w"), opened("x", "r"), opened("y", "r"), opened("y", "w")]
    assert undeclared(STAGE, both, ROOT) == [("x", "writes"), ("y", "writes")]
