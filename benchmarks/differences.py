"""How often a comparison of two models, and the gate, are wrong: designs with a known truth.

- *Type I*: how often two models that are as good as each other are called different at 5%, for each
  metric, and how often that cannot be estimated.
- *Precise nulls*: models of equal precision, median absolute error or calibration error that answer
  other rows rightly.
- *Coverage*: how often the interval of a difference holds it, by days, by groups and by both.
- *Power*: how often a better model is called better, on 800 rows as blocks.
- *Slices*: how often a slice of 500 rows without any difference is flagged.
- *Wrong passes*: how often `perennial gate` passes a model that is worse by exactly the margin, and
  how often one that is as good, or better, passes.
- *Creep*: what twenty heads cost that each lose half a margin to the champion of their day.

A bar that is missed beyond two standard errors is marked, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.evaluation.blocks import Blocks, blocks_by, effective_blocks
from perennial.evaluation.bootstrap import estimate_difference
from perennial.evaluation.delong import area_difference
from perennial.evaluation.difference import Contrast, crossed, merged
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import Scorer
from perennial.evaluation.metrics.multiclass import MulticlassScores
from perennial.evaluation.metrics.regression import RegressionScores
from perennial.evaluation.scoring import METRICS
from perennial.review.gate.comparison import Gain, gain_of, weighed
from perennial.review.gate.spending import level_of
from perennial.review.paired.evidence import Difference, Evidence, mean_difference
from perennial.review.params.compare import Compare

Array = NDArray[Any]
Rng = np.random.Generator

#: Resamples behind each error: fewer than a comparison's, for there are thousands of these.
RESAMPLES = 200
MARGIN = 0.01
LEAST_BLOCKS = Compare().min_blocks
LEAST_POSITIVES = Compare().min_positives


@dataclass(frozen=True)
class Figure:
    """What a design gave, beside its bar."""

    design: str
    what: str
    sets: int
    share: float
    bar: str
    is_met: bool


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    sets = min(options.sets, 100) if options.quick else options.sets
    figures = []
    for part in PARTS:
        for figure in part(sets):
            figures.append(figure)
            if not options.json:
                print(row(figure), flush=True)
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    return 0 if all(figure.is_met for figure in figures) else 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--sets", type=int, default=2_000, help="data sets of each design")
    parser.add_argument("--quick", action="store_true", help="100 sets of each at most")
    return parser.parse_args(arguments)


def row(figure: Figure) -> str:
    mark = "" if figure.is_met else "  MISSED"
    return (
        f"{figure.design:<44} {figure.what:<34} {figure.sets:>6} sets  {figure.share:7.2%}  "
        f"{figure.bar}{mark}"
    )


def at_most(design: str, what: str, hits: int, sets: int, bar: float) -> Figure:
    share = hits / sets
    allowed = bar + 2 * np.sqrt(bar * (1 - bar) / sets)
    return Figure(design, what, sets, share, f"at most {bar:.2%}", bool(share <= allowed))


def at_least(design: str, what: str, hits: int, sets: int, bar: float) -> Figure:
    share = hits / sets
    allowed = bar - 2 * np.sqrt(bar * (1 - bar) / sets)
    return Figure(design, what, sets, share, f"at least {bar:.0%}", bool(share >= allowed))


def report(design: str, what: str, hits: int, sets: int) -> Figure:
    return Figure(design, what, sets, hits / sets, "", True)


# Data


def logistic(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))


def rows_alone(count: int) -> Callable[[Rng], Array]:
    return lambda rng: np.arange(count)


def days(count: int, low: int = 40, high: int = 120) -> Callable[[Rng], Array]:
    return lambda rng: np.repeat(np.arange(count), rng.integers(low, high, count))


def uneven_days(count: int) -> Callable[[Rng], Array]:
    """From 5 rows to 600."""
    return lambda rng: np.repeat(
        np.arange(count), (40 * rng.pareto(1.5, count)).astype(int).clip(5, 600)
    )


def one_huge_day(rng: Rng) -> Array:
    """60% of the rows in one of twenty days."""
    return np.repeat(np.arange(20), [1_500, *[53] * 19])


def two_binary(
    rng: Rng, day: Array, rate: float, effect: float, shifts: tuple[float, float] = (1.0, 1.0)
) -> tuple[Scorer, Scorer]:
    """Days have effects on the base rate, on the ranking, and on each model's scores."""
    count, rows = day.max() + 1, len(day)
    base = np.log(rate / (1 - rate))
    truth = rng.random(rows) < logistic(base + effect * rng.normal(size=count))[day]
    common = 0.8 * rng.normal(size=rows)
    models = []
    for shift in shifts:
        score = truth * (shift + 0.4 * effect * rng.normal(size=count)[day]) + common
        score += 0.5 * effect * rng.normal(size=count)[day] + 0.6 * rng.normal(size=rows)
        models.append(BinaryScores(truth, logistic(base + shift * (score - shift / 2)), 0.3))
    return models[0], models[1]


