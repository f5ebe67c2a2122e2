"""What it costs to load and run a bundle: time of the imports, and size of what they need.

The times are of fresh processes, in turns, beside the bare `import numpy, treelite`. They run in a
fresh environment made from `requirements/live.txt`, whose size is told; the bundle is loaded there
and asked its own samples.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src"
LOCK = REPOSITORY / "requirements/live.txt"

#: The most that the imports may take, in seconds, and the environment, in MB (of 10^6 bytes).
TIME_BAR, SIZE_BAR = 1.3, 250.0

FLOOR = "import numpy, treelite"
IMPORTS = "the imports that load and run a bundle"
LOADED = "these, and the bundle loaded and asked its samples"

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
    total = sum(sizes.values()) / 1e6
    slowest = median(wall for wall, _ in times[IMPORTS])
    print("\n".join(report(times, sizes, arguments.runs)))
    return 0 if slowest < TIME_BAR and total < SIZE_BAR else 1


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
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in CODES}
    for turn in range(runs + 1):
        for what, code in CODES.items():
            command = [str(python), "-P", "-c", TIMED.format(code=code), str(bundle)]
            wall, cpu = map(float, run(command).split())
            if turn:
                found[what].append((wall, cpu))
    return found


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
    walls = {what: median(wall for wall, _ in found) for what, found in times.items()}
    yield "| What a fresh process does | Wall | CPU | Ratio | Bar |"
    yield "| --- | --- | --- | --- | --- |"
    for what, found in times.items():
        least, most = min(found)[0], max(found)[0]
        cpu = median(cpu for _, cpu in found)
        bar = told(walls[what], TIME_BAR, "s") if what == IMPORTS else ""
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
    yield f"{total:.0f} MB ({parts}). Bar: {told(total, SIZE_BAR, 'MB')}."


def told(value: float, bar: float, unit: str) -> str:
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
