"""Measure the pipeline: its stages, its runs beside a plain script, and how it grows.

Everything runs in temporary projects made from this checkout's files; nothing here is touched.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.datasets import load_iris

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
BIN = Path(sys.executable).parent
STAGES = ("collect", "prepare", "train", "evaluate", "export")
FACTORS = (1, 3, 10)

#: The most that a cold run may take, as a multiple of the floor; on flights 2.5 is the aim.
COLD_BAR = {"flights": 2.8, "iris": 3.5}
#: The fewest runs whose median means anything.
FEWEST = 3
#: The most cores that others may keep busy for a ratio to mean anything. The floor's fit takes many
#: times as long while something else runs: threads that spin wait for one that does not.
QUIET = 0.2
#: The most memory that a stage may take, as a multiple of the raw table in memory.
MEMORY_BAR = 6.0

PACKAGES = ("dvc", "numpy", "pandas", "pyarrow", "scikit-learn", "treelite")

RUNS_NOTE = (
    "Medians of {count} runs in turns (smallest-largest); ratio of the medians, and of the "
    "smallest. Every process with its start."
)
CACHED = (
    "The environment's files are in the page cache: one run of the floor goes before, not counted."
)
EVICTED = (
    "The environment's files were dropped from the page cache before each floor and each cold run, "
    "as after the machine's start."
)
FLOOR_NOTE = (
    "The floor checks no contract, computes no interval, slice, baseline or importance, compiles "
    "nothing and proves no parity, packs no bundle, hashes and stores nothing."
)

#: Values of `evaluate` that are changed in turn. The second changes every interval reported, and
#: none that the bundle's model card states.
CHANGES = {
    "evaluate.importance.rows": (r"\brows: 2000\b", "rows: 1999"),
    "evaluate.resamples": (r"\bresamples: 1000\b", "resamples: 999"),
}

IRIS_CONTRACT = """\
version: 1
name: iris
columns:
  id: {type: text, role: id}
  sepal_length: {type: number}
  sepal_width: {type: number}
  petal_length: {type: number}
  petal_width: {type: number}
  species: {type: category, role: target, categories: [setosa, versicolor, virginica]}
"""
IRIS_PARAMS = """\
collect: {source: files, period: all}
prepare: {split: {method: random, test: 0.2, validation: 0.2}}
train:
  estimator: sklearn.ensemble.HistGradientBoostingClassifier
  params: {max_iter: 100, learning_rate: 0.1, early_stopping: false}
evaluate:
  resamples: 1000
  importance: {rows: 2000}
export: {name: iris}
"""


@dataclass(frozen=True)
class Cost:
    """What a process took, with all that it started."""

    wall: float
    cpu: float
    peak: float
    """MiB, of the largest single process."""
    others: float
    """Cores that everything else kept busy meanwhile."""


@dataclass
class Section:
    """A table of the report, with notes."""

    title: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Project:
    """A fresh project: the checkout's files, no output, no cache."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(checkout, folder)
        (folder / "dvc.lock").unlink(missing_ok=True)
        shutil.rmtree(folder / "metrics", ignore_errors=True)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        settings = {
            f"DVC_{name}_DIR": str(folder.parent / f"{folder.name}-dvc" / name)
            for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
        }
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, **settings, "PATH": path, "DVC_NO_ANALYTICS": "1"}

    def run(self, *command: str) -> Cost:
        return timed(list(command), self.folder, self.environment)

    def stages(self) -> list[dict[str, Any]]:
        """What each stage that ran so far has logged of itself."""
        log = self.folder / ".perennial/stages.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def stage(self, name: str) -> dict[str, Any]:
        """Run one stage, without DVC."""
        # A process begins with the peak memory of the one that starts it: a shell's is small.
        self.run("sh", "-c", 'python src "$1"; exit $?', "sh", name)
        return self.stages()[-1]

    def edit(self, pattern: str, text: str) -> None:
        """Change a value in params.yaml, which must be there once."""
        path = self.folder / "params.yaml"
        changed, count = re.subn(pattern, text, path.read_text())
        if count != 1:
            raise SystemExit(f"params.yaml: {pattern} occurs {count} times, not once")
        path.write_text(changed)


def iris(checkout: Path, folder: Path) -> Project:
    project = Project(checkout, folder)
    (folder / "data/contract.yaml").write_text(IRIS_CONTRACT)
    (folder / "params.yaml").write_text(IRIS_PARAMS)
    write_iris(folder / "data/landing/iris.csv")
    return project