def two_numeric(rng: Rng, day: Array, effect: float) -> tuple[Scorer, Scorer]:
    count, rows = day.max() + 1, len(day)
    truth = rng.normal(size=rows) + effect * rng.normal(size=count)[day]
    common = 0.7 * rng.normal(size=rows)
    head, base = (
        RegressionScores(
            truth,
            truth + common + 0.7 * rng.normal(size=rows)
            + 0.5 * effect * rng.normal(size=count)[day],
        )
        for _ in range(2)
    )  # fmt: skip
    return head, base


def two_multiclass(rng: Rng, day: Array, effect: float) -> tuple[Scorer, Scorer]:
    """Three classes, the rarest of 5%."""
    count, rows, rates = day.max() + 1, len(day), np.array([0.6, 0.35, 0.05])
    truth = rng.choice(3, size=rows, p=rates)
    common = 0.8 * rng.normal(size=(rows, 3))
    models = []
    for _ in range(2):
        score = 1.2 * np.eye(3)[truth] + common + 0.6 * rng.normal(size=(rows, 3))
        weight = rates * np.exp(score + 0.5 * effect * rng.normal(size=(count, 3))[day])
        models.append(MulticlassScores(truth, weight / weight.sum(axis=1, keepdims=True)))
    return models[0], models[1]


def told(head: Scorer, base: Scorer, blocks: Blocks, only: list[str] | None = None) -> Any:
    """Every metric as `perennial compare` judges it, as far as it can tell."""
    ways = [
        estimate_difference(head, base, way, resamples=RESAMPLES, only=only) for way in blocks.ways
    ]
    found = dict(merged(ways, head.metrics, 0.95).contrasts)
    if "roc_auc" in found and isinstance(head, BinaryScores):
        try:
            found["roc_auc"] = area(head, base, blocks)
        except SampleError:
            del found["roc_auc"]
    return found


def area(head: Any, base: Any, blocks: Blocks) -> Contrast:
    ways = [
        area_difference(head.target, head.probability, base.probability, way) for way in blocks.ways
    ]
    return crossed(ways, confidence=0.95, widest=1.0)


# Type I, coverage and power

KINDS: dict[str, Callable[[Rng, Array, float], tuple[Scorer, Scorer]]] = {
    "binary, 20% positive": lambda rng, day, effect: two_binary(rng, day, 0.2, effect),
    "binary, 1% positive": lambda rng, day, effect: two_binary(rng, day, 0.01, effect),
    "regression": two_numeric,
    "three classes": two_multiclass,
}
NULLS: list[tuple[str, str, Callable[[Rng], Array], float]] = [
    ("800 rows", "binary, 20% positive", rows_alone(800), 0.0),
    ("150 rows", "binary, 20% positive", rows_alone(150), 0.0),
    ("2,000 rows", "binary, 1% positive", rows_alone(2_000), 0.0),
    ("800 rows", "regression", rows_alone(800), 0.0),
    ("800 rows", "three classes", rows_alone(800), 0.0),
    ("30 days", "binary, 20% positive", days(30), 0.7),
    ("60 days", "binary, 20% positive", days(60), 0.7),
    ("30 very uneven days", "binary, 20% positive", uneven_days(30), 0.7),
    ("60 very uneven days", "binary, 20% positive", uneven_days(60), 0.7),
    ("one day of 60%", "binary, 20% positive", one_huge_day, 0.7),
    ("30 days", "regression", days(30), 0.7),
    ("one day of 60%", "regression", one_huge_day, 0.7),
    ("30 days", "three classes", days(30), 0.7),
]


