"""A bundle is asked its samples where production's packages are all there is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perennial.bundle import manifest
from perennial.bundle.fresh_process import BLOCKED, ask_samples, start
from perennial.runtime import jsonfile

if TYPE_CHECKING:
    from conftest import Project

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def folder(iris: Project, tmp_path: Path) -> Path:
    return Path(shutil.copytree(iris.root / "models/bundle", tmp_path / "a bundle"))


def fault_of(folder: Path) -> str | None:
    with start(folder, "treelite") as process:
        return ask_samples(process)


def sign(folder: Path) -> None:
    """Make the manifest agree with the files."""
    manifest.write(folder, jsonfile.read(folder / "manifest.json"))


def test_a_sound_bundle_has_no_fault(folder: Path) -> None:
    assert fault_of(folder) is None


def test_an_answer_that_is_not_on_record_is_reported(folder: Path) -> None:
    samples = jsonfile.read(folder / "sample.json")
    samples["cases"][1]["response"]["probabilities"]["setosa"] += 1e-9
    jsonfile.write(folder / "sample.json", samples)
    sign(folder)
    fault = fault_of(folder)
    assert fault is not None
    assert fault.startswith("sample 1: answered {")
    assert "on record is {" in fault


def test_a_changed_model_is_reported(folder: Path) -> None:
    path = folder / "compiled/program.json"
    program = jsonfile.read(path)
    program["decision"]["calibration"] = [{"curve": "sigmoid", "slope": 2.0, "intercept": 0.0}] * 3
    jsonfile.write(path, program)
    sign(folder)
    assert "sample 0: answered" in (fault_of(folder) or "")


def test_a_bundle_that_is_not_whole_is_reported(folder: Path) -> None:
    (folder / "compiled/model.tl").unlink()
    assert "compiled/model.tl: missing; the manifest lists it" in (fault_of(folder) or "")


@pytest.mark.parametrize("package", BLOCKED)
def test_an_engine_that_needs_what_production_lacks_fails(
    folder: Path, tmp_path: Path, package: str
) -> None:
    """The code itself is changed, in a copy, to import the package as it answers."""
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    engine = tmp_path / "src/perennial/model/engines/treelite.py"
    marked = "        # treelite computes in its own input type"
    text = engine.read_text()
    assert marked in text
    engine.write_text(text.replace(marked, f"        import {package}\n{marked}"))
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from perennial.bundle.fresh_process import ask_samples, start\n"
        "with start(Path(sys.argv[2]), 'treelite') as process: print(ask_samples(process))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "src", folder],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"ModuleNotFoundError: import of {package} halted")


def test_a_bundle_that_was_never_packed_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(KeyError), start(tmp_path, "treelite") as process:
        raise KeyError
    assert process.returncode is not None


def test_neither_environment_nor_folder_lends_the_process_a_module(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "treelite.py").write_text("raise SystemExit('the wrong treelite')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert fault_of(folder) is None


def test_what_is_shut_out_looks_as_if_it_were_not_installed() -> None:
    """scikit-learn asks `sys.modules` for pandas, and takes what it finds there for pandas."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from perennial.bundle.fresh_process import _Missing\n"
        "sys.meta_path.insert(0, _Missing({'pandas'}))\n"
        "try:\n    import pandas.api\nexcept ModuleNotFoundError:\n"
        "    print('pandas' in sys.modules)\n"
        "import numpy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, SRC], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
