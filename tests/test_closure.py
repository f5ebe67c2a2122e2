"""A stage's deps are the files that it may run: no file less, no file more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perennial import closure

ROOT = Path(__file__).parents[1]
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
      - src/perennial/build/__init__.py
      - src/perennial/build/collect.py
      - src/perennial/stage.py
    outs:
      - data/raw  # what comes of it
"""
STAGES = ("collect", "prepare", "train", "evaluate", "export")


@pytest.fixture
def checkout(in_folder: Path) -> Path:
    """A small pipeline of its own, with exact deps, where the test stands."""
    (in_folder / "src").mkdir()
    for path in ("__init__.py", "stage.py", "build/__init__.py", "build/collect.py", "slices.py"):
        add(path, "")
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


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert closure.main(["--check"]) == 1
    head, *lines, mend = capsys.readouterr().err.splitlines()
    assert (head, mend) == ("dvc.yaml: deps are not the import closure:", "  mend: make deps")
    return [line.removeprefix("  - ") for line in lines]


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
        f"import perennial.stage, perennial.build.{name}\n"
        "for module in list(sys.modules.values()):\n"
        "    path = getattr(module, '__file__', None)\n"
        "    if path and module.__name__.startswith('perennial'): print(path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {Path(line).relative_to(ROOT).as_posix() for line in done.stdout.splitlines()}
    assert len(loaded) > 10
    assert loaded <= set(closure.closure(name, ROOT / "src"))


@pytest.mark.usefixtures("checkout")
class TestCheck:
    def test_a_dep_too_few_is_told_by_stage(self, capsys: pytest.CaptureFixture[str]) -> None:
        add("build/collect.py", "from perennial import slices\n")
        assert told(capsys) == ["collect lacks the dep src/perennial/slices.py"]

    def test_a_dep_too_many_is_told_by_stage(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("dvc.yaml").write_text(PIPELINE.replace("data/landing", "src/x.py"))
        assert told(capsys) == ["collect does not import its dep src/x.py"]

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
        add("build/collect.py", f"\n{line}\n")
        assert told(capsys) == ["collect lacks the dep src/perennial/extra.py"]

    def test_a_neighbour_named_from_inside_its_package_counts(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("build/collect.py", "\nimport perennial.sources.extra\n")
        add("sources/extra.py", "\nfrom .other import name\n")
        add("sources/other.py", "")
        add("sources/__init__.py", "\nfrom . import third\n")
        add("sources/third.py", "")
        assert told(capsys) == [
            f"collect lacks the dep src/perennial/sources/{name}.py"
            for name in ("__init__", "extra", "other", "third")
        ]

    def test_packages_above_count_and_what_they_import(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add("deep/down/extra.py", "")
        add("deep/__init__.py", "import perennial.slices\n")
        add("deep/down/__init__.py", "")
        add("build/collect.py", "\nimport perennial.deep.down.extra\n")
        assert told(capsys) == [
            "collect lacks the dep src/perennial/deep/__init__.py",
            "collect lacks the dep src/perennial/deep/down/__init__.py",
            "collect lacks the dep src/perennial/deep/down/extra.py",
            "collect lacks the dep src/perennial/slices.py",
        ]

    @pytest.mark.parametrize("text", ["see perennial.extra for more", "perennial", "perennial.no"])
    def test_prose_is_no_import(self, text: str) -> None:
        add("extra.py", "")
        add("build/collect.py", f"\nABOUT = {text!r}\n")
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
        before = Path("dvc.yaml").read_text()
        add("build/collect.py", "import perennial.slices\n")
        assert closure.main(["--write"]) == 0
        line = "      - src/perennial/slices.py\n"
        assert Path("dvc.yaml").read_text().replace(line, "", 1) == before

    def test_a_stage_of_another_name_that_runs_a_module_is_held_to_it(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("dvc.yaml").write_text(PIPELINE.replace("  collect:", "  collect-again:"))
        add("build/collect.py", "import perennial.slices\n")
        assert told(capsys) == ["collect-again lacks the dep src/perennial/slices.py"]


@pytest.mark.usefixtures("checkout")
class TestWrite:
    def test_deps_are_brought_up_to_date_and_all_else_stays(self) -> None:
        add("build/collect.py", "import perennial.slices\n")
        assert closure.main(["--write"]) == 0
        assert closure.main(["--check"]) == 0
        line = "      - src/perennial/slices.py\n"
        assert Path("dvc.yaml").read_text().replace(line, "", 1) == PIPELINE
        Path("src/perennial/build/collect.py").write_text('"""Made up."""\n')
        assert closure.main(["--write"]) == 0
        assert Path("dvc.yaml").read_text() == PIPELINE

    def test_an_exact_pipeline_is_not_touched(self) -> None:
        Path("dvc.yaml").chmod(0o400)
        before = Path("dvc.yaml").stat().st_mtime_ns
        assert closure.main(["--write"]) == 0
        assert Path("dvc.yaml").stat().st_mtime_ns == before

    def test_data_deps_come_first_in_their_order(self) -> None:
        deps = ["src/gone.py", "data/b", "src/perennial/slices.py", "data/a"]
        found = closure.with_closure("collect", deps)
        assert found == ["data/b", "data/a", *closure.closure("collect")]


def test_one_of_the_two_must_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        closure.main([])
    assert "--write" in capsys.readouterr().err
