"""The commands and the Python that the documents show run, and print what the documents show.

A page's blocks are run in order, in one shell, in a clone of the tree under test. A block that
cannot be run here has a line above it: `<!-- not run: the reason -->`. In the output shown,
figures, hashes and keys may differ, and a line of three dots stands for any lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]

#: What a block may be. Another name for a shell's language would escape this test.
LANGUAGES = {"console", "python", "yaml", "text", "mermaid"}

#: Ten days in the place of nine months, and limits to match.
FEWER_FLIGHTS = """
collect: {period: day, until: "2013-01-10"}
prepare: {split: {test: 4, validation: 2}}
train: {params: {max_iter: 20}, adversarial_rows: 200}
evaluate: {resamples: 100, slices: [origin], importance: {rows: 100, repeats: 2}}
compare: {resamples: 100, refits: 0, min_blocks: 2}
gate:
  floors: {roc_auc: 0.55}
  ceilings: {log_loss: 0.9}
  margin: 0.3
  rare_share: 1
  max_calibration_error: 0.5
"""

_BLOCK = re.compile(
    r"^(?:<!-- *not run:(?P<reason>[^\n]*)-->\n)?```(?P<language>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code in a page, and why it is not run, if it is not."""

    line: int
    language: str
    text: str
    reason: str | None

    @property
    def runs(self) -> bool:
        return self.language in {"console", "python"} and self.reason is None


@dataclass(frozen=True)
class Command:
    """A shell command, and the output that the page shows of it."""

    line: int
    text: str
    shown: tuple[str, ...] = ()


def tracked(*patterns: str) -> list[str]:
    """Files of the tree under test, those that are not yet committed included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    listing = subprocess.run([*command, *patterns], cwd=ROOT, capture_output=True, check=True)
    names = set(listing.stdout.decode().split("\0"))
    return sorted(name for name in names if name and (ROOT / name).is_file())


PAGES = [name for name in tracked("*.md") if not name.startswith("tests/")]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """The blocks of code of a page, in order."""
    return [
        Block(
            text.count("\n", 0, match.start("text")) + 1,
            match["language"],
            match["text"],
            match["reason"],
        )
        for match in _BLOCK.finditer(text)
    ]


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block: lines after `$ `, each with the output below it."""
    lines = block.text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"line {block.line}: a console block begins with `$ `"
    for start, end in pairwise([*starts, len(lines)]):
        yield Command(block.line + start, lines[start][2:], tuple(lines[start + 1 : end]))


def steps(block: Block, folder: Path) -> list[Command]:
    """What a block runs: its commands, or Python with its code in a file of that folder."""
    if block.language == "console":
        return list(commands(block))
    script = folder / f"line_{block.line}.py"
    script.write_text(block.text, encoding="utf-8")
    return [Command(block.line, f"python {script}")]


def run(project: Project, todo: list[Command], logs: Path) -> None:
    """Run commands in one shell, which ends at the first that fails; compare what they print."""
    script = "\n".join(
        f"{{ {command.text}\n}} >{logs}/{number}.out 2>{logs}/{number}.err </dev/null || "
        f"{{ echo {number} $?; exit; }}"
        for number, command in enumerate(todo)
    )
    failed = project.run("bash", "-c", script, check=True).stdout.split()
    if failed:
        number, code = map(int, failed)
        said = "".join((logs / f"{number}.{end}").read_text() for end in ("out", "err"))
        pytest.fail(f"line {todo[number].line}: `{todo[number].text}` exits with {code}\n{said}")
    for number, command in enumerate(todo):
        printed = (logs / f"{number}.out").read_text(encoding="utf-8")
        assert not command.shown or is_shown(command.shown, printed), (
            f"line {command.line}: `{command.text}` prints\n{printed}"
        )


def is_shown(shown: tuple[str, ...], printed: str) -> bool:
    """Whether a page shows what was printed, apart from figures and what three dots leave out."""
    parts = [r"(?:.*\n)*" if line == "..." else re.escape(plain(line)) + r"\n" for line in shown]
    lines = "".join(plain(line) + "\n" for line in printed.splitlines())
    return re.fullmatch("".join(parts), lines) is not None


