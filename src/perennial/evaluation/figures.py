"""The figures that `evaluate` reports: of sides, slices, columns and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract
from perennial.evaluation.answering import Side
from perennial.evaluation.bootstrap import Estimate
from perennial.evaluation.importance import Importance, permutation_importance
from perennial.evaluation.metrics.columns import SampleError
from perennial.evaluation.metrics.definition import Metric, defined_values, evaluate
from perennial.evaluation.scoring import judge, primary_metric, scorer_of
from perennial.evaluation.slices import slices
from perennial.model.columns import missing_in
from perennial.model.compiled import CompiledModel
from perennial.params.evaluate import Evaluate
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]
Entry = dict[str, Any]

#: How the figures on the model card are computed, whatever `evaluate` asks for besides: a bundle
#: follows from the model and its data, and not from how closely somebody looked.
CARD = Evaluate()

#: Parameters that change the figures of a slice.
PRECISION = ("resamples", "confidence", "seed", "slice_min_rows")

#: Columns with more values make no slices of the card.
MOST_VALUES = 20


def all_metrics(sides: dict[str, Side], params: Evaluate) -> dict[str, Entry]:
    """`metric_figures` by side, each on a thread: numpy computes without the interpreter's lock."""
    with ThreadPoolExecutor(len(sides)) as pool:
        figures = pool.map(lambda side: side_figures(side, params), sides.values())
        return dict(zip(sides, figures, strict=True))


def side_figures(side: Side, params: Evaluate) -> Entry:
    """`metric_figures`, each of the answers that it judges, and the note on them."""
    notes = {"notes": [side.note]} if side.note else {}
    if not len(side.sample.target):
        return {"detail": [], **notes}
    judged: dict[int, tuple[Side, list[str]]] = {}
    every = [metric.name for metric in side.scorer().metrics]
    for name in every:
        answers = side.apart.get(name, side)
        judged.setdefault(id(answers), (answers, []))[1].append(name)
    parts = [metric_figures(answers, params, names) for answers, names in judged.values()]
    rows = {row["metric"]: row for part in parts for row in part["detail"]}
    headline = {name: value for part in parts for name, value in part.items()}
    return {**headline, "detail": [rows[name] for name in every], **notes}


def metric_figures(side: Side, params: Evaluate, only: list[str] | None = None) -> Entry:
    """Each metric with its interval, beside the baselines, as a JSON value.

    The top level holds the bare figures, which is what `dvc metrics show` and `diff` list;
    `detail` holds everything, for people and for `perennial compare`.
    """
    scorer = side.scorer()
    try:
        estimates = judge(scorer, side.sample, params, only=only)
    except SampleError as error:
        raise PerennialError(str(error), where="evaluate") from None
    baselines = {name: defined_values(side.scorer(name)) for name in ("linear", "dummy")}
    headline = {
        metric.name: estimates[metric.name].value
        for metric in scorer.definitions
        if metric.is_headline and metric.name in estimates
    }
    detail = [
        {
            "metric": metric.name,
            "better": metric.direction,
            **_interval(estimates[metric.name], params.confidence),
            **{name: values.get(metric.name) for name, values in baselines.items()},
        }
        for metric in scorer.metrics
        if metric.name in estimates
    ]
    return {**headline, "detail": detail}


def is_beaten(row: Entry) -> bool:
    """Whether a figure of `detail` is no better than that of the constant answer."""
    value, dummy = row["value"], row["dummy"]
    if value is None or dummy is None:
        return False
    worth = {"up": (value, dummy), "down": (-value, -dummy), "zero": (-abs(value), -abs(dummy))}
    ours, constant = worth[row["better"]]
    return bool(ours <= constant)


def _interval(estimate: Estimate, confidence: float) -> dict[str, float]:
    return {
        "confidence": confidence,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "standard_error": estimate.standard_error,
    }


def slice_figures(
    side: Side, contract: Contract, params: Evaluate, primary: Metric
) -> Iterator[Entry]:
    """The primary metric on each slice; a slice too small or too plain says why not."""
    types = {name: contract.columns[name].type for name in contract.features}
    scorer = side.scorer()
    for part in slices(side.columns, dict(types), params.slices):
        entry: Entry = {
            "column": part.column,
            "slice": part.value,
            "rows": len(part.rows),
            "metric": primary.name,
        }
        if len(part.rows) < params.slice_min_rows:
            yield {**entry, "why_not": f"fewer than {params.slice_min_rows} rows"}
            continue
        sample = side.sample.part(part.rows)
        try:
            estimates = judge(scorer.part(part.rows), sample, params, only=[primary.name])
        except SampleError as error:
            yield {**entry, "why_not": error.what}
        else:
            yield {**entry, **_interval(estimates[primary.name], params.confidence)}


def card_figures(
    side: Side, contract: Contract, params: Evaluate, detail: list[Entry], parts: list[Entry]
) -> Entry:
    """What the model card states of the test rows: `detail` of metrics, and `slices`.

    The same for one model, whatever `evaluate` asks; `detail` and `parts`, which it has computed
    already, serve where they are what the card states.
    """
    primary = primary_metric(side.scorer().metrics, contract.task, CARD)
    is_same = all(getattr(params, name) == getattr(CARD, name) for name in PRECISION)
    serves = is_same and params.primary in {None, primary.name}
    columns = plain_columns(side, contract)
    by_column = {
        name: [part for part in parts if part["column"] == name] if serves else []
        for name in columns
    }
    missing = [name for name, known in by_column.items() if not known]
    more = slice_figures(side, contract, CARD.model_copy(update={"slices": missing}), primary)
    for part in more:
        by_column[part["column"]].append(part)
    return {
        "detail": detail if is_same else metric_figures(side, CARD)["detail"],
        "slices": [part for name in columns for part in by_column[name]],
    }


def plain_columns(side: Side, contract: Contract) -> list[str]:
    """Features of few values that are not sensitive: the card is cut along all of them."""

    def values(name: str) -> int:
        column = side.columns[name]
        return len(set(column[~missing_in(column)].tolist()))

    return [
        name
        for name in contract.features
        if contract.columns[name].type in {"category", "boolean"}
        and not contract.columns[name].sensitive
        and values(name) <= MOST_VALUES
    ]


def importance_figures(
    model: CompiledModel, side: Side, params: Evaluate, primary: Metric
) -> list[Importance]:
    """The loss of the primary metric when a column of a fixed draw of rows is shuffled."""
    rng = np.random.default_rng(params.seed)
    total = len(side.sample.target)
    rows = np.sort(rng.choice(total, min(params.importance.rows, total), replace=False))
    drawn = side.part(rows)

    def answer(matrix: Array) -> Array:
        return model.decision.answers(model.scores(matrix))

    try:
        return permutation_importance(
            model.preprocessing.encode(drawn.columns),
            model.preprocessing.origin,
            answer,
            lambda answers: _loss(drawn, answers, primary),
            repeats=params.importance.repeats,
            seed=params.seed,
        )
    except SampleError as error:
        raise PerennialError(
            str(error), where="params.yaml: evaluate.importance.rows", hint="raise it"
        ) from None


def _loss(side: Side, answers: Array, primary: Metric) -> float:
    scorer = scorer_of(side.task, side.sample.target, answers, side.thresholds["model"])
    value = evaluate(scorer, only=[primary.name])[primary.name]
    return {"up": -value, "down": value, "zero": abs(value)}[primary.direction]
