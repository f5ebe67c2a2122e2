"""A stage's deps are the files that it may run: no file less, no file more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perennial.review.verify import closure

ROOT = Path(__file__).parents[3]
PIPELINE = """\
# A comment.
stages:
  collect:
    cmd: python src collect
    deps:
      - data/landing
      - data/contract.yaml
      - src/__main__.py
      - src/perennial/__init__.py
      - src/perennial/sources
      - src/perennial/stages/collect.py
      - src/perennial/stages/runner.py
    outs:
      - data/raw  # what comes of it
"""
STAGES = ("collect", "prepare", "train", "evaluate", "export")


@pytest.fixture
def checkout(in_folder: Path) -> Path:
    """A small pipeline of its own, with deps that hold its closure, where the test stands."""
    for path in ("stages/runner.py", "stages/collect.py", "sources/files.py", "data/slices.py"):
        add(path, "")
    add("__init__.py", "")
    add("stages/collect.py", "import perennial.sources.files\n")
    Path("dvc.yaml").write_text(PIPELINE)
    assert closure.main(["--check"]) == 0
    return in_folder


def add(path: str, text: str) -> None:
    file = Path("src/perennial", path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text('"""Made up."""\n')
    with file.open("a") as code:
        code.write(text)


def breaches(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert closure.main(["--check"]) == 1
    head, *lines, hint = capsys.readouterr().err.splitlines()
    assert head == "dvc.yaml: deps do not hold what the stages import:"
    assert hint == "  hint: correct the deps in dvc.yaml, or the import"
    return [line.removeprefix("  - ") for line in lines]


def outside(*names: str, stage: str = "collect") -> list[str]:
    return [f"{stage} runs src/perennial/{name}.py, which none of its deps holds" for name in names]


def test_the_repositorys_own_pipeline_is_exact(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert closure.main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stage_really_imports_is_in_its_deps(name: str) -> None:
    """Static analysis against what Python loads."""
    code = (
        "import sys; sys.path.insert(0, 'src')\n"
        f"import perennial.stages.runner, perennial.stages.{name}\n"
        "for module in list(sys.modules.values()):\n"
        "    path = getattr(module, '__file__', None)\n"
        "    if path and module.__name__.startswith('perennial'): print(path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [Path(line) for line in done.stdout.splitlines()]
    loaded = {file.relative_to(ROOT).as_posix() for file in files if file.stat().st_size}
    assert len(loaded) > 10
    assert loaded <= set(closure.closure(name, ROOT / "src"))


@pytest.mark.usefixtures("checkout")
class TestCheck:
    def test_a_file_outside_the_deps_is_named_with_its_stage(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("stages/collect.py", "from perennial.data import slices\n")
        assert breaches(capsys) == outside("data/slices")

    def test_a_file_inside_a_folder_among_the_deps_is_held(self) -> None:
        add("sources/deep/extra.py", "")
        add("sources/deep/__init__.py", "")
        add("stages/collect.py", "import perennial.sources.deep.extra\n")
        assert closure.main(["--check"]) == 0

    def test_a_folder_holds_no_other_whose_name_begins_alike(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("sources_of_others/extra.py", "")
        add("stages/collect.py", "import perennial.sources_of_others.extra\n")
        assert breaches(capsys) == outside("sources_of_others/extra")

    @pytest.mark.parametrize("dep", ["src/x.py", "src/perennial/data"])
    def test_a_dep_of_which_nothing_is_run_is_named(
        self, dep: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("dvc.yaml").write_text(PIPELINE.replace("data/landing", dep))
        assert breaches(capsys) == [f"collect runs nothing of its dep {dep}"]

    @pytest.mark.parametrize(
        "line",
        [
            "import perennial.extra",
            "import perennial.extra as other",
            "from perennial import extra",
            "from perennial.extra import name",
            "from perennial.extra import *",
            "from .. import extra",
            "from ..extra import name",
            "def inside():\n    from perennial import extra",
            "if False:\n    import perennial.extra",
            "class Some:\n    from perennial import extra",
            "ENGINES = {'extra': ('perennial.extra', 'Extra')}",
            "NAME = 'perennial.extra'",
        ],
    )
    def test_every_way_to_name_a_module_counts(
        self, line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("extra.py", "")
        add("stages/collect.py", f"\n{line}\n")
        assert breaches(capsys) == outside("extra")

    def test_a_neighbour_named_from_inside_its_package_counts(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("stages/collect.py", "\nimport perennial.deep.extra\n")
        add("deep/extra.py", "\nfrom .other import name\n")
        add("deep/other.py", "")
        add("deep/__init__.py", "\nfrom . import third\n")
        add("deep/third.py", "")
        assert breaches(capsys) == outside(
            *(f"deep/{name}" for name in ("__init__", "extra", "other", "third"))
        )

    def test_packages_above_count_and_what_they_import_unless_they_are_empty(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("deep/down/extra.py", "")
        add("deep/__init__.py", "import perennial.data.slices\n")
        Path("src/perennial/deep/down/__init__.py").touch()
        add("stages/collect.py", "\nimport perennial.deep.down.extra\n")
        assert breaches(capsys) == outside("data/slices", "deep/__init__", "deep/down/extra")

    @pytest.mark.parametrize("text", ["see perennial.extra for more", "perennial", "perennial.no"])
    def test_prose_is_no_import(self, text: str) -> None:
        add("extra.py", "")
        add("stages/collect.py", f"\nABOUT = {text!r}\n")
        assert closure.main(["--check"]) == 0

    def test_parameters_of_another_room_concern_no_stage(self) -> None:
        add("params/gate.py", '"""Parameters of a made-up gate."""\n')
        add("review/gate.py", "from perennial.params import gate\n")
        assert closure.main(["--check"]) == 0
        assert not any("gate" in path for path in closure.closure("collect"))


OWN = """\
stages:
  draw:
    cmd: python src/draw.py
  plot:
    cmd:
      - python src collect --again
      - python plot.py
    deps:
      - src/plot.py
  again:
    foreach: [1, 2]
    do:
      cmd: python src ${item}
"""


@pytest.mark.usefixtures("checkout")
class TestStagesOfOnesOwn:
    def test_they_are_nobody_elses_affair(self) -> None:
        Path("dvc.yaml").write_text(PIPELINE.replace("stages:\n", OWN))
        assert closure.main(["--check"]) == 0

    def test_a_stage_of_another_name_that_runs_a_module_is_held_to_it(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("dvc.yaml").write_text(PIPELINE.replace("  collect:", "  collect-again:"))
        add("stages/collect.py", "import perennial.data.slices\n")
        assert breaches(capsys) == outside("data/slices", stage="collect-again")


def test_what_is_wanted_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        closure.main([])
    assert "--check" in capsys.readouterr().err
