"""evaluate: score the compiled model, and say how good it is and how surely."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation.bootstrap import Estimate
from perennial.evaluation.importance import Importance, permutation_importance
from perennial.evaluation.metrics.definition import Metric, SampleError, evaluate
from perennial.evaluation.scoring import (
    PLOTS,
    Sample,
    judge,
    plots,
    primary_metric,
    sample_of,
    scorer_of,
    values_there_are,
)
from perennial.evaluation.slices import slices
from perennial.model import compiled as compiled_model
from perennial.model.columns import Columns, from_arrow, missing_in
from perennial.model.compiled import CompiledModel
from perennial.params import paths
from perennial.params.build import BuildParams, read_params
from perennial.params.evaluate import Evaluate
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing_all
from perennial.runtime.threads import thread_count

Array = NDArray[Any]

COMPILED = paths.COMPILED
BASELINE = paths.BASELINE
VALIDATION = paths.VALIDATION
TEST = paths.TEST
OUTPUTS = (
    paths.SCORED,
    paths.TEST_METRICS,
    paths.VALIDATION_METRICS,
    paths.SLICE_METRICS,
    paths.CARD_METRICS,
    paths.PLOTS,
)

#: Metrics that only `detail` holds, so that the table of `dvc metrics show` fits a terminal.
DETAIL_ONLY = frozenset({"calibration_error"})

#: How the figures on the model card are computed, whatever `evaluate` asks for besides: a bundle
#: follows from the model and its data, and not from how closely somebody looked.
CARD = Evaluate()

#: Columns with more values make no slices of the card.
MOST_VALUES = 20

#: Rows scored at a time, so that memory does not grow with the table.
BATCH = 65_536


@dataclass(frozen=True)
class Answered:
    """Prepared rows, and what each model answered to them."""

    table: pa.Table
    columns: Columns
    sample: Sample
    answers: dict[str, Array]
    thresholds: dict[str, float | None]


def main() -> None:
    """Score test and validation, and publish scores, metrics, slices and plots."""
    params, contract = read_params(), read_contract()
    model = compiled_model.load(COMPILED, threads=thread_count())
    linear = compiled_model.load(BASELINE)
    dummy = np.array(jsonfile.read(BASELINE / "dummy.json"))
    sides = {
        path.stem: answer(parquet.read(path), contract, params, model, linear, dummy)
        for path in (TEST, VALIDATION)
    }
    test, validation = sides["test"], sides["validation"]
    metrics = _scorer(test, contract, "model").metrics
    primary = primary_metric(metrics, contract.task, params.evaluate)
    judged = judged_sides(sides, contract, params.evaluate)
    importances = importance_of(model, test, contract, params.evaluate, primary)
    with publishing_all(*OUTPUTS) as (scored, report, held_back, parts, card, folder):
        parquet.write(scored, scored_table(test, contract, model))
        for path, name in ((report, "test"), (held_back, "validation")):
            jsonfile.write(path, judged[name], decimals=jsonfile.DECIMALS)
        found = list(judged_slices(test, contract, params.evaluate, primary))
        jsonfile.write(parts, found, decimals=jsonfile.DECIMALS)
        figures = card_figures(test, contract, params.evaluate, judged["test"]["detail"], found)
        jsonfile.write(card, figures, decimals=jsonfile.DECIMALS)
        folder.mkdir()
        write_plots(folder, test, contract, importances)
    # Not the test rows' figure: every experiment prints this line.
    (figure,) = (row for row in judged["validation"]["detail"] if row["metric"] == primary.name)
    print(
        f"evaluate: {primary.name} {figure['value']:.4f} ({figure['low']:.4f} to "
        f"{figure['high']:.4f}) on {validation.table.num_rows:,} validation rows; "
        f"{test.table.num_rows:,} test rows scored"
    )


def answer(
    table: pa.Table,
    contract: Contract,
    params: BuildParams,
    model: CompiledModel,
    linear: CompiledModel,
    dummy: Array,
) -> Answered:
    """Ask the model and its baselines the rows of one side."""
    types = {name: contract.columns[name].type for name in contract.features}
    columns = from_arrow(table, types)
    constant = (
        np.tile(dummy, (table.num_rows, 1))
        if contract.classes
        else (np.full(table.num_rows, dummy[0]))
    )
    is_binary = contract.task == "binary"
    return Answered(
        table=table,
        columns=columns,
        sample=sample_of(table, contract, params.prepare.split.method),
        answers={
            "model": in_batches(model, columns, table.num_rows),
            "linear": in_batches(linear, columns, table.num_rows),
            "dummy": constant,
        },
        thresholds={
            "model": model.decision.threshold,
            "linear": linear.decision.threshold,
            "dummy": float(dummy[1]) if is_binary else None,
        },
    )


def in_batches(model: CompiledModel, columns: Columns, rows: int) -> Array:
    """Answer rows a batch at a time; the answers are those of one call."""
    parts = [
        model.answers({name: values[at : at + BATCH] for name, values in columns.items()})
        for at in range(0, rows, BATCH)
    ]
    return np.concatenate(parts)


def _scorer(side: Answered, contract: Contract, name: str) -> Any:
    return scorer_of(contract.task, side.sample.target, side.answers[name], side.thresholds[name])


def judged_sides(
    sides: dict[str, Answered], contract: Contract, params: Evaluate
) -> dict[str, dict[str, Any]]:
    """Judge every side, each on a thread of its own: numpy computes without the interpreter."""
    with ThreadPoolExecutor(len(sides)) as pool:
        found = pool.map(lambda side: judged_metrics(side, contract, params), sides.values())
        return dict(zip(sides, found, strict=True))


def judged_metrics(side: Answered, contract: Contract, params: Evaluate) -> dict[str, Any]:
    """Judge one side: each metric with its interval, beside the baselines.

    The top level holds the bare figures, which is what `dvc metrics show` and `diff` list;
    `detail` holds everything, for people and for `perennial compare`.

    Parameters
    ----------
    side : Answered
        Rows and answers.
    contract : Contract
        What each column is.
    params : Evaluate
        Resamples, confidence and seed.

    Returns
    -------
    dict
        A JSON value.

    Raises
    ------
    PerennialError
        If a metric of the model cannot be computed.
    """
    scorer = _scorer(side, contract, "model")
    try:
        found = judge(scorer, side.sample, params)
    except SampleError as error:
        raise PerennialError(str(error), where="evaluate") from None
    baselines = {
        name: values_there_are(_scorer(side, contract, name)) for name in ("linear", "dummy")
    }
    detail = [
        {
            "metric": metric.name,
            "better": metric.direction,
            **_figures(found[metric.name], params.confidence),
            **{name: values.get(metric.name) for name, values in baselines.items()},
        }
        for metric in scorer.metrics
    ]
    figures = {name: item.value for name, item in found.items() if name not in DETAIL_ONLY}
    return {**figures, "detail": detail}


def _figures(item: Estimate, confidence: float) -> dict[str, float]:
    return {
        "confidence": confidence,
        "value": item.value,
        "low": item.low,
        "high": item.high,
        "standard_error": item.standard_error,
    }


def judged_slices(
    side: Answered, contract: Contract, params: Evaluate, primary: Metric
) -> Iterator[dict[str, Any]]:
    """Judge the primary metric on each slice; a slice too small or too plain says why not."""
    types = {name: contract.columns[name].type for name in contract.features}
    for part in slices(side.columns, dict(types), params.slices):
        entry: dict[str, Any] = {
            "column": part.column,
            "slice": part.value,
            "rows": len(part.rows),
            "metric": primary.name,
        }
        if len(part.rows) < params.slice_min_rows:
            yield {**entry, "why_not": f"fewer than {params.slice_min_rows} rows"}
            continue
        try:
            found = _judged_part(side, part.rows, contract, params, primary)
        except SampleError as error:
            yield {**entry, "why_not": error.what}
        else:
            yield {**entry, **_figures(found, params.confidence)}


def _judged_part(
    side: Answered, rows: Array, contract: Contract, params: Evaluate, primary: Metric
) -> Estimate:
    sample, answers = side.sample.part(rows), side.answers["model"][rows]
    scorer = scorer_of(contract.task, sample.target, answers, side.thresholds["model"])
    return judge(scorer, sample, params, only=[primary.name])[primary.name]


def card_figures(
    side: Answered,
    contract: Contract,
    params: Evaluate,
    detail: list[dict[str, Any]],
    parts: list[dict[str, Any]],
) -> dict[str, Any]:
    """Compute what the model card states: the same for one model, whatever `evaluate` asks.

    Parameters
    ----------
    side : Answered
        The test rows and answers.
    contract : Contract
        What each column is.
    params : Evaluate
        What `evaluate` asks.
    detail, parts : list of dict
        What it found of metrics and slices: it serves where the card asks the same.

    Returns
    -------
    dict
        `detail` of metrics, and `slices` by each column that is plain enough.
    """
    primary = primary_metric(_scorer(side, contract, "model").metrics, contract.task, CARD)
    is_same = all(
        getattr(params, name) == getattr(CARD, name)
        for name in ("resamples", "confidence", "seed", "slice_min_rows")
    )
    serves = is_same and params.primary in {None, primary.name}
    columns = plain_columns(side, contract)
    known = {name: [part for part in parts if part["column"] == name] for name in columns if serves}
    missing = [name for name in columns if not known.get(name)]
    asked = CARD.model_copy(update={"slices": missing})
    found = [*judged_slices(side, contract, asked, primary)]
    return {
        "detail": detail if is_same else judged_metrics(side, contract, CARD)["detail"],
        "slices": [
            part
            for name in columns
            for part in known.get(name) or [part for part in found if part["column"] == name]
        ],
    }


def plain_columns(side: Answered, contract: Contract) -> list[str]:
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


def importance_of(
    model: CompiledModel, side: Answered, contract: Contract, params: Evaluate, primary: Metric
) -> list[Importance]:
    """Shuffle each column of a fixed draw of rows, and measure the primary metric's loss."""
    rng = np.random.default_rng(params.seed)
    count = min(params.importance.rows, side.table.num_rows)
    rows = np.sort(rng.choice(side.table.num_rows, count, replace=False))
    matrix = model.preprocessing.encode(
        {name: values[rows] for name, values in side.columns.items()}
    )
    target = side.sample.target[rows]
    sign = {"up": -1.0, "down": 1.0}.get(primary.direction)

    def answers_to(changed: Array) -> Array:
        return model.decision.answers(model.scores(changed))

    def loss(answers: Array) -> float:
        scorer = scorer_of(contract.task, target, answers, model.decision.threshold)
        value = evaluate(scorer, only=[primary.name])[primary.name]
        return abs(value) if sign is None else sign * value

    try:
        return permutation_importance(
            matrix,
            model.preprocessing.origin,
            answers_to,
            loss,
            repeats=params.importance.repeats,
            seed=params.seed,
        )
    except SampleError as error:
        raise PerennialError(
            str(error), where="params.yaml: evaluate.importance.rows", hint="raise it"
        ) from None