def type_i(sets: int) -> Iterator[Figure]:
    """Any interval that is shown counts; the verdict ends in *cannot tell* with few blocks."""
    for number, (design, kind, draw, effect) in enumerate(NULLS):
        wrong: dict[str, int] = {}
        shown: dict[str, int] = {}
        untold = 0
        for seed in range(sets):
            rng = np.random.default_rng([number, seed])
            day = draw(rng)
            blocks = Blocks(day if effect else None)
            untold += effective_blocks(day) < LEAST_BLOCKS
            for name, one in told(*KINDS[kind](rng, day, effect), blocks).items():
                shown[name] = shown.get(name, 0) + 1
                wrong[name] = wrong.get(name, 0) + (one.p_value <= 0.05)
        name = f"{design}, {kind}"
        yield report(name, "cannot tell, for few blocks", untold, sets)
        bar = 0.08 if "60%" in design else 0.065
        for metric, count in shown.items():
            yield at_most(name, f"{metric} called different", wrong[metric], count, bar)


def precise_nulls(sets: int) -> Iterator[Figure]:
    for number, (design, metric, draw) in enumerate(PRECISE):
        wrong = 0
        for seed in range(sets):
            head, base = draw(np.random.default_rng([100 + number, seed]))
            one = told(head, base, Blocks(), [metric]).get(metric)
            wrong += one is not None and one.p_value <= 0.05
        yield at_most(design, f"{metric} called different", wrong, sets, 0.065)


