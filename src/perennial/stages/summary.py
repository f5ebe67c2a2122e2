"""What a run made, in a few lines: ``python -m perennial.stages.summary``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import fill
from typing import Any

from perennial.params.build import read_params
from perennial.params.collect import Collect
from perennial.params.paths import BUNDLE, TEST_METRICS
from perennial.runtime import jsonfile

#: Metrics shown; the rest are in the file.
SHOWN = 4

#: Of a line.
WIDTH = 96


def summary(metrics: dict[str, Any], name: str) -> str:
    """The headline of `metrics/evaluate.json`, and what to run next: lines for a terminal."""
    return "\n".join(["", f"{name} on its test rows:", "", *_figures(metrics), "", *_next()])


def _figures(metrics: dict[str, Any]) -> Iterator[str]:
    rows = metrics["detail"][:SHOWN]
    width = max(len(row["metric"]) for row in rows)
    for row in rows:
        linear = "-" if row["linear"] is None else f"{row['linear']:.4f}"
        yield f"  {row['metric']:<{width}}  {_in_words(row)}, a linear model {linear}"
        for note in ("why_not", "warning", "remark"):
            if note in row:
                yield fill(row[note], WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4)


def _in_words(row: dict[str, Any]) -> str:
    value, low, high = (
        "-" if row[name] is None else f"{row[name]:.4f}" for name in ("value", "low", "high")
    )
    return value if row["low"] is None else f"{value}  ({low} to {high})"


def _next() -> list[str]:
    return [
        f"The model to serve:  {BUNDLE} (its card: {BUNDLE / 'MODEL_CARD.md'})",
        "For what follows:    . .venv/bin/activate",
        "Validation figures:  dvc metrics show",
        f"Test figures:        dvc metrics diff main --targets {TEST_METRICS}",
        "Is a change real?    perennial compare",
        "Plots:               dvc plots show",
        "Try another value:   dvc exp run --set-param train.params.learning_rate=0.05",
        "                     dvc metrics diff",
    ]


def left_out(collect: Collect) -> Iterator[str]:
    """A line where not all rows of the source are collected: a run that was cached said nothing."""
    ends = {"since": collect.since, "until": collect.until}
    given = [f"{key} {period}" for key, period in ends.items() if period]
    if given:
        yield f"Rows collected:      {' '.join(given)} alone (params.yaml: collect)\n"


def main() -> int:
    """Print the summary of the run in the current folder; 1 where nothing has been run."""
    try:
        name = jsonfile.read(BUNDLE / "manifest.json")["name"]
        print(summary(jsonfile.read(TEST_METRICS), name))
        print(*left_out(read_params().collect), sep="\n", end="")
    except FileNotFoundError as error:
        print(f"{error.filename} is missing: run `make repro` first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
