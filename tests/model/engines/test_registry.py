"""The registry names every engine once, and what it says of each is so."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.bundle.fresh_process import BLOCKED
from perennial.model import engines
from perennial.model.compiled import engine_type
from perennial.model.engines.registry import ENGINES, EngineEntry
from perennial.runtime.environment import pinned

ROOT = Path(__file__).parents[3]
each_engine = pytest.mark.parametrize("entry", ENGINES.values(), ids=ENGINES)


def test_every_module_of_the_folder_has_one_entry() -> None:
    names = {module.name for module in pkgutil.iter_modules(engines.__path__)} - {"registry"}
    listed = [entry.module for entry in ENGINES.values()]
    assert sorted(listed) == sorted(f"perennial.model.engines.{name}" for name in names)


@pytest.mark.parametrize("name", ENGINES)
def test_its_class_loads_scores_and_saves(name: str) -> None:
    kind = engine_type(name)
    assert (kind.__module__, kind.__name__) == (ENGINES[name].module, ENGINES[name].type)
    assert all(callable(getattr(kind, method)) for method in ("load", "scores", "save"))


@each_engine
def test_its_requirements_are_locked(entry: EngineEntry) -> None:
    assert (ROOT / entry.requires).is_file()
    assert (ROOT / entry.requires).with_suffix(".in").is_file()
    locked = dict(pinned((ROOT / "requirements/build.txt").read_text(encoding="utf-8")))
    assert set(entry.packages) <= set(locked)


@each_engine
def test_the_fresh_process_lets_in_only_what_it_else_shuts_out(entry: EngineEntry) -> None:
    assert entry.training_imports <= set(BLOCKED)


def test_the_reference_lists_each_with_its_requirements() -> None:
    page = (ROOT / "docs/reference/bundle.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([\w./-]+)` \|$", page, re.MULTILINE)
    baseline = {"linear"}
    assert dict(rows) == {
        name: entry.requires for name, entry in ENGINES.items() if name not in baseline
    }


def test_reading_it_imports_no_engine() -> None:
    code = (
        "import sys; before = set(sys.modules); import perennial.model.engines.registry\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['perennial']\n"
