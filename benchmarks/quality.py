"""How good the shipped pipeline's model is beside others, on the same prepared rows.

Read what `make repro` left in a project: the prepared sides, and the probabilities that evaluate
scored on the test month. Every other model is fitted on the same training rows and features, at
its library's defaults and with seed 0. Intervals are drawn over whole days.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import pandas as pd
import xgboost
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from perennial.data.contract import Contract, read_contract
from perennial.evaluation.bootstrap import estimate, estimate_difference
from perennial.evaluation.difference import Contrast
from perennial.evaluation.intervals import Figure
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.evaluation.scoring import blocks_of

Array = NDArray[Any]

REPOSITORY = Path(__file__).resolve().parent.parent
METRIC = "roc_auc"
BAR = 0.71
OURS = "this pipeline's model"
LIGHTGBM = "LightGBM"


def main() -> int:
    arguments = parse_arguments()
    contract = read_contract(arguments.project / "data/contract.yaml")
    sides = {
        name: arguments.project / f"data/prepared/{name}.parquet" for name in ("train", "test")
    }
    scored = arguments.project / "data/scored/test.parquet"
    if missing := [path for path in (*sides.values(), scored) if not path.exists()]:
        print(f"quality: {missing[0]} is missing: run `make repro` first", file=sys.stderr)
        return 2
    train, test = (pd.read_parquet(path) for path in sides.values())
    answers = {OURS: ours(pd.read_parquet(scored), test, contract)}
    answers |= dict(others(features(train, contract), train[contract.target], test, contract))
    estimates = estimate_all(answers, test, contract)
    print(report(estimates, test, arguments.md))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--md", action="store_true", help="print Markdown")
    parser.add_argument(
        "--project", type=Path, default=REPOSITORY, help="where the pipeline ran (default: here)"
    )
    return parser.parse_args()


def ours(scored: pd.DataFrame, test: pd.DataFrame, contract: Contract) -> Array:
    """The probabilities of the compiled model, row for row."""
    (key,) = contract.of_role("id")
    if not scored[key].equals(test[key]):
        raise SystemExit("data/scored is not of these test rows: run `make repro` first")
    return scored["probability"].to_numpy()


def features(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The features of the contract, as a table that any of the libraries takes."""
    columns = {}
    for name in contract.features:
        column = contract.columns[name]
        if column.type == "datetime":
            moment = table[name].dt
            columns["weekday"] = moment.day_of_week
            columns["minute_of_day"] = moment.hour * 60 + moment.minute
        elif column.type == "category":
            columns[name] = table[name]
        else:
            columns[name] = table[name].astype("float64")
    return pd.DataFrame(columns)


def others(
    train: pd.DataFrame, target: pd.Series, test: pd.DataFrame, contract: Contract
) -> Iterator[tuple[str, Array]]:
    """Fit each of the others, and predict the test rows."""
    test_features = features(test, contract)
    texts = [name for name in train if contract_type(contract, str(name)) == "category"]
    kinds = {name: pd.CategoricalDtype(sorted(train[name].dropna().unique())) for name in texts}
    seen = test_features.assign(
        **{name: test_features[name].where(test_features[name].isin(train[name])) for name in texts}
    )
    as_kinds = (train.astype(kinds), seen.astype(kinds))
    as_texts = (train, test_features)
    models: dict[str, tuple[Callable[[], Any], tuple[pd.DataFrame, pd.DataFrame]]] = {
        LIGHTGBM: (lambda: lightgbm.LGBMClassifier(random_state=0, verbose=-1), as_kinds),
        "XGBoost": (
            lambda: xgboost.XGBClassifier(random_state=0, enable_categorical=True), as_kinds,
        ),
        "random forest": (lambda: random_forest(texts), as_texts),
        "logistic regression": (lambda: logistic_regression(texts), as_texts),
        "constant": (DummyClassifier, as_texts),
    }  # fmt: skip
    for name, (make, (known, unknown)) in models.items():
        started = time.perf_counter()
        yield name, make().fit(known, target).predict_proba(unknown)[:, 1]
        seconds = time.perf_counter() - started
        print(f"quality: {name}: {seconds:.0f} s", file=sys.stderr, flush=True)


def contract_type(contract: Contract, name: str) -> str:
    return contract.columns[name].type if name in contract.columns else ""


def random_forest(texts: list[Any]) -> Any:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    forest = RandomForestClassifier(random_state=0, n_jobs=-1)
    return make_pipeline(make_column_transformer((codes, texts), remainder="passthrough"), forest)


def logistic_regression(texts: list[Any]) -> Any:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    kinds = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((kinds, texts), remainder=numbers)
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def estimate_all(
    answers: dict[str, Array], test: pd.DataFrame, contract: Contract
) -> dict[str, tuple[Figure, Contrast | None]]:
    """Each model's metric, and how much higher ours is, both with their intervals."""
    (time_column,) = contract.of_role("time")
    days = blocks_of("time", test[time_column].to_numpy(), None)
    truth = test[contract.target].to_numpy(dtype=bool)
    scorers = {
        name: BinaryScores(truth, probabilities, 0.5) for name, probabilities in answers.items()
    }
    return {
        name: (
            estimate(scorer, days, only=[METRIC])[METRIC],
            None
            if name == OURS
            else estimate_difference(scorers[OURS], scorer, days, only=[METRIC]).contrasts[METRIC],
        )
        for name, scorer in scorers.items()
    }


def report(
    estimates: dict[str, tuple[Figure, Contrast | None]], test: pd.DataFrame, md: bool
) -> str:
    head = ["Model", METRIC, "95% interval", "Ours is higher by", "95% interval"]
    rows = [
        [name, f"{own.value:.4f}", interval(own), *(
            ["", ""] if gap is None else [f"{gap.value:+.4f}", interval(gap)]
        )]
        for name, (own, gap) in estimates.items()
    ]  # fmt: skip
    mine, theirs = (estimates[name][0].value or 0.0 for name in (OURS, LIGHTGBM))
    bars = (
        f"Bar, at least {BAR}: {met(mine >= BAR)}. "
        f"Bar, at least {LIGHTGBM} at its defaults: {met(mine >= theirs)}."
    )
    notes = [f"On {len(test):,} test rows; intervals over whole days.", bars]
    return markdown(head, rows, notes) if md else plain(head, rows, notes)


def interval(estimate: Figure | Contrast) -> str:
    return "-" if estimate.low is None else f"{estimate.low:.4f} to {estimate.high:.4f}"


def met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def markdown(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(["## Quality", "", *lines, *(text for note in notes for text in ("", note))])


def plain(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join([*lines, "", *notes])


if __name__ == "__main__":
    sys.exit(main())
