"""evaluate: score the compiled model, and say how good it is and how surely.

Why so: docs/decisions.md#d30
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation.answering import Models, Side, answered
from perennial.evaluation.figures import (
    all_metrics,
    card_figures,
    importance_figures,
    slice_figures,
)
from perennial.evaluation.importance import Importance
from perennial.evaluation.plots import PLOTS, importance_columns, plots
from perennial.evaluation.scoring import METRICS, primary_metric
from perennial.model import compiled as compiled_model
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


def main() -> None:
    """Score test and validation, and publish scores, metrics, slices and plots."""
    build, contract, models = read_params(), read_contract(), read_models()
    params, method = build.evaluate, build.prepare.split.method
    tables = {path.stem: parquet.read(path) for path in (paths.TEST, paths.VALIDATION)}
    sides = {name: answered(table, contract, method, models) for name, table in tables.items()}
    test = sides["test"]
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
    (figure,) = (row for row in metrics["validation"]["detail"] if row["metric"] == primary.name)
    print(
        f"evaluate: {primary.name} {in_words(figure)} on {tables['validation'].num_rows:,} "
        f"validation rows; {tables['test'].num_rows:,} test rows scored"
    )
    if not importances:
        drawn = "the rows drawn for it (evaluate.importance.rows)"
        print(f"evaluate: no permutation importance: {primary.name} has no value on {drawn}")
    for side, report in metrics.items():
        for line in notes(report["detail"], ("why_not", "warning")):
            print(f"evaluate: {side}: {line}")
    for line in notes(metrics["validation"]["detail"], ("remark",)):
        print(f"evaluate: validation: {line}")


def in_words(figure: Mapping[str, Any]) -> str:
    """A figure as people read it, with its interval where it has one."""
    if figure["value"] is None:
        return "cannot be told"
    if figure["low"] is None:
        return f"{figure['value']:.4f}"
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"


def notes(detail: list[dict[str, Any]], keys: Sequence[str]) -> Iterator[str]:
    """What metrics say beside their figures; those that say the same share a line."""
    by_text: dict[str, list[str]] = {}
    for row in detail:
        for key in keys:
            if key in row:
                by_text.setdefault(row[key], []).append(row["metric"])
    yield from (f"{', '.join(names)}: {text}" for text, names in by_text.items())


def read_models() -> Models:
    """The compiled model and its baselines."""
    return Models(
        model=compiled_model.load(paths.COMPILED, threads=thread_count()),
        linear=compiled_model.load(paths.BASELINE),
        dummy=np.array(jsonfile.read(paths.BASELINE / "dummy.json")),
    )


def scored_table(table: pa.Table, side: Side, contract: Contract, decision: Decision) -> pa.Table:
    """The rows' keys and truth, with the model's answers beside them.

    Columns of role id, time, group and target, `prediction`, and, for a classification,
    `probability` of the positive class or `probability:CLASS` of each.
    """
    keys = [name for role in ("id", "time", "group", "target") for name in contract.of_role(role)]
    answers = side.answers["model"]
    labels = pa.array(decision.labels(answers).tolist())
    table = table.select(keys).append_column("prediction", labels)
    if contract.task == "binary":
        return table.append_column("probability", pa.array(answers[:, 1]))
    for code, name in enumerate(contract.classes):
        table = table.append_column(f"probability:{name}", pa.array(answers[:, code]))
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
