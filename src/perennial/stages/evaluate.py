"""evaluate: score the compiled model, and say how good it is and how surely.

Why so: docs/decisions.md#d30
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.target import answer_columns, key_columns
from perennial.evaluation.answering import Models, Side, answered
from perennial.evaluation.crossfitted import crossfitted
from perennial.evaluation.figures import (
    all_metrics,
    card_figures,
    importance_figures,
    slice_figures,
)
from perennial.evaluation.importance import Importance
from perennial.evaluation.plots import PLOTS, importance_columns, plots
from perennial.evaluation.scoring import METRICS, Sample, primary_metric
from perennial.model import compiled as compiled_model
from perennial.model import crossfit
from perennial.model.decision import Decision
from perennial.params import paths
from perennial.params.build import read_params
from perennial.runtime import jsonfile
from perennial.runtime.publishing import publishing_all
from perennial.runtime.threads import thread_count

METRIC_FILES = (
    paths.TEST_METRICS,
    paths.VALIDATION_METRICS,
    paths.SLICE_METRICS,
    paths.CARD_METRICS,
)

NO_VALIDATION = "no figures: the split leaves no validation rows, for nothing is chosen on them"


def main() -> None:
    """Score test and validation, and publish scores, metrics, slices and plots."""
    build, contract, models = read_params(), read_contract(), read_models()
    params, method = build.evaluate, build.prepare.split.method
    tables = {path.stem: parquet.read(path) for path in (paths.TEST, paths.VALIDATION)}
    test = answered(tables["test"], contract, method, models)
    sides = {
        "test": test,
        "validation": validated(tables["validation"], contract, method, models),
    }
    primary = primary_metric(METRICS[contract.task], contract.task, params)
    metrics = all_metrics(sides, params)
    importances = importance_figures(models.model, test, params, primary)
    parts = list(slice_figures(test, contract, params, primary))
    card = card_figures(test, contract, params, metrics["test"]["detail"], parts)
    with publishing_all(paths.SCORED, *METRIC_FILES, paths.PLOTS) as (scored, *files, folder):
        parquet.write(scored, scored_table(tables["test"], test, contract, models.model.decision))
        reports = (metrics["test"], metrics["validation"], parts, card)
        for path, report in zip(files, reports, strict=True):
            jsonfile.write(path, report, decimals=jsonfile.DECIMALS)
        write_plots(folder, test, contract, importances)
    # Not the test rows' figure: every experiment prints this line.
    validation, rows = metrics["validation"], tables["validation"].num_rows
    print(
        f"evaluate: {headline(validation, primary.name, rows)}; "
        f"{tables['test'].num_rows:,} test rows scored"
    )
    if not importances:
        drawn = "the rows drawn for it (evaluate.importance.rows)"
        print(f"evaluate: no permutation importance: {primary.name} has no value on {drawn}")
    for side, report in metrics.items():
        for line in remarks(side, report):
            print(f"evaluate: {side}: {line}")


def headline(figures: Mapping[str, Any], primary: str, rows: int) -> str:
    """The primary metric on the validation rows."""
    if not rows:
        return "no validation rows"
    (row,) = (row for row in figures["detail"] if row["metric"] == primary)
    return f"{primary} {in_words(row)} on {rows:,} validation rows"


def in_words(figure: Mapping[str, Any]) -> str:
    """A figure as people read it, with its interval where it has one."""
    if figure["value"] is None:
        return "cannot be estimated"
    if figure["low"] is None:
        return f"{figure['value']:.4f}"
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"


def remarks(side: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """What has to be known of a side's figures; of the test rows, not how good they are."""
    yield from (note for note in figures.get("notes", ()) if not note.startswith("cross-fitted"))
    keys = ("why_not", "warning", *(["remark"] if side == "validation" else []))
    by_text: dict[str, list[str]] = {}
    for row in figures["detail"]:
        for key in keys:
            if key in row:
                by_text.setdefault(row[key], []).append(row["metric"])
    yield from (f"{', '.join(names)}: {text}" for text, names in by_text.items())


def validated(table: pa.Table, contract: Contract, method: str, models: Models) -> Side:
    """The validation rows with answers that can be judged, or with the reason that there is none.

    `train` leaves a file of cross-fitted decisions where it has fitted something on these rows.
    """
    if not table.num_rows:
        return Side(contract.task, {}, Sample(np.zeros(0), None), {}, {}, note=NO_VALIDATION)
    side = answered(table, contract, method, models)
    file = paths.BASELINE / crossfit.FILE
    if not file.exists():
        return side
    return crossfitted(side, models, crossfit.Crossfit.from_json(jsonfile.read(file)))


def read_models() -> Models:
    """The compiled model and its baselines."""
    return Models(
        model=compiled_model.load(paths.COMPILED, threads=thread_count()),
        linear=compiled_model.load(paths.BASELINE),
        dummy=np.array(jsonfile.read(paths.BASELINE / "dummy.json")),
    )


def scored_table(table: pa.Table, side: Side, contract: Contract, decision: Decision) -> pa.Table:
    """The rows' keys and truth, with the model's answers beside them.

    Columns of role id, time, group and target, and those of `answer_columns`.
    """
    answers = side.answers["model"]
    values: list[Any] = [decision.labels(answers).tolist()]
    if contract.classes:
        values += list(answers.T[1:] if contract.task == "binary" else answers.T)
    table = table.select(key_columns(contract))
    if contract.answers != list(contract.classes):
        # The truth in the type of the answers, so that the two can be compared.
        truth = pa.array([contract.answers[code] for code in side.sample.target])
        place = table.column_names.index(contract.target)
        table = table.set_column(place, contract.target, truth)
    for name, column in zip(answer_columns(contract).values(), values, strict=True):
        table = table.append_column(name, pa.array(column))
    return table


def write_plots(
    folder: Path, side: Side, contract: Contract, importances: list[Importance]
) -> None:
    """Write the data of every plot; a plot that the task does not have is a file without rows."""
    target, answers, threshold = side.sample.target, side.answers["model"], side.thresholds["model"]
    columns: dict[str, Mapping[str, Any]] = {
        **plots(contract.task, target, answers, threshold, contract.classes),
        "importance": importance_columns(importances),
    }
    folder.mkdir()
    for name in PLOTS:
        write_csv(folder / f"{name}.csv", columns.get(name, {}))


def write_csv(path: Path, columns: Mapping[str, Any]) -> None:
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
