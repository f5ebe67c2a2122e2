"""Real projects for the tests: this repository's code and pipeline around somebody else's table."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parents[1]
STAGES = ("collect", "prepare", "train", "evaluate", "export")

#: Fixtures of projects: tests that use one start processes, and take longest.
PROJECTS = {"empty_project", "lay_project", "new_iris", "cancer", "diabetes"}

#: Folders whose every file is an output of a stage.
OUTPUTS = ("data/raw", "data/prepared", "data/scored", "models", "metrics")

#: The outputs of each stage, which DVC removes before it runs.
OUTPUTS_OF = {
    "collect": ["data/raw"],
    "prepare": ["data/prepared", "metrics/data.json"],
    "train": ["models/model.joblib", "models/compiled", "models/baseline", "metrics/train.json"],
    "evaluate": [
        "data/scored",
        "metrics/evaluate.json",
        "metrics/validation.json",
        "metrics/slices.json",
        "metrics/card.json",
        "metrics/plots",
    ],
    "export": ["models/bundle"],
}

#: Variables that are not inherited from whoever runs the tests, `make test ARGS=…` among them.
_OWN = (
    "PYTHONPATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "TZ", "LC_ALL", "DVC_", "GIT_",
    "ARGS", "MAKE", "MFLAGS",
)  # fmt: skip


def pytest_configure() -> None:
    """Processes that tests start run this tree's code, whichever tree the environment installed.

    Examples of Hypothesis have no time limit: a busy machine is no fault.
    """
    os.environ["PYTHONPATH"] = str(REPOSITORY / "src")
    settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that run projects first: started last, one would keep a single worker busy."""
    slow = {item.path for item in items if PROJECTS & {*getattr(item, "fixturenames", ())}}
    items.sort(key=lambda item: item.path not in slow)


