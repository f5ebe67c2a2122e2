"""`make test` collects every test file and every docstring with examples, in whatever folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Writes down the files that pytest collects, and keeps it from importing them.
PLUGIN = """\
import json
import pytest

collected = []

@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path):
    collectors = yield
    collected.extend((type(one).__name__, str(file_path)) for one in collectors)
    return []

def pytest_sessionfinish():
    with open("{listing}", "w") as file:
        json.dump(collected, file)
"""


def collected(root: Path, folder: Path) -> set[tuple[str, str]]:
    """The kind and the path of each file that the command of `make test` collects."""
    listing = folder / "listing.json"
    (folder / "listing_plugin.py").write_text(PLUGIN.replace("{listing}", str(listing)))
    arguments = "ARGS=--collect-only -p listing_plugin -p no:cacheprovider"
    dry = ["make", "--dry-run", "--no-print-directory", "test", arguments]
    recipe = subprocess.run(dry, cwd=root, capture_output=True, text=True, check=True).stdout
    (command,) = (line for line in recipe.splitlines() if " -m pytest " in line)
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=root,
        env={**environment, "PATH": python, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout + done.stderr
    return {
        (kind, Path(path).relative_to(root).as_posix())
        for kind, path in json.loads(listing.read_text())
    }


def expected(root: Path) -> set[tuple[str, str]]:
    """What of git's files, and of those that are to be added, holds tests or examples."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", "*.py"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    texts = {
        name: (root / name).read_text(encoding="utf-8")
        for name in listed.split("\0")
        if name.startswith(("tests/", "src/perennial/")) and (root / name).is_file()
    }
    tests = {
        ("Module", name)
        for name, text in texts.items()
        if name.startswith("tests/")
        and (Path(name).match("test_*.py") or re.search("^def test_", text, re.MULTILINE))
    }
    examples = {
        ("DoctestModule", name)
        for name, text in texts.items()
        if name.startswith("src/") and re.search("^ *>>> ", text, re.MULTILINE)
    }
    return tests | examples


def test_every_test_file_in_git_is_collected(tmp_path: Path) -> None:
    tests = expected(ROOT)
    assert len(tests) > 100
    assert tests - collected(ROOT, tmp_path) == set()


def test_a_folder_that_pytest_skips_would_be_reported(tmp_path: Path) -> None:
    """By default, pytest enters no folder named build."""
    root = tmp_path / "project"
    files = {
        "tests/build/test_asleep.py": "def test_nothing() -> None: ...\n",
        "tests/awake/test_awake.py": "def test_nothing() -> None: ...\n",
        "tests/awake/misnamed.py": "def test_nothing() -> None: ...\n",
        "src/perennial/build/asleep.py": '"""\n    >>> 1\n    1\n"""\n',
        "src/perennial/awake.py": '"""\n    >>> 1\n    1\n"""\n',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    assert expected(root) - collected(root, tmp_path) == {
        ("Module", "tests/build/test_asleep.py"),
        ("Module", "tests/awake/misnamed.py"),
        ("DoctestModule", "src/perennial/build/asleep.py"),
    }