def equal_precision(few: int, share: float) -> Callable[[Rng], tuple[Scorer, Scorer]]:
    def draw(rng: Rng) -> tuple[Scorer, Scorer]:
        truth = rng.random(800) < share
        ours, theirs = np.zeros(800), np.zeros(800)
        ours[:few], theirs[few // 2 : few // 2 + 300] = 0.9, 0.9
        return BinaryScores(truth, ours, 0.5), BinaryScores(truth, theirs, 0.5)

    return draw


def equal_median(rows: int) -> Callable[[Rng], tuple[Scorer, Scorer]]:
    def draw(rng: Rng) -> tuple[Scorer, Scorer]:
        wide, even = rng.laplace(size=rows) / np.log(2), rng.uniform(-2, 2, rows)
        return RegressionScores(np.zeros(rows), wide), RegressionScores(np.zeros(rows), even)

    return draw


def equal_calibration(off: float) -> Callable[[Rng], tuple[Scorer, Scorer]]:
    def draw(rng: Rng) -> tuple[Scorer, Scorer]:
        chance = rng.uniform(0.2, 0.8, 800)
        truth = rng.random(800) < chance
        return BinaryScores(truth, chance + off, 0.5), BinaryScores(truth, chance - off, 0.5)

    return draw


PRECISE: list[tuple[str, str, Callable[[Rng], tuple[Scorer, Scorer]]]] = [
    ("15 rows predicted against 300, 60% right", "precision", equal_precision(15, 0.6)),
    ("15 rows predicted against 300, 90% right", "precision", equal_precision(15, 0.9)),
    ("30 rows predicted against 300, 95% right", "precision", equal_precision(30, 0.95)),
    ("100 rows predicted against 300, 60% right", "precision", equal_precision(100, 0.6)),
    ("100 rows, medians of two shapes", "median_absolute_error", equal_median(100)),
    ("800 rows, medians of two shapes", "median_absolute_error", equal_median(800)),
    ("800 rows, too high against too low", "calibration_error", equal_calibration(0.1)),
    ("800 rows, a little high against low", "calibration_error", equal_calibration(0.03)),
    ("800 rows, both calibrated", "calibration_error", equal_calibration(0.0)),
]


def coverage(sets: int) -> Iterator[Figure]:
    """The mean of a loss that depends on day and group."""
    crossings: list[tuple[str, Callable[[Rng], tuple[Array, Array]]]] = [
        ("34 days that hold 200 groups", lambda rng: (np.repeat(np.arange(200), 8) // 6,
                                                      np.repeat(np.arange(200), 8))),
        ("30 days crossed by 20 groups", lambda rng: (rng.integers(0, 30, 1_600),
                                                      rng.integers(0, 20, 1_600))),
        ("60 days crossed by 40 groups", lambda rng: (rng.integers(0, 60, 1_600),
                                                      rng.integers(0, 40, 1_600))),
        ("30 days crossed by 300 groups", lambda rng: (rng.integers(0, 30, 1_600),
                                                       rng.integers(0, 300, 1_600))),
    ]  # fmt: skip
    for number, (design, draw) in enumerate(crossings):
        for of_day, of_group in ((0.4, 0.0), (0.0, 0.4), (0.3, 0.3)):
            held = 0
            for seed in range(sets):
                rng = np.random.default_rng([200 + number, seed])
                day, group = draw(rng)
                losses = of_day * rng.normal(size=400)[day] + of_group * rng.normal(size=400)[group]
                losses += rng.normal(size=len(day))
                one = mean_difference(losses, blocks_by({"days": day, "groups": group}))
                held += one.low <= 0 <= one.high
            what = f"effects {of_day:g} by day, {of_group:g} by group"
            yield at_least(design, what, held, sets, 0.93)


def power(sets: int) -> Iterator[Figure]:
    better: dict[str, int] = {}
    for seed in range(sets):
        rng = np.random.default_rng([300, seed])
        pair = two_binary(rng, np.arange(800), 0.2, 0.0, (1.23, 1.0))
        for name, one in told(*pair, Blocks(), ["roc_auc", "log_loss"]).items():
            better[name] = better.get(name, 0) + (one.p_value <= 0.05)
    # What the exchange test reached on the same data, which stood here before.
    for name, bar in (("roc_auc", 0.740), ("log_loss", 0.778)):
        yield at_least("800 rows, a better model", f"{name} called different",
                       better[name], sets, bar)  # fmt: skip


def slices(sets: int) -> Iterator[Figure]:
    """Ten slices of 500 rows: how often any of them is flagged, and how often none is compared."""
    for rate in (0.01, 0.12, 0.3):
        flagged = untold = 0
        for seed in range(sets):
            rng = np.random.default_rng([400, seed])
            head, base = two_binary(rng, np.arange(500), rate, 0.0)
            positives = int(head.target.sum())
            if positives < LEAST_POSITIVES:
                untold += 1
                continue
            flagged += area(head, base, Blocks()).p_value <= 0.05
        name = f"a slice of 500 rows, {rate:.0%} positive"
        yield report(name, "not compared, too few positives", untold, sets)
        yield at_most(name, "called different", flagged, sets, 0.065)


# The gate


def passes(gain: Gain | None, name: str, margin: float, level: float) -> bool:
    return gain is not None and (
        weighed(gain, name, margin, level=level, alpha=0.05).status == "pass"
    )


def gain_from(one: Contrast, metric: Any, margin: float, unit: str) -> Gain | None:
    gain = one if metric.direction == "up" else one.turned()
    told_of = Difference(metric, 0.0, 0.0, one, gain)
    evidence = Evidence(metric, {metric.name: told_of}, {}, [], one.blocks, unit, None)
    return gain_of(evidence, margin, None)


LEVELS = (level_of(1, 0.05, 10), 0.05)


def wrong_passes(sets: int) -> Iterator[Figure]:
    for number, (design, name, margin, draw) in enumerate(WORSE):
        passed, told_apart = dict.fromkeys(LEVELS, 0), 0
        for seed in range(sets):
            rng = np.random.default_rng([500 + number, seed])
            one, unit = draw(rng)
            if one is None:
                continue
            told_apart += 1
            metric = next(m for task in METRICS.values() for m in task if m.name == name)
            for level in LEVELS:
                gain = gain_from(one, metric, margin, unit)
                passed[level] += passes(gain, name, margin, level)
        for level, count in passed.items():
            yield at_most(design, f"passes at {level:.2%}", count, sets, 1.2 * level)


Drawn = tuple[Contrast | None, str]


def share_worse(rows: int, noise: float) -> Callable[[Rng], Drawn]:
    """A recall or an accuracy: rows that were right are wrong, some of them the other way."""

    def draw(rng: Rng) -> Drawn:
        drawn = rng.random(rows)
        gains = (drawn > 1 - noise).astype(float) - (drawn < MARGIN + noise)
        one = mean_difference(gains, Blocks())
        return one, "rows"

    return draw


def area_worse(rows: int, positives: int) -> Callable[[Rng], Drawn]:
    """One positive in a hundred falls below every negative."""

    def draw(rng: Rng) -> Drawn:
        truth = np.arange(rows) < positives
        base = truth * 3.0 + rng.normal(size=rows)
        head = np.where(truth & (rng.random(rows) < MARGIN / 0.983), -9.0, base)
        head = head + 1e-3 * rng.normal(size=rows)
        return area_difference(truth, head, base), "rows"

    return draw


def loss_worse(rows: int, name: str) -> Callable[[Rng], Drawn]:
    """One row in a hundred is ten deviations off: the margin is what that costs."""

    def draw(rng: Rng) -> Drawn:
        truth = rng.normal(size=rows)
        base = truth + rng.normal(size=rows)
        head = base + 1e-3 * rng.normal(size=rows)
        off = rng.random(rows) < 0.01
        head = np.where(off, truth + 10.0 * rng.choice([-1, 1], rows), head)
        ours, theirs = RegressionScores(truth, head), RegressionScores(truth, base)
        found = estimate_difference(ours, theirs, None, resamples=RESAMPLES, only=[name]).contrasts
        return found.get(name), "rows"

    return draw


def surprise_worse(rows: int) -> Callable[[Rng], Drawn]:
    """One row in a hundred is surely and wrongly answered, where the base tosses a coin."""

    def draw(rng: Rng) -> Drawn:
        truth = rng.random(rows) < 0.3
        chance = np.where(rng.random(rows) < 0.01, np.where(truth, 0.001, 0.999), 0.5)
        ours, theirs = (BinaryScores(truth, one, 0.5) for one in (chance, np.full(rows, 0.5)))
        found = estimate_difference(
            ours, theirs, None, resamples=RESAMPLES, only=["log_loss"]
        ).contrasts
        return found.get("log_loss"), "rows"

    return draw


def balanced_worse(rows: int) -> Callable[[Rng], Drawn]:
    """Three in a hundred rows of the rarest of three classes are wrong: the mean loses 0.01."""

    def draw(rng: Rng) -> Drawn:
        truth = rng.choice(3, size=rows, p=[0.6, 0.35, 0.05])
        sure = 0.8 * np.eye(3) + 0.1 * (1 - np.eye(3))
        lost = (truth == 2) & (rng.random(rows) < 3 * MARGIN)
        ours = MulticlassScores(truth, sure[np.where(lost, 0, truth)])
        theirs = MulticlassScores(truth, sure[truth])
        only = ["balanced_accuracy"]
        found = estimate_difference(ours, theirs, None, resamples=RESAMPLES, only=only).contrasts
        return found.get("balanced_accuracy"), "rows"

    return draw


def bad_days(count: int, noise: float, draw_rows: Callable[[Rng], Array] | None = None) -> Any:
    """One block in twenty loses twenty margins."""

    def draw(rng: Rng) -> Drawn:
        rows = draw_rows(rng) if draw_rows else np.arange(count)
        blocks = rows.max() + 1
        gains = noise * rng.normal(size=blocks) - 20 * MARGIN * (rng.random(blocks) < 0.05)
        if effective_blocks(rows) < LEAST_BLOCKS:
            return None, "days"
        return mean_difference(gains[rows], Blocks(rows)), "days"

    return draw


RMSE_MARGIN = float(np.sqrt(0.99 + 0.01 * 100) - 1)
SURPRISE_MARGIN = float(0.01 * (np.log(1000) - np.log(2)))
MAE_MARGIN = float(0.01 * (10 - np.sqrt(2 / np.pi)))

WORSE: list[tuple[str, str, float, Callable[[Rng], Drawn]]] = [
    *((f"recall, {n} positives, noise {noise:g}", "recall", MARGIN, share_worse(n, noise))
      for n in (50, 100, 200, 700) for noise in (0.0, 0.005)),
    ("accuracy, 150 rows", "accuracy", MARGIN, share_worse(150, 0.0)),
    ("accuracy, 2,000 rows, noise 0.02", "accuracy", MARGIN, share_worse(2_000, 0.02)),
    ("roc_auc, 50 positives of 1,000", "roc_auc", MARGIN, area_worse(1_000, 50)),
    ("roc_auc, 400 positives of 2,000", "roc_auc", MARGIN, area_worse(2_000, 400)),
    *((f"rmse, {n} rows, 1% ten deviations off", "rmse", RMSE_MARGIN, loss_worse(n, "rmse"))
      for n in (20, 100, 200, 1_000)),
    *((f"mae, {n} rows, 1% ten deviations off", "mae", MAE_MARGIN, loss_worse(n, "mae"))
      for n in (100, 1_000)),
    *((f"log_loss, {n} rows, 1% surely wrong", "log_loss", SURPRISE_MARGIN, surprise_worse(n))
      for n in (150, 1_000)),
    *((f"balanced_accuracy, {n} rows, 5% of one class", "balanced_accuracy", MARGIN,
       balanced_worse(n)) for n in (800, 8_000)),
    *((f"{n} days, one in twenty bad, noise {noise:g}", "roc_auc", MARGIN, bad_days(n, noise))
      for n in (30, 60, 90, 180) for noise in (0.001, 0.02, 0.04)),
    ("60 very uneven days, one in twenty bad", "roc_auc", MARGIN,
     bad_days(60, 0.01, uneven_days(60))),
    ("one day of 60%, one in twenty bad", "roc_auc", MARGIN, bad_days(20, 0.01, one_huge_day)),
]  # fmt: skip


def right_passes(sets: int) -> Iterator[Figure]:
    """As good, half a margin better and twice the margin better, by days as noisy as flights."""
    level = LEVELS[0]
    for count in (30, 60, 90, 150, 365):
        for lead in (0.0, MARGIN / 2, 2 * MARGIN):
            passed = before = 0
            rng = np.random.default_rng([600, count])
            for _ in range(sets):
                gains = lead + 0.01 * rng.normal(size=count)
                one = mean_difference(gains, Blocks())
                gain = gain_from(one, METRICS["binary"][0], MARGIN, "days")
                passed += passes(gain, "roc_auc", MARGIN, level)
                before += Gain(one.value, one.standard_error, count - 1).bound(level) > -MARGIN
            name = f"{count} days, truly {lead:+g}"
            yield report(name, "passes", passed, sets)
            yield report(name, "passes without the unseen loss", before, sets)


def creep(sets: int) -> Iterator[Figure]:
    """Twenty heads on fresh test sets of 20,000 rows, each half a margin worse than the last."""
    for anchored in (False, True):
        runs, total = max(10, sets // 20), 0.0
        rng = np.random.default_rng(700)
        for _ in range(runs):
            champion = 0.0
            for look in range(1, 21):
                head = champion - MARGIN / 2
                beside = (champion, 0.0) if anchored else (champion,)
                level = level_of(look, 0.05, 20)
                noise = 0.1 * rng.normal(size=(2, 20_000))
                is_passed = all(
                    passes(gain_from(mean_difference(head - other + noise[place], Blocks()),
                                     METRICS["binary"][0], MARGIN, "rows"),
                           "roc_auc", MARGIN, level)
                    for place, other in enumerate(beside)
                )  # fmt: skip
                champion = head if is_passed else champion
            total -= champion
        lost = total / runs / MARGIN
        name = "creep, 20 heads half a margin worse"
        what = "margins lost" + (", beside the best" if anchored else ", beside the champion alone")
        yield Figure(name, what, runs, lost, "at most 1 margin" if anchored else "",
                     not anchored or lost <= 1.0)  # fmt: skip


PARTS = (
    type_i, precise_nulls, coverage, power, slices, wrong_passes, right_passes, creep,
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
