"""train: prepared rows to a fitted model, compiled at once, its parity proved.

Why so: docs/decisions.md#d15
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.target import target_of
from perennial.learning import pickling
from perennial.learning.fitting import Rows
from perennial.learning.training import Trained, describe, train_all
from perennial.model import crossfit
from perennial.model.columns import from_arrow
from perennial.model.preprocessing import Tfidf
from perennial.params import paths
from perennial.params.build import read_params
from perennial.params.train import Train
from perennial.runtime import jsonfile
from perennial.runtime.publishing import publishing_all
from perennial.runtime.threads import thread_count

OUTPUTS = (
    paths.FITTED,
    paths.COMPILED,
    paths.BASELINE,
    paths.TRAIN_METRICS,
)


def main() -> None:
    """Read the prepared rows, train, and publish the models."""
    params, contract = read_params(), read_contract()
    method = params.prepare.split.method
    train, validation = (
        rows_of(parquet.read(path), contract, method) for path in (paths.TRAIN, paths.VALIDATION)
    )
    trained = train_all(train, validation, contract, params, threads=thread_count())
    with publishing_all(*OUTPUTS) as partial:
        write(trained, params.train, *partial)
    print(summary(trained, params.train, len(train.target)))


def rows_of(table: pa.Table, contract: Contract, method: str = "random") -> Rows:
    """Turn prepared rows into numpy columns, the target, and groups as numbers.

    `method` is of `prepare.split`: by time, rows of one day belong together, and always those of
    one group; where both do, the coarser of them counts.
    """
    types = {name: contract.columns[name].type for name in contract.features}
    group, time = contract.only("group"), contract.only("time")
    blocks: dict[str, Any] = {}
    if group is not None:
        names = np.array(table.column(group).to_pylist(), str)
        blocks["groups"] = np.unique(names, return_inverse=True)[1]
    groups = blocks.get("groups")
    if time is not None and method == "time":
        moments = from_arrow(table, {time: "datetime"})[time]
        blocks["days"] = moments.astype("datetime64[D]").astype(np.int64)
    unit = min(blocks, key=lambda name: len(np.unique(blocks[name])), default="rows")
    columns, target = from_arrow(table, types), target_of(table, contract)
    return Rows(columns, target, groups, blocks.get(unit), unit)


def write(
    trained: Trained, params: Train, joblib_file: Path, compiled: Path, baseline: Path, report: Path
) -> None:
    """Write the models and the report."""
    pickling.dump(trained.model, joblib_file)
    for folder, model in ((compiled, trained.compiled), (baseline, trained.linear)):
        folder.mkdir()
        model.save(folder)
    jsonfile.write(baseline / "dummy.json", trained.dummy)
    if trained.crossfit is not None:
        jsonfile.write(baseline / crossfit.FILE, trained.crossfit.to_json())
    jsonfile.write(report, describe(trained, params), decimals=jsonfile.DECIMALS)


def summary(trained: Trained, params: Train, rows: int) -> str:
    """What the stage prints: why engines were passed over, and what was proved."""
    lines = [
        f"train: engine {engine} was passed over: {why}"
        for engine, why in trained.passed_over.items()
    ]
    lines += [
        f"train: warning: column {step.column} has no term that stands in "
        f"{params.text.min_documents} training rows (train.text.min_documents): the model does "
        "not see it"
        for step in trained.compiled.preprocessing.steps
        if isinstance(step, Tfidf) and not step.terms
    ]
    lines.append(
        f"train: {params.estimator.rpartition('.')[2]} on {rows:,} rows; parity of engine "
        f"{trained.compiled.engine_name} proved on {trained.parity.rows:,} rows"
    )
    return "\n".join(lines)