def write_iris(path: Path) -> None:
    plants = load_iris()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["id", "sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
        )
        for number, (row, code) in enumerate(zip(plants.data, plants.target, strict=True)):
            writer.writerow([f"plant-{number:03}", *row, plants.target_names[code]])


def copy_checkout(to: Path) -> Path:
    """Copy this checkout's files once: somebody may edit them while all this runs."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in listed.stdout.split("\0"):
        if (REPOSITORY / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, to / name)
    return to


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run a command to its end; one that fails ends the benchmark."""
    with tempfile.TemporaryFile() as output:
        busy, started = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(command)} failed:\n{text}")
    cpu = usage.ru_utime + usage.ru_stime
    others = max(0.0, busy_seconds() - busy - cpu) / wall
    return Cost(wall, cpu, usage.ru_maxrss / 1024, others)


def busy_seconds() -> float:
    """Seconds that all cores together have worked, or were taken by the machine's host."""
    user, nice, system, _idle, _wait, irq, softirq, steal = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    arguments = parse_arguments()
    wanted = [arguments.only] if arguments.only else ["flights", "iris", "growth"]
    sections = [machine()]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        ground = Path(name).resolve()
        copy_checkout(ground / "checkout")
        if "flights" in wanted:
            floor = [str(HERE / "floor_flights.py"), str(ground / "floor.joblib")]
            sections += runs("flights", Project, floor, ground, arguments)
        if "iris" in wanted:
            write_iris(ground / "iris.csv")
            parts = [HERE / "floor_iris.py", ground / "iris.csv", ground / "floor.joblib"]
            sections += runs("iris", iris, [str(part) for part in parts], ground, arguments)
        if "growth" in wanted:
            sections += growth(ground, arguments.runs)
    render = markdown if arguments.md else plain
    print("\n\n".join(render(section) for section in sections))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", choices=["flights", "iris", "growth"], help="measure only this")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of everything (default 3)")
    parser.add_argument(
        "--evict", action="store_true",
        help="before each floor and each cold run, have the environment's files read from the disk",
    )  # fmt: skip
    parser.add_argument("--md", action="store_true", help="print Markdown")
    return parser.parse_args()


def machine() -> Section:
    cpus = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    section = Section("The machine", ["", ""])
    section.rows = [
        ["Measured on", datetime.datetime.now(datetime.UTC).date().isoformat()],
        ["CPU", cpus[0] if cpus else platform.processor()],
        ["Cores", str(len(os.sched_getaffinity(0)))],
        ["Memory", f"{pages / 2**30:.0f} GiB"],
        ["Load when it began", f"{os.getloadavg()[0]:.1f}"],
        ["Python", platform.python_version()],
        *[[package, version(package)] for package in PACKAGES],
    ]
    return section


