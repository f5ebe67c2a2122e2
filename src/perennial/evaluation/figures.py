"""The figures that `evaluate` reports: of sides, slices, columns and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.data.contract import Contract
from perennial.evaluation.answering import Side
from perennial.evaluation.importance import Importance, permutation_importance
from perennial.evaluation.intervals import TIE, Figure
from perennial.evaluation.metrics.definition import (
    Definition,
    Metric,
    MetricError,
    defined_values,
    evaluate,
)
from perennial.evaluation.scoring import judge, primary_metric
from perennial.evaluation.slices import slices
from perennial.model.columns import missing_in
from perennial.model.compiled import CompiledModel
from perennial.params.evaluate import Evaluate

Array = NDArray[Any]
Entry = dict[str, Any]

#: How the figures on the model card are computed, whatever `evaluate` asks for besides: a bundle
#: follows from the model and its data, and not from how closely somebody looked.
CARD = Evaluate()

#: Parameters that change the figures of a slice.
PRECISION = ("resamples", "confidence", "seed", "slice_min_rows")

#: What a figure says besides, where there is something to say.
NOTES = ("why_not", "warning")

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
    `detail` holds everything, for people and for `perennial compare`. A metric without a value is
    left out of the former, and says `why_not` in the latter.
    """
    scorer = side.scorer()
    figures = judge(scorer, side.sample, params, only=only)
    baselines = {name: defined_values(side.scorer(name)) for name in ("linear", "dummy")}
    headline = {
        metric.name: figures[metric.name].value
        for metric in scorer.definitions
        if metric.is_headline and metric.name in figures and figures[metric.name].value is not None
    }
    detail = [
        {
            "metric": metric.name,
            "better": metric.direction,
            **_interval(figures[metric.name], params.confidence),
            **{name: values.get(metric.name) for name, values in baselines.items()},
            **_remark(metric, figures[metric.name].value, baselines["dummy"].get(metric.name)),
        }
        for metric in scorer.definitions
        if metric.name in figures
    ]
    return {**headline, "detail": detail}


def _remark(metric: Definition[Any], value: float | None, constant: float | None) -> dict[str, str]:
    """Whether one constant answer does better, for metrics that it is not bound to win.

    It may call every row positive, which is the best recall there is.
    """
    is_judged = metric.average or metric.scale in {"area", "index", "loss", "unexplained"}
    if value is None or constant is None or not is_judged or metric.direction == "zero":
        return {}
    lead = value - constant if metric.direction == "up" else constant - value
    if lead >= -TIE * abs(constant):
        return {}
    return {"remark": f"worse than one constant answer to every row, which has {constant:.4f}"}


def _interval(figure: Figure, confidence: float) -> Entry:
    remarks = {name: text for name in NOTES if (text := getattr(figure, name))}
    return {
        "confidence": confidence,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "standard_error": figure.standard_error,
        **remarks,
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
        figures = judge(scorer.part(part.rows), sample, params, only=[primary.name])
        figure = figures[primary.name]
        interval = _interval(figure, params.confidence)
        # A slice without a value has no keys of one, whether it is too small or too plain.
        yield {**entry, **(interval if figure.value is not None else {"why_not": figure.why_not})}


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
    """The loss of the primary metric when a column of a fixed draw of rows is shuffled.

    None at all where these rows give the metric no value.
    """
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
    except MetricError:
        return []


def _loss(side: Side, answers: Array, primary: Metric) -> float:
    value = evaluate(side.scorer_of(answers), only=[primary.name])[primary.name]
    return {"up": -value, "down": value, "zero": abs(value)}[primary.direction]