def scored_table(side: Answered, contract: Contract, model: CompiledModel) -> pa.Table:
    """The rows' keys and truth, with the model's answers beside them.

    Parameters
    ----------
    side : Answered
        Rows and answers.
    contract : Contract
        What each column is.
    model : CompiledModel
        Whose decision it is.

    Returns
    -------
    pyarrow.Table
        Columns of role id, time, group and target, `prediction`, and, for a classification,
        `probability` of the positive class or `probability:CLASS` of each.
    """
    keys = [name for role in ("id", "time", "group", "target") for name in contract.of_role(role)]
    answers = side.answers["model"]
    labels = pa.array(model.decision.labels(answers).tolist())
    table = side.table.select(keys).append_column("prediction", labels)
    if contract.task == "binary":
        return table.append_column("probability", pa.array(answers[:, 1]))
    for code, name in enumerate(contract.classes):
        table = table.append_column(f"probability:{name}", pa.array(answers[:, code]))
    return table


def write_plots(
    folder: Path, side: Answered, contract: Contract, importances: list[Importance]
) -> None:
    """Write the data of every plot; a plot that the task does not have is a file without rows."""
    found: dict[str, dict[str, Any]] = dict(
        plots(
            contract.task,
            side.sample.target,
            side.answers["model"],
            side.thresholds["model"],
            list(contract.classes),
        )
    )
    found["importance"] = {
        "column": [item.column for item in importances],
        "loss": [item.mean for item in importances],
        "low": [item.low for item in importances],
        "high": [item.high for item in importances],
    }
    for name in PLOTS:
        write_csv(folder / f"{name}.csv", found.get(name, {}))


def write_csv(path: Path, columns: dict[str, Any]) -> None:
    """Write columns as CSV, floats to six decimals."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(float(value), jsonfile.DECIMALS) + 0.0
    return value
