"""How truly validation judges calibrations, and how often a promised threshold is missed.

    python benchmarks/validation.py [--trials 200]

- *Choice*: probabilities that a sigmoid sets right. How often does the log loss on validation,
  cross-fitted and on the rows that the curve was fitted on, choose sigmoid over isotonic?
- *Promises*: how often is the precision or recall that a threshold was chosen for missed on other
  rows, and how often is no threshold found? In `flat` the scores say nothing of the top rows, and
  the precision is everywhere a little less than what is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from perennial.learning.deciding import crossfit, fit_decision
from perennial.learning.fitting import Rows
from perennial.learning.threshold import choose_threshold
from perennial.model.decision import Decision
from perennial.params.train import PrecisionThreshold, RecallThreshold, Train
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]
Drawn = tuple[Array, Array]

YES_NO = Decision(["no", "yes"])
OTHERS = 200_000


def main() -> None:
    """Print a line for each design."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    for rows, days in ((500, None), (2000, None), (3000, np.arange(3000) // 100)):
        print(choice(rows, days, trials), flush=True)
    for line in promises(trials):
        print(line, flush=True)


def choice(rows: int, days: Array | None, trials: int) -> str:
    """How often each figure says that sigmoid is better."""
    rng = np.random.default_rng(0)
    others, counts = overconfident(OTHERS, None, rng), np.zeros(3, int)
    for _ in range(trials):
        drawn = overconfident(rows, days, rng)
        sigmoid, isotonic = (
            np.array(losses(name, drawn, days, others)) for name in ("sigmoid", "isotonic")
        )
        counts += sigmoid < isotonic
    unit = "rows" if days is None else f"rows of {days.max() + 1} days"
    return (
        f"choice, {rows} {unit}: of {trials}, sigmoid better in truth {counts[0]}, "
        f"cross-fitted {counts[1]}, on its own rows {counts[2]}"
    )


def overconfident(rows: int, days: Array | None, rng: Any) -> Drawn:
    """Probabilities (rows, 2) twice as sure as they may be, and codes; days have effects."""
    odds = rng.normal(size=rows)
    shift = 0.0 if days is None else rng.normal(0, 0.5, days.max() + 1)[days]
    positive = expit(2 * odds)
    codes = (rng.random(rows) < expit(odds - 0.5 + shift)).astype(int)
    return np.stack([1 - positive, positive], axis=1), codes


def losses(name: str, drawn: Drawn, days: Array | None, others: Drawn) -> list[float]:
    """The log loss of a calibration: on other rows, cross-fitted, and on its own rows."""
    params = Train.model_validate({"calibration": name})
    side = Rows({}, drawn[1], None, days, "rows" if days is None else "days")
    folds = crossfit({"model": drawn[0]}, YES_NO, side, params)
    assert folds is not None
    answers = np.stack([decision.answers(drawn[0]) for decision in folds.decisions["model"]])
    own = fit_decision(YES_NO, *drawn, params)
    return [
        log_loss(own.answers(others[0]), others[1]),
        log_loss(answers[folds.folds, np.arange(len(drawn[1]))], drawn[1]),
        log_loss(own.answers(drawn[0]), drawn[1]),
    ]


def log_loss(answers: Array, codes: Array) -> float:
    """The mean of -log of the probability of the truth."""
    return float(-np.log(np.clip(answers[np.arange(len(codes)), codes], 1e-12, 1)).mean())


def logistic(slope: float, shift: float) -> Callable[[int, Any], Drawn]:
    """Calibrated scores of a logistic model."""

    def draw(rows: int, rng: Any) -> Drawn:
        chance = expit(slope * (rng.normal(size=rows) - shift))
        return rng.random(rows) < chance, chance

    return draw


def flat(rows: int, rng: Any) -> Drawn:
    """Scores that say nothing."""
    return rng.random(rows) < 0.699, rng.random(rows)


def promises(trials: int) -> Iterator[str]:
    """How often each promise is missed, or not made."""
    designs = {"weak": logistic(2, 1.4), "strong": logistic(5, 1), "flat": flat}
    policies: list[PrecisionThreshold | RecallThreshold] = [
        PrecisionThreshold(method="precision_at", value=0.7),
        PrecisionThreshold(method="precision_at", value=0.9),
        RecallThreshold(method="recall_at", value=0.8),
        RecallThreshold(method="recall_at", value=0.95),
    ]
    for name, draw in designs.items():
        rng = np.random.default_rng(0)
        others = draw(OTHERS, rng)
        for rows in (300, 1000, 5000):
            for policy in policies:
                shares = np.array([reached(policy, draw(rows, rng), others) for _ in range(trials)])
                made = ~np.isnan(shares)
                missed = int((shares[made] < policy.value).sum())
                yield (
                    f"{policy.method} {policy.value}, {name}, {rows} rows: missed {missed} of "
                    f"{trials}, not found {trials - int(made.sum())}"
                )


def reached(policy: PrecisionThreshold | RecallThreshold, drawn: Drawn, others: Drawn) -> float:
    """The share that the chosen threshold reaches on other rows; NaN if none was found."""
    try:
        is_chosen = others[1] >= choose_threshold(policy, *drawn)
    except PerennialError:
        return np.nan
    hits = int((others[0] & is_chosen).sum())
    of = others[0] if isinstance(policy, RecallThreshold) else is_chosen
    return hits / max(int(of.sum()), 1)


if __name__ == "__main__":
    main()
