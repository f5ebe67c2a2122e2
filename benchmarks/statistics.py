"""Simulate every statistic: wrong verdicts and wrong passes, power, and coverage of intervals.

    python benchmarks/statistics.py [--quick] [--sets N] [--json]

It runs `differences.py` (two models, and the gate) and `intervals.py` (single metrics), which can
be run by themselves. The exit code is 1 where either misses a bar.
"""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("differences.py", "intervals.py")


def main() -> int:
    """Run the parts one after the other, with this command's arguments."""
    codes = [
        subprocess.run([sys.executable, HERE / part, *sys.argv[1:]], check=False).returncode
        for part in PARTS
    ]
    return max(codes)


def _use_standard_library() -> None:
    # The other scripts of this folder want the library's module of this name, and Python looks
    # into their folder first.
    path = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    spec = importlib.machinery.PathFinder.find_spec("statistics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["statistics"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    sys.exit(main())
if __name__ == "statistics":
    _use_standard_library()