def runs(
    name: str,
    make: Callable[[Path, Path], Project],
    floor: list[str],
    ground: Path,
    arguments: argparse.Namespace,
) -> list[Section]:
    """Floor and pipeline in turns, so that what slows the machine slows both."""
    count = arguments.runs
    prepared = evict if arguments.evict else lambda: None
    # Not counted: it alone would find the files of the libraries unread.
    timed([sys.executable, *floor], ground, dict(os.environ))
    times: dict[str, list[Cost]] = {name: [] for name in ("floor", "cold", "no-op", *CHANGES)}
    stages: dict[str, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
    rerun: dict[str, list[str]] = {}
    for number in range(1, count + 1):
        say(f"{name}, run {number} of {count}: the floor")
        prepared()
        times["floor"].append(timed([sys.executable, *floor], ground, dict(os.environ)))
        say(f"{name}, run {number} of {count}: the pipeline, cold, without a change, and changed")
        project = make(ground / "checkout", ground / f"{name}-{number}")
        prepared()
        times["cold"].append(project.run("dvc", "repro", "--no-run-cache"))
        for record in project.stages():
            stages[record["stage"]].append(record)
        times["no-op"].append(project.run("dvc", "repro", "--no-run-cache"))
        for key, change in CHANGES.items():
            before = len(project.stages())
            project.edit(*change)
            times[key].append(project.run("dvc", "repro", "--no-run-cache"))
            rerun[key] = [record["stage"] for record in project.stages()[before:]]
        shutil.rmtree(project.folder)
    disk = EVICTED if arguments.evict else CACHED
    notes = [RUNS_NOTE.format(count=count), disk, describe_rerun(rerun), FLOOR_NOTE]
    return [stage_table(name, stages), run_table(name, times, notes)]


def evict() -> None:
    """Drop the environment's files from the page cache, as after the machine's start."""
    for path in Path(sys.prefix).rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def stage_table(name: str, stages: dict[str, list[dict[str, Any]]]) -> Section:
    section = Section(f"Stages on {name}", ["Stage", "Wall", "CPU", "Peak memory"])
    section.rows = [
        [stage, spread(records, "wall_s", " s"), spread(records, "cpu_s", " s"),
         spread(records, "peak_mib", " MiB", 0)]
        for stage, records in stages.items()
    ]  # fmt: skip
    section.notes = ["As the stages log them: without the start of Python."]
    return section


def spread(records: list[dict[str, Any]], key: str, unit: str, decimals: int = 2) -> str:
    values = [record[key] for record in records]
    return f"{median(values):.{decimals}f}{unit} {ends(values, decimals)}"


def ends(values: list[float], decimals: int) -> str:
    return f"({min(values):.{decimals}f}-{max(values):.{decimals}f})"


def describe_rerun(rerun: dict[str, list[str]]) -> str:
    lines = (f"{key} ran {', '.join(stages) or 'nothing'}" for key, stages in rerun.items())
    return f"What a changed parameter ran: {'; '.join(lines)}."


def run_table(name: str, times: dict[str, list[Cost]], notes: list[str]) -> Section:
    labels = {
        "floor": "the floor: a plain script",
        "cold": "dvc repro, cold",
        "no-op": "dvc repro, nothing changed",
        **{key: f"dvc repro, {key} changed" for key in CHANGES},
    }
    walls = {key: [cost.wall for cost in costs] for key, costs in times.items()}
    base = median(walls["floor"])
    section = Section(
        f"Runs on {name}", ["Run", "Wall", "CPU", "Ratio to the floor", "Of the smallest", "Bar"]
    )
    for key, label in labels.items():
        ratio = median(walls[key]) / base
        bar = (
            describe_cold(ratio, [*times["floor"], *times["cold"]], COLD_BAR[name])
            if key == "cold"
            else ""
        )
        cpu = median(cost.cpu for cost in times[key])
        section.rows.append(
            [label, f"{median(walls[key]):.1f} s {ends(walls[key], 1)}", f"{cpu:.1f} s",
             f"{ratio:.2f}", f"{min(walls[key]) / min(walls['floor']):.2f}", bar]
        )  # fmt: skip
    section.notes = notes
    return section


def describe_cold(ratio: float, costs: list[Cost], bar: float) -> str:
    """A ratio of few runs, or of disturbed runs, is not judged."""
    others = max(cost.others for cost in costs)
    if others > QUIET:
        return f"≤ {bar:g}: not judged, as others kept up to {others:.1f} cores busy"
    if len(costs) < 2 * FEWEST:
        return f"≤ {bar:g}: not judged by fewer than {FEWEST} runs"
    return describe_bar(ratio, bar)


def describe_bar(value: float, bar: float) -> str:
    return f"≤ {bar:g}: {'met' if value <= bar else 'MISSED'}"


def growth(ground: Path, count: int) -> list[Section]:
    """Run prepare and evaluate on more and more rows."""
    say("growth: the model that evaluate scores")
    base = Project(ground / "checkout", ground / "growth")
    for stage in ("collect", "prepare", "train"):
        base.stage(stage)
    points: dict[str, list[dict[str, Any]]] = {"prepare": [], "evaluate": []}
    for factor in FACTORS:
        project = grown(base, ground / f"growth-{factor}", factor)
        raw = nbytes(project.folder.glob("data/raw/*.parquet"))
        say(f"growth: prepare on {factor} times the rows, {count} times")
        records = [project.stage("prepare") for _ in range(count)]
        points["prepare"].append(point(factor, records, raw, raw))
        prepared = [project.folder / f"data/prepared/{s}.parquet" for s in ("test", "validation")]
        say(f"growth: evaluate on {factor} times the rows, {count} times")
        records = [project.stage("evaluate") for _ in range(count)]
        points["evaluate"].append(point(factor, records, nbytes(iter(prepared)), raw))
        shutil.rmtree(project.folder)
    return [growth_table(stage, measured) for stage, measured in points.items()]


def grown(base: Project, folder: Path, factor: int) -> Project:
    """A project whose raw periods come again in the years after, with keys of their own."""
    project = Project(folder.parent / "checkout", folder)
    shutil.copytree(base.folder / "models", folder / "models", dirs_exist_ok=True)
    (folder / "data/raw").mkdir()
    for path in sorted(base.folder.glob("data/raw/*.parquet")):
        table = pq.read_table(path)
        for years in range(factor):
            name, moved = later(path.stem, table, years)
            pq.write_table(moved, folder / f"data/raw/{name}.parquet", compression="zstd")
    project.edit(r"\btest: 1\b", f"test: {factor}")
    project.edit(r"\bvalidation: 1\b", f"validation: {factor}")
    return project


def later(period: str, table: pa.Table, years: int) -> tuple[str, pa.Table]:
    """Move a month by years: the times, and the keys, which begin with the year."""
    year, month = (int(part) for part in period.split("-"))
    shift = datetime.date(year + years, month, 1) - datetime.date(year, month, 1)
    keys = pc.binary_join_element_wise(
        str(year + years), pc.utf8_slice_codeunits(table["flight_id"], 4), ""
    )
    times = pc.add(table["scheduled_departure"], pa.scalar(shift, pa.duration("us")))
    columns = {**{name: table[name] for name in table.column_names},
               "flight_id": keys, "scheduled_departure": times}  # fmt: skip
    return f"{year + years}-{month:02}", pa.table(columns).cast(table.schema)


def nbytes(paths: Iterator[Path]) -> tuple[int, int]:
    """Rows, and bytes in memory, of some Parquet files together."""
    tables = [pq.read_table(path) for path in paths]
    return sum(table.num_rows for table in tables), sum(table.nbytes for table in tables)


def point(
    factor: int, records: list[dict[str, Any]], read: tuple[int, int], raw: tuple[int, int]
) -> dict[str, float]:
    middle = {key: median(record[key] for record in records)
              for key in ("wall_s", "cpu_s", "peak_mib")}  # fmt: skip
    rows, size = read
    return {**middle, "factor": factor, "rows": rows, "read": size / 2**20, "raw": raw[1] / 2**20}


def growth_table(stage: str, points: list[dict[str, float]]) -> Section:
    own = "raw rows" if stage == "prepare" else "test and validation rows"
    section = Section(
        f"Growth of {stage}",
        ["Rows", own[0].upper() + own[1:], "Wall", "CPU", "Peak memory", "Table read",
         "Peak to table read", "Peak to raw table", "Bar"],
    )  # fmt: skip
    for at in points:
        ratio = at["peak_mib"] / at["raw"]
        section.rows.append(
            [f"{at['factor']:.0f}x", f"{at['rows']:,.0f}", f"{at['wall_s']:.1f} s",
             f"{at['cpu_s']:.1f} s", f"{at['peak_mib']:.0f} MiB", f"{at['read']:.0f} MiB",
             f"{at['peak_mib'] / at['read']:.1f}", f"{ratio:.1f}", describe_bar(ratio, MEMORY_BAR)]
        )  # fmt: skip
    first, last = points[0], points[-1]
    further = (last["peak_mib"] - first["peak_mib"]) / (last["read"] - first["read"])
    grows = (
        f"Time grows with rows to the power of {exponent(points, 'wall_s'):.2f} (CPU "
        f"{exponent(points, 'cpu_s'):.2f}; between the two largest, where the start weighs less, "
        f"{exponent(points[-2:], 'wall_s'):.2f})."
    )
    section.notes = [grows, f"Each further MiB of the table read takes {further:.1f} MiB."]
    return section


def exponent(points: list[dict[str, float]], key: str) -> float:
    """Least squares of log time on log rows."""
    rows = [math.log(at["rows"]) for at in points]
    return linear_regression(rows, [math.log(at[key]) for at in points]).slope


def plain(section: Section) -> str:
    table = [section.head, *section.rows] if any(section.head) else section.rows
    widths = [max(len(row[at]) for row in table) for at in range(len(section.head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return "\n".join([section.title, "", *lines, *([""] if section.notes else []), *section.notes])


def markdown(section: Section) -> str:
    head, *rows = [f"| {' | '.join(row)} |" for row in [section.head, *section.rows]]
    rule = f"|{' --- |' * len(section.head)}"
    notes = [part for note in section.notes for part in ("", note)]
    return "\n".join([f"## {section.title}", "", head, rule, *rows, *notes])


def say(text: str) -> None:
    print(f"pipeline: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