@dataclass
class Project:
    """A checkout of its own, with a command line."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **changes: str) -> dict[str, str]:
        """The caller's, without what would change results, and with this Python first on PATH."""
        kept = {key: text for key, text in os.environ.items() if not key.startswith(_OWN)}
        own_source = self.root / "src"
        source = own_source if own_source.is_dir() else REPOSITORY / "src"
        own = {
            "PYTHONPATH": str(source),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "COLUMNS": "120",
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(self.root.parent / "dvc-global"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.root.parent / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(self.root.parent / "dvc-site"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "A Tester",
            "GIT_AUTHOR_EMAIL": "tester@example.org",
            "GIT_COMMITTER_NAME": "A Tester",
            "GIT_COMMITTER_EMAIL": "tester@example.org",
        }
        return {**kept, **own, **self.env, **changes}

    def run(
        self, *command: str, env: dict[str, str] | None = None, check: bool = False, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**(env or {})),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            **options,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment(**(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def stage(self, name: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one stage as `dvc repro` would, without DVC around it."""
        return self.run("python", "src", name, **options)

    def stages(self, *names: str, **options: Any) -> None:
        """Run stages, all five by default; each must succeed."""
        for name in names or STAGES:
            self.stage(name, check=True, **options)

    def dvc(self, *arguments: str, check: bool = True, **options: Any) -> Any:
        """Run DVC; it must succeed, unless `check` is false."""
        return self.run("dvc", *arguments, check=check, **options)

    def git(self, *arguments: str) -> str:
        """Run git; it must succeed."""
        return self.run("git", *arguments, check=True).stdout

    def commit(self, message: str = "a step") -> None:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def refused(self, name: str, *messages: str) -> str:
        """Run a stage that must refuse with these messages; return its standard error."""
        before = self.files()
        done = self.stage(name)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith(f"{name}: ")
        assert "git restore metrics && dvc checkout" in done.stderr
        for message in messages:
            assert message in done.stderr
        assert self.files() == before
        return done.stderr

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every output of every stage, by path."""
        return {
            name: hashlib.sha256((self.root / name).read_bytes()).hexdigest()
            for name in self.files()
            if name.startswith(OUTPUTS) and not name.endswith(".gitignore")
        }

    def files(self) -> list[str]:
        """Every file in the folders of outputs, half-written ones included."""
        return sorted(
            path.relative_to(self.root).as_posix()
            for folder in ("data", "models", "metrics")
            for path in (self.root / folder).rglob("*")
            if not path.is_dir()
        )

    def halves(self) -> list[str]:
        """The half-written files."""
        return [name for name in self.files() if ".partial" in name]

    def remove_outputs(self, stage: str) -> None:
        """As DVC does before it runs a stage."""
        for name in OUTPUTS_OF[stage]:
            path = self.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be in a file."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new))

    def copy(self, root: Path) -> Project:
        """The same project with all its outputs and its DVC cache, in another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root, dict(self.env))


def make_project(
    root: Path, contract: str, params: str, header: str, rows: Iterable[Any]
) -> Project:
    """Lay this repository's code and pipeline around a table, and commit it."""
    project = Project(root)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "src", root / "src", ignore=ignored)
    shutil.copytree(REPOSITORY / ".dvc/plots", root / ".dvc/plots")
    for name in (
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvcignore",
        ".gitattributes",
        ".gitignore",
        "data/.gitignore",
        "data/prepared/.gitignore",
        "data/scored/.gitignore",
        "models/.gitignore",
        "dvc.yaml",
        "requirements/build.txt",
    ):
        project.write(name, (REPOSITORY / name).read_text(encoding="utf-8"))
    project.write("data/contract.yaml", contract)
    project.write("params.yaml", params)
    landed = project.write("data/landing/rows.csv", header + "\n")
    with landed.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("the project")
    return project


def shipped(name: str) -> list[list[str]]:
    """A table that scikit-learn ships, read without importing it, which takes seconds."""
    specification = find_spec("sklearn")
    assert specification is not None
    path = Path(str(specification.origin)).parent / "datasets/data" / name
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=" " if path.suffix == ".gz" else ","))


IRIS_CONTRACT = """\
version: 1
name: iris
description: A plant.
columns:
  plant: {type: text, role: id}
  sepal_length: {type: number, min: 0, max: 10, unit: cm}
  sepal_width: {type: number, min: 0, max: 10, unit: cm}
  petal_length: {type: number, min: 0, max: 10, unit: cm}
  petal_width: {type: number, min: 0, max: 10, unit: cm, description: Across | the petal.}
  species: {type: category, role: target, categories: [setosa, versicolor, virginica]}
"""
IRIS_PARAMS = """\
collect: {source: files, period: all}
prepare: {split: {method: id, test: 0.25, validation: 0.25}}
train:
  params: {max_iter: 10}
  adversarial_rows: 200
evaluate:
  resamples: 200
  importance: {repeats: 2}
  slices: [petal_width]
  slice_min_rows: 5
export: {name: iris, reference_rows: 20, samples: 5}
"""
SPECIES = ("setosa", "versicolor", "virginica")


def iris_rows() -> list[list[str]]:
    """The 150 plants, numbered."""
    return [
        [f"p{number:03}", *values, SPECIES[int(code)]]
        for number, (*values, code) in enumerate(shipped("iris.csv")[1:])
    ]


@pytest.fixture(scope="session")
def empty_project() -> type[Project]:
    """The class of a project, to be made in any folder."""
    return Project


@pytest.fixture(scope="session")
def lay_project() -> Callable[..., Project]:
    """Make a project around a table of one's own."""
    return make_project


@pytest.fixture(scope="session")
def new_iris(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Iris, three classes, nothing run yet. Shared: copy it before you change it."""
    header = "plant,sepal_length,sepal_width,petal_length,petal_width,species"
    root = tmp_path_factory.mktemp("new-iris") / "project"
    return make_project(root, IRIS_CONTRACT, IRIS_PARAMS, header, iris_rows())


@pytest.fixture(scope="session")
def iris(new_iris: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Iris after one real `dvc repro`, committed. Shared: copy it before you change it."""
    project = new_iris.copy(tmp_path_factory.mktemp("iris") / "project")
    project.dvc("repro")
    project.commit("its first run")
    return project


@pytest.fixture
def project(iris: Project, tmp_path: Path) -> Project:
    """A copy of iris after its run, for one test."""
    return iris.copy(tmp_path / "project")


CANCER_CONTRACT = """\
version: 1
name: cancer
description: A patient's visit.
columns:
  patient: {type: text, role: id}
  seen: {type: datetime, role: time, parts: [weekday]}
  clinic: {type: category}
  ward: {type: category, missing: 0.5}
  parity: {type: integer, min: 0, max: 9}
  age: {type: number, sensitive: true, missing: 0.1}
  nickname: {type: category, sensitive: true}
  smoker: {type: boolean, missing: 0.5}
  asked: {type: datetime, missing: 0.5, parts: [hour]}
  radius: {type: number}
  texture: {type: number}
  smoothness: {type: number}
  flat: {type: number}
  diagnosis: {type: category, role: target, categories: [malignant, benign], positive: malignant}
"""
CANCER_PARAMS = """\
collect: {source: files, period: month}
prepare: {split: {method: time}}
train:
  params: {max_iter: 15}
  adversarial_rows: 400
evaluate:
  resamples: 300
  importance: {repeats: 2}
  slices: [clinic, smoker, radius]
  slice_min_rows: 30
export: {name: cancer, reference_rows: 50, samples: 10}
"""
#: Ages that no other figure of the project looks like: 7300001 and so on.
ODD_AGE = 7_300_000


def cancer_rows() -> list[list[Any]]:
    """Visits in three months; those of one day are alike, as rows of one day often are."""
    rng = np.random.default_rng(0)
    table = sorted(shipped("breast_cancer.csv")[1:], key=lambda row: (row[30], float(row[0])))
    days = np.array_split(np.arange(len(table)), 87)
    rows = []
    for day, place in enumerate(rng.permutation(87)):
        date = np.datetime64("2024-01-01") + np.timedelta64(day, "D")
        for number in days[place]:
            row, minute = table[number], int(rng.integers(480, 1000))
            rows.append(
                [
                    f"patient-{number}",
                    f"{date}T{minute // 60:02}:{minute % 60:02}",
                    ["north", "south", "east"][rng.integers(3)],
                    ["a", "b", ""][rng.integers(3)],
                    rng.integers(5),
                    ODD_AGE + rng.integers(1000),
                    f"nick{number % 9}",
                    ["true", "false", ""][rng.integers(3)],
                    f"2023-12-{rng.integers(1, 28):02}T{rng.integers(24):02}:00",
                    *row[:2],
                    row[4],
                    1.5,
                    "benign" if row[30] == "1" else "malignant",
                ]
            )
    return rows


@pytest.fixture(scope="session")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A binary task with a column of every type, split by time, after its stages. Shared."""
    header = (
        "patient,seen,clinic,ward,parity,age,nickname,smoker,asked,radius,texture,smoothness,flat,"
        "diagnosis"
    )
    root = tmp_path_factory.mktemp("cancer") / "project"
    project = make_project(root, CANCER_CONTRACT, CANCER_PARAMS, header, cancer_rows())
    project.stages()
    # So that a `dvc repro` in a copy runs only what the copy has changed.
    project.dvc("commit", "--force", "--quiet")
    project.commit("its first run")
    return project


DIABETES_CONTRACT = """\
version: 1
name: diabetes
columns:
  age: {type: integer}
  sex: {type: category}
  bmi: {type: number}
  bp: {type: number}
  s5: {type: number, missing: 0.1}
  progression: {type: number, role: target}
"""
DIABETES_PARAMS = """\
collect: {source: files, period: all}
prepare: {split: {method: random}}
train:
  estimator: sklearn.ensemble.RandomForestRegressor
  params: {n_estimators: 10, max_depth: 5}
  adversarial_rows: 200
evaluate: {resamples: 200, importance: {repeats: 2}, slices: [sex], slice_min_rows: 45}
export: {name: diabetes, reference_rows: 20, samples: 5}
"""


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A regression, split at random, after its stages. Shared: copy it before you change it."""
    targets = shipped("diabetes_target.csv.gz")
    rows = [
        [*row[:4], row[8], float(target[0])]
        for row, target in zip(shipped("diabetes_data_raw.csv.gz"), targets, strict=True)
    ]
    root = tmp_path_factory.mktemp("diabetes") / "project"
    header = "age,sex,bmi,bp,s5,progression"
    project = make_project(root, DIABETES_CONTRACT, DIABETES_PARAMS, header, rows)
    project.stages()
    return project


@pytest.fixture
def default_signals() -> Iterator[None]:
    """What a test starts takes signals as it does when a person starts it.

    A shell starts background jobs with SIGINT ignored, and `nohup` with SIGHUP ignored; children
    inherit both, whatever runs the tests.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