def plain(line: str) -> str:
    """A line with `#` for each figure, hash and key, and single spaces."""
    line = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{7,}\b|\b[A-Za-z0-9+/]{40,}=*", "#", line)
    line = re.sub(r"[-+\u2212]?\b\d[\d.,]*\b", "#", line)
    return " ".join(line.split())


@pytest.fixture(scope="module")
def clone(empty_project: type[Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tree under test after a run on fewer flights, with an origin. Shared: copy it."""
    project = empty_project(tmp_path_factory.mktemp("clone") / "project")
    for name in tracked():
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, project.root / name, follow_symlinks=False)
    bring_the_example(project)
    change_params(project, FEWER_FLIGHTS)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("the tree under test")
    project.dvc("repro")
    project.commit("its run on fewer flights")
    origin = str(project.root.parent / "origin.git")
    project.git("clone", "--quiet", "--bare", ".", origin)
    project.git("remote", "add", "origin", origin)
    project.git("fetch", "--quiet", "origin")
    return project


def bring_the_example(project: Project) -> None:
    """The documents describe the flights, whatever table the tree under test has."""
    for name in ("params.yaml", "data/contract.yaml"):
        project.write(name, (ROOT / "tests/example" / Path(name).name).read_text(encoding="utf-8"))
    for path in (project.root / "data/landing").glob("*.dvc"):
        path.unlink()


def change_params(project: Project, changes: str) -> None:
    """Merge sections and their keys into `params.yaml`."""
    yaml, path = YAML(), project.root / "params.yaml"
    params = yaml.load(path)
    merge(params, yaml.load(changes))
    yaml.dump(params, path)


def merge(into: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def add_environment(project: Project) -> None:
    """Give the project a `.venv` that is this environment, recorded as `scripts/environment` does.

    Nothing may be installed into it: the `uv` that stands first on PATH refuses.
    """
    venv, refusing = project.root / ".venv", project.root.parent / "refusing"
    for folder in (venv, refusing):
        folder.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    hashed = ["pyproject.toml", *tracked("requirements/*.txt")]
    hashes = project.git("hash-object", "--no-filters", *hashed).split()
    version = ".".join(map(str, sys.version_info[:3]))
    lines = [f"python {version} in {project.root.resolve()}"]
    lines += [f"{name} {digest}" for name, digest in zip(hashed, hashes, strict=True)]
    (venv / "installed").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (refusing / "uv").write_text("#!/bin/sh\necho 'a test installs nothing' >&2\nexit 1\n")
    (refusing / "uv").chmod(0o755)
    first = [str(refusing), str(Path(sys.executable).parent)]
    project.env["HOME"] = str(project.root.parent)
    project.env["PATH"] = os.pathsep.join([*first, os.environ["PATH"]])
    # `make test` runs one file, not this one.
    project.env["PYTEST_ADDOPTS"] = "tests/test_cli.py -k imports_no_command"


@pytest.fixture(scope="module")
def feature(clone: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """On a branch `feature` whose model differs from main's; main is tagged. Shared: copy it."""
    project = clone.copy(tmp_path_factory.mktemp("feature") / "project")
    project.git("tag", "v1.0")
    project.git("switch", "--quiet", "--create", "feature")
    change_params(project, "train: {params: {max_iter: 25}}")
    project.dvc("repro")
    project.commit("learn longer")
    return project


def bring_orders(project: Project) -> None:
    """Orders as the guide describes them, in files, and its YAML in the places that it names."""
    contract, _, params = (
        block.text
        for block in blocks(read("docs/guides/your-table.md"))
        if block.language == "yaml"
    )
    project.write("data/contract.yaml", contract)
    change_params(project, "collect: null")
    change_params(project, params)
    for month in (1, 2, 3):
        orders = "".join(f"{order(month, number)}\n" for number in range(300))
        header = "order_id,placed_at,customer,country,weight,note,late\n"
        project.write(f"exports/2024-0{month}.csv", header + orders)


def order(month: int, number: int) -> str:
    country, late = ("FR", "IT", "PL")[number % 3], str(number * number % 11 < 3).lower()
    placed = f"2024-0{month}-{number % 28 + 1:02}T{number % 24:02}:15"
    return f"{month}-{number},{placed},c{number % 90},{country},{number % 37 / 2},fragile,{late}"


#: Pages that begin on a branch with another model; the others begin on main as it is cloned.
ON_A_BRANCH = ("docs/guides/compare.md", "docs/reference/gate.md")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.runs for block in blocks(read(page)))]
)
def test_the_blocks_of_a_page_run_in_order(
    page: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    start = request.getfixturevalue("feature" if page in ON_A_BRANCH else "clone")
    project = start.copy(tmp_path / "project")
    if page == "docs/guides/your-table.md":
        bring_orders(project)
    add_environment(project)
    logs = tmp_path / "logs"
    logs.mkdir()
    todo = [step for block in blocks(read(page)) if block.runs for step in steps(block, logs)]
    run(project, todo, logs)


def test_every_block_is_seen_and_most_of_the_guides_run() -> None:
    texts = {page: read(page) for page in PAGES}
    seen = {page: blocks(text) for page, text in texts.items()}
    for page, text in texts.items():
        assert len(seen[page]) == text.count("\n```") / 2, page
        assert {block.language for block in seen[page]} <= LANGUAGES, page
    guides = [page for page in PAGES if page == "README.md" or page.startswith("docs/guides/")]
    code = [b for page in guides for b in seen[page] if b.language in {"console", "python"}]
    assert len(code) > 20
    assert sum(block.runs for block in code) > len(code) * 3 / 4


@pytest.mark.parametrize("page", PAGES)
def test_a_mark_has_a_reason_and_stands_above_a_block(page: str) -> None:
    text = read(page)
    reasons = [block.reason for block in blocks(text) if block.reason is not None]
    assert len(reasons) == text.count("\n<!-- not run")
    assert all(len(reason.split()) > 1 for reason in reasons), reasons


PAGE = """\
```console
$ export NAME=world
$ echo "hello $NAME, 12 times (a1b2c3d4)"; echo more
hello world, 0.5 times (e116ac8f)
...
```

<!-- not run: it fails -->
```console
$ false
```
"""


class TestTheCheckItself:
    """What would let a broken document pass."""

    @pytest.fixture
    def check(self, empty_project: type[Project], tmp_path: Path) -> Callable[[str], None]:
        def check(page: str) -> None:
            todo = [step for block in blocks(page) if block.runs for step in steps(block, tmp_path)]
            run(empty_project(tmp_path), todo, tmp_path)

        return check

    def test_a_page_that_is_right_passes(self, check: Callable[[str], None]) -> None:
        assert [block.runs for block in blocks(PAGE)] == [True, False]
        check(PAGE)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("<!-- not run: it fails -->\n", "", "line 9: `false` exits with 1"),
            ("...\n", "", r"line 3: .* prints\n *hello world, 12"),
            ("hello world", "goodbye world", "line 3: .* prints"),
            ("$ export", "export", "a console block begins with"),
        ],
    )
    def test_what_is_wrong_fails(
        self, old: str, new: str, message: str, check: Callable[[str], None]
    ) -> None:
        assert old in PAGE
        with pytest.raises((AssertionError, pytest.fail.Exception), match=message):
            check(PAGE.replace(old, new))

    def test_python_that_raises_fails(self, check: Callable[[str], None]) -> None:
        with pytest.raises(pytest.fail.Exception, match="KeyError"):
            check("```python\n{}[1]\n```\n")

    @pytest.mark.parametrize("line", ["roc_auc 0.7150 better", "train: 3 rows"])
    def test_words_count_and_figures_do_not(self, line: str) -> None:
        assert is_shown((line,), re.sub(r"\d", "7", line) + "\n")
        assert not is_shown((line,), line.replace("r", "x") + "\n")
