"""How often the interval of a metric holds the truth, by design: rows, days, groups.

Each design is a way in which data come about, with effects of the day in what happens, in how
well it is told and in the scores. Its truth is the metric of a sample some hundred times as large.
Beside the intervals that `perennial.evaluation.bootstrap.estimate` gives stands Student's, the
value ± t(G - 1) times the bootstrap's standard error for G blocks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from perennial.evaluation.bootstrap import estimate, resample_counts
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.definition import Scorer, evaluate, select
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Make = Callable[[np.random.Generator, Ints], Scorer]

RESAMPLES = 300
#: Blocks of the sample that has the truth, and rows where each is its own block.
MANY_BLOCKS, MANY_ROWS = 20_000, 400_000

#: Coverage that an interval without a warning must have.
BAR = 0.93

BINARY = ("roc_auc", "average_precision", "log_loss", "brier", "precision", "recall", "f1")
REGRESSION = ("rmse", "mae", "r2", "median_absolute_error", "bias")
SHARES = ("accuracy", "balanced_accuracy", "f1_macro")


@dataclass(frozen=True)
class Design:
    """A way in which data come about."""

    name: str
    make: Make
    metrics: tuple[str, ...]
    sizes: Callable[[np.random.Generator], Ints]
    """Rows of each block."""
    by_row: bool = False
    """Whether each row is its own block."""


@dataclass(frozen=True)
class Line:
    """One metric of a design."""

    design: str
    metric: str
    truth: float
    told: int
    """Data sets that gave an interval without a warning."""
    coverage: float | None
    """Of the intervals without a warning."""
    warned: float
    """The share of data sets whose interval bears a warning."""
    coverage_warned: float | None
    untold: float
    """The share of data sets without an interval."""
    width: float | None
    """The median, of the intervals without a warning or, without one, of all."""
    students_coverage: float
    students_width: float


def binary(effect: float, base: float = -1.0, *, noise: float = 1.0) -> Make:
    """Positives of a base rate on the logit; every day has a rate, a spread and a shift."""

    def make(rng: np.random.Generator, days: Ints) -> Scorer:
        rate, skill, shift = rng.normal(size=(3, days.max() + 1)) * effect
        target = rng.random(len(days)) < expit(base + rate[days])
        lead = 1.5 * target * (1 + 0.3 * skill[days]) - 0.75
        logit = base + lead + shift[days] + noise * rng.normal(size=len(days))
        return BinaryScores(target, expit(logit), float(expit(base + 0.6)))

    return make


def regression(effect: float, tail: float = np.inf) -> Make:
    """Errors with a mean and a spread of each day; rows' own are Student's t, or normal."""

    def make(rng: np.random.Generator, days: Ints) -> Scorer:
        mean, spread = rng.normal(size=(2, days.max() + 1)) * effect
        rows = len(days)
        own = rng.normal(size=rows) if np.isinf(tail) else rng.standard_t(tail, rows)
        target = 2 * rng.normal(size=rows)
        error = mean[days] + np.exp(spread[days] / 2) * own
        return RegressionScores(target, target + error)

    return make


def outliers(share: float, size: float) -> Make:
    """Normal errors, but for a share of rows that are off by so many deviations."""

    def make(rng: np.random.Generator, days: Ints) -> Scorer:
        error = rng.normal(size=len(days)) * np.where(rng.random(len(days)) < share, size, 1.0)
        target = 2 * rng.normal(size=len(days))
        return RegressionScores(target, target + error)

    return make


def classes(right: float, effect: float = 0.0) -> Make:
    """Three classes, answered rightly so often; every day has its own logit."""

    def make(rng: np.random.Generator, days: Ints) -> Scorer:
        mood = rng.normal(size=days.max() + 1) * effect
        rows = len(days)
        target = np.arange(rows) % 3
        is_right = rng.random(rows) < expit(np.log(right / (1 - right)) + mood[days])
        guess = np.where(is_right, target, (target + rng.integers(1, 3, rows)) % 3)
        return MulticlassScores(target, np.eye(3)[guess] * 0.7 + 0.1)

    return make


def calibrated(effect: float, rate: float = 0.3, off: float = 0.0) -> Make:
    """Probabilities that come true on average; days move the rates, `off` shifts the logits."""

    def make(rng: np.random.Generator, days: Ints) -> Scorer:
        logit = np.log(rate / (1 - rate)) + rng.normal(size=len(days))
        true = expit(logit)
        mood = np.clip(rng.normal(size=days.max() + 1) * effect, -1, 1)
        moved = true + mood[days] * true * (1 - true)
        return BinaryScores(rng.random(len(days)) < moved, expit(logit + off), 0.5)

    return make


def even(blocks: int, rows: int) -> Callable[[np.random.Generator], Ints]:
    """Blocks of one size."""
    return lambda rng: np.full(blocks, rows)


def uneven(blocks: int, rows: int, spread: float) -> Callable[[np.random.Generator], Ints]:
    """Lognormal sizes of so many rows on average."""

    def sizes(rng: np.random.Generator) -> Ints:
        drawn = np.exp(spread * rng.normal(size=blocks))
        return np.maximum(1, np.round(drawn / drawn.mean() * rows)).astype(np.int64)

    return sizes


def one_huge(blocks: int, rows: int) -> Callable[[np.random.Generator], Ints]:
    """One block of 60% of the rows."""
    rest = np.full(blocks - 1, int(rows * blocks * 0.4 / (blocks - 1)))
    return lambda rng: np.concatenate([[int(rows * blocks * 0.6)], rest])


def designs() -> Iterator[Design]:
    """All designs."""
    for days in (40, 30, 20, 10):
        yield Design(f"{days} days", binary(0.5), BINARY, even(days, 40))
        yield Design(f"{days} days", regression(0.7), REGRESSION, even(days, 40))
    for days in (40, 30, 10):
        yield Design(f"{days} days, strong effects", binary(1.0), BINARY, even(days, 60))
        yield Design(f"{days} days, strong effects", regression(1.2), REGRESSION, even(days, 20))
    for days, spread in ((20, 1.0), (40, 1.5)):
        name = f"{days} very uneven days"
        yield Design(name, binary(0.5), BINARY, uneven(days, 40, spread))
        yield Design(name, regression(0.7), REGRESSION, uneven(days, 40, spread))
    yield Design("20 days, one of 60%", binary(0.5), BINARY, one_huge(20, 40))
    yield Design("20 days, one of 60%", regression(0.7), REGRESSION, one_huge(20, 40))
    yield Design("150 groups of 1 to 20", binary(0.7), BINARY, uneven(150, 4, 0.9))
    yield Design("150 groups of 1 to 20", regression(0.7), REGRESSION, uneven(150, 4, 0.9))
    for rows in (50, 200):
        yield Design(f"{rows} rows", binary(0.0), BINARY, even(rows, 1), by_row=True)
        yield Design(f"{rows} rows", regression(0.0), REGRESSION, even(rows, 1), by_row=True)
    for rows in (500, 2000):
        name = f"{rows} rows, 1% positive"
        yield Design(name, binary(0.0, -4.6), BINARY, even(rows, 1), by_row=True)
    rare = outliers(0.01, 10)
    yield Design("200 rows, 1% off by 10", rare, REGRESSION, even(200, 1), by_row=True)
    yield Design("2000 rows, 1% off by 10", rare, REGRESSION, even(2000, 1), by_row=True)
    for right in (0.97, 0.8):
        yield Design(f"30 rows, {right} right", classes(right), SHARES, even(30, 1), by_row=True)
        moody = classes(right, 0.7)
        yield Design(f"30 days, {right} right", moody, SHARES, even(30, 20))
        yield Design(f"10 days, {right} right", moody, SHARES, even(10, 20))
    yield from _calibrations()


def _calibrations() -> Iterator[Design]:
    error = ("calibration_error",)
    for rows in (200, 1000, 5000):
        calm, off = calibrated(0.0), calibrated(0.0, off=0.5)
        yield Design(f"{rows} rows, calibrated", calm, error, even(rows, 1), by_row=True)
        yield Design(f"{rows} rows, logits off by 0.5", off, error, even(rows, 1), by_row=True)
    few = calibrated(0.0, rate=0.02)
    yield Design("2000 rows, calibrated, 2% positive", few, error, even(2000, 1), by_row=True)
    for days in (30, 10):
        moved, off = calibrated(0.4), calibrated(0.4, off=0.5)
        yield Design(f"{days} days, calibrated", moved, error, even(days, 80))
        yield Design(f"{days} days, logits off by 0.5", off, error, even(days, 80))
        slightly = calibrated(0.4, off=0.15)
        yield Design(f"{days} days, logits off by 0.15", slightly, error, even(days, 80))


def run(design: Design, sets: int) -> Iterator[Line]:
    """Draw data sets of a design, and count what their intervals hold."""
    rng = np.random.default_rng(7)
    true = truth(design, rng)
    lines: dict[str, list[tuple[float, ...]]] = {name: [] for name in design.metrics}
    for seed in range(sets):
        sizes = design.sizes(rng)
        days = np.repeat(np.arange(len(sizes)), sizes)
        scorer = design.make(rng, days)
        students = students_interval(scorer, days, design.metrics, seed)
        figures = estimate(scorer, days, resamples=RESAMPLES, seed=seed, only=design.metrics)
        for name, figure in figures.items():
            low = np.nan if figure.low is None else figure.low
            high = np.nan if figure.high is None else figure.high
            lines[name].append((low, high, bool(figure.warning), *students[name]))
    for name, found in lines.items():
        yield counted(design.name, name, true[name], np.array(found))


def truth(design: Design, rng: np.random.Generator) -> dict[str, float]:
    """The metrics of very many rows."""
    if design.by_row:
        days = np.arange(MANY_ROWS)
    else:
        sizes = [design.sizes(rng) for _ in range(MANY_BLOCKS // len(design.sizes(rng)))]
        rows = np.concatenate(sizes)
        days = np.repeat(np.arange(len(rows)), rows)
    return evaluate(design.make(rng, days), only=design.metrics)


def students_interval(
    scorer: Scorer, days: Ints, metrics: Sequence[str], seed: int
) -> dict[str, tuple[float, float]]:
    """The value ± t(G - 1) times the bootstrap's error, within the metric's range."""
    blocks = int(days.max()) + 1
    over = scorer.over(days, metrics)
    values = over(np.ones((1, blocks), dtype=np.int64))
    drawn = over(resample_counts(blocks, RESAMPLES, seed))
    reach = stdtrit(blocks - 1, 0.975) * np.sqrt(blocks / (blocks - 1))
    result = {}
    for metric in select(scorer.metrics, metrics):
        told = drawn[metric.name][~np.isnan(drawn[metric.name])]
        half = reach * told.std(ddof=1) if len(told) > 1 else np.nan
        value = values[metric.name][0]
        result[metric.name] = max(metric.low, value - half), min(metric.high, value + half)
    return result


def counted(design: str, metric: str, true: float, found: Floats) -> Line:
    """What many intervals of one metric come to."""
    low, high, is_warned, students_low, students_high = found.T
    has_one, is_warned = ~np.isnan(low), is_warned > 0
    # A truth that is 0 but for rounding is held by an interval that begins there.
    holds = (low <= true + 1e-9) & (true - 1e-9 <= high)
    trusted = has_one & ~is_warned
    known = ~np.isnan(students_low)
    inside = (students_low[known] <= true) & (true <= students_high[known])
    shown = trusted if trusted.any() else has_one
    return Line(
        design,
        metric,
        float(true),
        int(trusted.sum()),
        float(holds[trusted].mean()) if trusted.any() else None,
        float(is_warned.mean()),
        float(holds[is_warned].mean()) if is_warned.any() else None,
        float((~has_one).mean()),
        float(np.median((high - low)[shown])) if shown.any() else None,
        float(inside.mean()),
        float(np.median((students_high - students_low)[known])),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where intervals without a warning hold the truth too rarely."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", type=int, default=1000, help="data sets of each design")
    parser.add_argument("--quick", action="store_true", help="100 data sets of each design")
    parser.add_argument("--only", default="", help="designs whose name holds this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args(arguments)
    sets = 100 if chosen.quick else chosen.sets
    missed = 0
    if not chosen.json:
        print(HEAD)
    for design in designs():
        if chosen.only not in design.name:
            continue
        for line in run(design, sets):
            missed += is_missed(line)
            print(json.dumps(asdict(line)) if chosen.json else row(line), flush=True)
    return 1 if missed else 0


def is_missed(line: Line) -> bool:
    """Whether coverage lies below the bar by more than two errors of the count."""
    if line.coverage is None:
        return False
    return line.coverage < BAR - 2 * np.sqrt(BAR * (1 - BAR) / line.told)


HEAD = (
    "| Design | Metric | Coverage | Warned | of these held | No interval | Width | Student's t "
    "| Width |  |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def row(line: Line) -> str:
    """A row of the table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{share:.1%}"

    cells = (
        line.design,
        line.metric,
        percent(line.coverage),
        percent(line.warned),
        percent(line.coverage_warned),
        percent(line.untold),
        "-" if line.width is None else f"{line.width:.4f}",
        percent(line.students_coverage),
        f"{line.students_width:.4f}",
        "missed" if is_missed(line) else "",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
