"""What it costs to load and run a bundle: the imports, the size of what they need, and data frames.

The imports run in fresh processes, in turns with the bare `import numpy, treelite`, in a fresh
environment made from `requirements/live.txt`, whose size is measured; the bundle is loaded there
and answers its own samples. Then 100,000 rows are answered here, in turns, as an Arrow table and as
data frames.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src"
LOCK = REPOSITORY / "requirements/live.txt"

#: The most that the imports may take, in seconds; the environment, in MB (of 10^6 bytes); and a
#: data frame's answers, in times those of the same Arrow table.
TIME_BAR, SIZE_BAR, FRAME_BAR = 1.3, 250.0, 1.5

#: Rows to answer, repeated from the test rows where there are fewer.
ROWS = 100_000

TABLE = "an Arrow table"
FLOOR = "import numpy, treelite"
IMPORTS = "the imports that load and run a bundle"
LOADED = "these, and the bundle loaded, answering its samples"

#: Each is run in a process of its own, and times itself: without the start of Python.
CODES = {
    FLOOR: "import numpy, treelite",
    IMPORTS: "import perennial.bundle.bundle, perennial.model.engines.treelite",
    LOADED: (
        "from perennial.bundle.bundle import load; import json; bundle = load(sys.argv[1]);"
        "cases = json.loads(bundle.files['sample.json'])['cases'];"
        "answers = bundle.respond([case['request'] for case in cases]);"
        "assert answers == [case['response'] for case in cases]"
    ),
}
TIMED = (
    "import sys, time; wall, cpu = time.perf_counter(), time.process_time(); {code};"
    "print(time.perf_counter() - wall, time.process_time() - cpu)"
)


def main() -> int:
    arguments = parse_arguments()
    bundle = arguments.bundle.resolve()
    if not (bundle / "manifest.json").exists():
        print(f"loading: {bundle} is no bundle: run `make repro` first", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        python = install(Path(name) / "environment")
        times = measure(python, bundle, arguments.runs)
        sizes = sizes_of(Path(name) / "environment")
    answers = measure_answers(bundle, arguments.runs)
    print("\n".join([*report(times, sizes, arguments.runs), *report_answers(answers)]))
    total = sum(sizes.values()) / 1e6
    imports = median(wall for wall, _ in times[IMPORTS])
    slowest = max(ratios(answers).values())
    return 0 if imports < TIME_BAR and total < SIZE_BAR and slowest < FRAME_BAR else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9, help="processes of each kind (default 9)")
    parser.add_argument(
        "--bundle", type=Path, default=REPOSITORY / "models/bundle", help="default models/bundle"
    )
    return parser.parse_args()


def install(folder: Path) -> Path:
    """Make an environment that holds the live requirements and nothing else, as pip leaves them."""
    python = folder / "bin/python"
    uv = shutil.which("uv")
    run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(folder)])
    if uv:
        command = [uv, "pip", "install", "--python", str(python), "--compile-bytecode"]
    else:
        command = [str(python), "-m", "pip", "install"]
    run([*command, "--quiet", "--require-hashes", "--requirement", str(LOCK)])
    return python


def measure(python: Path, bundle: Path, runs: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of each kind, in turns; one round goes before, not counted."""
    times: dict[str, list[tuple[float, float]]] = {what: [] for what in CODES}
    for turn in range(runs + 1):
        for what, code in CODES.items():
            command = [str(python), "-P", "-c", TIMED.format(code=code), str(bundle)]
            wall, cpu = map(float, run(command).split())
            if turn:
                times[what].append((wall, cpu))
    return times


def measure_answers(bundle: Path, runs: int) -> dict[str, list[float]]:
    """Wall seconds of answers to the same rows, by the form of the rows, in turns."""
    from perennial.bundle.bundle import load

    loaded = load(bundle)
    forms = forms_of(parquet_rows())
    times: dict[str, list[float]] = {form: [] for form in forms}
    for turn in range(runs + 1):
        for form, rows in forms.items():
            start = time.perf_counter()
            loaded.predict_proba(rows)
            if turn:
                times[form].append(time.perf_counter() - start)
    return times


