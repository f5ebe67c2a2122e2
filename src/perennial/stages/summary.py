"""What a run made, in a few lines: ``python -m perennial.stages.summary``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perennial.runtime import jsonfile

METRICS = Path("metrics/evaluate.json")
BUNDLE = Path("models/bundle")

#: Metrics shown; the rest are in the file.
SHOWN = 4


def summary(metrics: dict[str, Any], name: str) -> str:
    """Put the headline into words.

    Parameters
    ----------
    metrics : dict
        The content of `metrics/evaluate.json`.
    name : str
        The model's name.

    Returns
    -------
    str
        Several lines, for a terminal.
    """
    return "\n".join(["", f"{name} on its test rows:", "", *_figures(metrics), "", *_next()])


def _figures(metrics: dict[str, Any]) -> Iterator[str]:
    rows = metrics["detail"][:SHOWN]
    width = max(len(row["metric"]) for row in rows)
    for row in rows:
        linear = "-" if row["linear"] is None else f"{row['linear']:.4f}"
        yield (
            f"  {row['metric']:<{width}}  {row['value']:.4f}  "
            f"({row['low']:.4f} to {row['high']:.4f}), a linear model {linear}"
        )


def _next() -> list[str]:
    return [
        f"The model to serve:  {BUNDLE} (its card: {BUNDLE / 'MODEL_CARD.md'})",
        "For what follows:    . .venv/bin/activate",
        "All figures:         dvc metrics show",
        "Plots:               dvc plots show",
        "Try another value:   dvc exp run --set-param train.params.learning_rate=0.05",
        "                     dvc metrics diff",
    ]


def main() -> int:
    """Print the summary of the run in the current folder.

    Returns
    -------
    int
        0, or 1 where nothing has been run.
    """
    try:
        name = jsonfile.read(BUNDLE / "manifest.json")["name"]
        print(summary(jsonfile.read(METRICS), name))
    except FileNotFoundError as error:
        print(f"{error.filename} is missing: run `make repro` first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