def parquet_rows() -> Any:
    """`ROWS` test rows as an Arrow table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(REPOSITORY / "data/prepared/test.parquet")
    copies = -(-ROWS // table.num_rows)
    return pa.concat_tables([table] * copies).slice(0, ROWS).combine_chunks()


def forms_of(table: Any) -> dict[str, Any]:
    """The same rows as an Arrow table, and as data frames of each kind of column."""
    import pandas as pd

    frame = table.to_pandas()
    return {
        TABLE: table,
        "a frame of Arrow-backed columns": table.to_pandas(types_mapper=pd.ArrowDtype),
        "a frame of numpy's columns": frame,
        "a frame of nullable columns": frame.convert_dtypes(),
    }


def ratios(answers: dict[str, list[float]]) -> dict[str, float]:
    """Median time of each form, in times that of the Arrow table."""
    medians = {form: median(times) for form, times in answers.items()}
    return {form: value / medians[TABLE] for form, value in medians.items()}


def sizes_of(environment: Path) -> dict[str, int]:
    """Bytes of each part of an environment; pip, where it is there, is no part of it."""
    sizes: dict[str, int] = {}
    for path in files_in(environment):
        inner = path.relative_to(environment).parts
        place = inner.index("site-packages") + 1 if "site-packages" in inner else len(inner)
        part = (
            inner[place].partition(".")[0].partition("-")[0] if place < len(inner) else "the rest"
        )
        if part != "pip":
            sizes[part] = sizes.get(part, 0) + path.lstat().st_size
    return sizes


def files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def report(
    times: dict[str, list[tuple[float, float]]], sizes: dict[str, int], runs: int
) -> Iterator[str]:
    """The tables, as Markdown."""
    walls = {what: median(wall for wall, _ in pairs) for what, pairs in times.items()}
    yield "| What a fresh process does | Wall | CPU | Ratio | Bar |"
    yield "| --- | --- | --- | --- | --- |"
    for what, pairs in times.items():
        least, most = min(pairs)[0], max(pairs)[0]
        cpu = median(cpu for _, cpu in pairs)
        bar = against(walls[what], TIME_BAR, "s") if what == IMPORTS else ""
        yield (
            f"| {what} | {walls[what]:.2f} s ({least:.2f}-{most:.2f}) | {cpu:.2f} s | "
            f"{walls[what] / walls[FLOOR]:.2f} | {bar} |"
        )
    yield ""
    yield f"Medians of {runs} processes of each kind, in turns (smallest-largest), without the"
    yield f"start of Python; load when it ended: {os.getloadavg()[0]:.1f}."
    yield ""
    total = sum(sizes.values()) / 1e6
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    parts = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in largest)
    yield "`requirements/live.txt` in a fresh environment, bytecode included:"
    yield f"{total:.0f} MB ({parts}). Bar: {against(total, SIZE_BAR, 'MB')}."


def report_answers(answers: dict[str, list[float]]) -> Iterator[str]:
    """The table of forms, as Markdown."""
    yield ""
    yield f"| {ROWS:,} rows answered, given as | Wall | Ratio | Bar |"
    yield "| --- | --- | --- | --- |"
    for form, ratio in ratios(answers).items():
        times = answers[form]
        bar = "" if form == TABLE else against(ratio, FRAME_BAR, "times")
        span = f"{median(times):.2f} s ({min(times):.2f}-{max(times):.2f})"
        yield f"| {form} | {span} | {ratio:.2f} | {bar} |"


def against(value: float, bar: float, unit: str) -> str:
    return f"under {bar:g} {unit}: {'met' if value < bar else 'MISSED'}"


def run(command: list[str]) -> str:
    """Run a command to its end; one that fails ends the benchmark."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command,
        env={**environment, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tempfile.gettempdir(),
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
