"""Both models' answers to the same rows: the head's test rows that the base has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from perennial.bundle import bundle as bundles
from perennial.bundle.bundle import Bundle, BundleError, RequestError
from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation.metrics.definition import Scorer
from perennial.evaluation.scoring import Sample, class_names, sample_of, scorer_of
from perennial.model.columns import Columns
from perennial.params.build import BuildParams, read_params
from perennial.review.revision.question import other_question
from perennial.review.revision.revision import Revision
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


class Incomparable(PerennialError):
    """The two revisions answer different questions, so there is no verdict."""


class NothingToCompare(Incomparable):
    """There is no row that the base has not learnt from."""


@dataclass(frozen=True)
class Answers:
    """Both models' answers to the same rows."""

    contract: Contract
    params: BuildParams
    """Contract and parameters are the head's."""
    table: pa.Table
    """The head's test rows, without those that the base has learnt from."""
    columns: Columns
    """Their features as numpy columns."""
    sample: Sample
    head: Scorer
    base: Scorer
    excluded: int
    """Rows of the head's test set that the base had in training or validation."""
    alike: int
    """Rows that both answer alike, to the last bit."""
    same_bundle: bool
    """Whether the two bundles are the same to the byte."""


def ask_both(head: Revision, base: Revision) -> Answers:
    """Ask the bundles of two revisions the head's test rows; `Incomparable` where it cannot be."""
    contract = read_contract(head.path("data/contract.yaml"))
    params = read_params(head.path("params.yaml"))
    refuse_other_question(contract, read_contract(base.path("data/contract.yaml")))
    table = parquet.read(head.path("data/prepared/test.parquet"))
    is_fresh = ~learnt_by(base, table, contract)
    excluded = int(np.count_nonzero(~is_fresh))
    table = table.filter(pa.array(is_fresh))
    if not table.num_rows:
        raise NothingToCompare(
            f"the base had all {excluded:,} test rows of the head in training or validation",
            where=str(base),
            hint="compare with a base whose test period is not earlier, or collect newer rows",
        )
    sample = sample_of(table, contract, params.prepare.split.method)
    ours, theirs = load_bundle(head), load_bundle(base)
    of_head, of_base = ask(ours, head, table), ask(theirs, base, table)
    alike, names = of_head == of_base, class_names(contract)
    return Answers(
        contract=contract,
        params=params,
        table=table,
        columns=ours.columns(table.select(contract.features)),
        sample=sample,
        head=scorer_of(contract.task, sample.target, of_head, ours.threshold, names),
        base=scorer_of(contract.task, sample.target, of_base, theirs.threshold, names),
        excluded=excluded,
        alike=int(np.count_nonzero(alike if alike.ndim == 1 else alike.all(axis=1))),
        same_bundle=ours.manifest["sha256"] == theirs.manifest["sha256"],
    )


def refuse_other_question(head: Contract, base: Contract) -> None:
    """Refuse to compare models of different targets, tasks or classes."""
    other = other_question(head, base)
    if other:
        raise Incomparable(
            other,
            where="data/contract.yaml",
            hint="the two models answer different questions; judge the head by itself",
        )


def learnt_by(base: Revision, table: pa.Table, contract: Contract) -> Array:
    """Which of the head's rows the base had in training or validation, boolean (rows,).

    Rows are the same if their ids are; without an id, if every value is.
    """
    key = contract.only("id")
    names = [key] if key else table.column_names
    rows = _index(table, names)
    is_known = np.zeros(table.num_rows, bool)
    for side in ("train", "validation"):
        learnt = parquet.read(base.path(f"data/prepared/{side}.parquet"))
        absent = sorted({*names} - {*learnt.column_names})
        if absent:
            raise Incomparable(
                f"the base's rows have no {', '.join(absent)}, so those that it has learnt from "
                "cannot be left out",
                where=str(base),
            )
        is_known |= rows.isin(_index(learnt, names))
    return is_known


def _index(table: pa.Table, names: list[str]) -> pd.MultiIndex:
    # Integers stay Python's own beside missing ones: floats would take large ids for equal.
    return pd.MultiIndex.from_frame(table.select(names).to_pandas(integer_object_nulls=True))


def load_bundle(revision: Revision) -> Bundle:
    """Load a revision's bundle; a `PerennialError` if it is absent or broken."""
    # What a person confirmed in this repository is trusted, of the revision that it stands in.
    trusted = read_params(revision.path("params.yaml")).train.trusted
    folder = revision.path("models/bundle")
    try:
        return bundles.load(folder, trusted=trusted)
    except BundleError as error:
        cause = str(error).removeprefix(f"{folder}/")
        raise Incomparable(
            f"its bundle cannot be loaded: {cause}", where=str(revision), hint="dvc repro export"
        ) from None


def ask(model: Bundle, revision: Revision, table: pa.Table) -> Array:
    """Answers of a revision's model to prepared rows, of its own revision or another's.

    Probabilities (rows, classes), or values (rows,).
    """
    absent = [name for name in model.manifest["features"] if name not in table.column_names]
    if absent:
        raise Incomparable(
            f"its model asks for {', '.join(absent)}, which the head's rows do not have",
            where=str(revision),
            hint="compare their metrics as each revision reports them: dvc metrics diff",
        )
    try:
        rows = table.select(model.manifest["features"])
        return model.predict_proba(rows) if model.classes else model.predict(rows)
    except RequestError as error:
        raise Incomparable(
            f"its model refuses the head's rows: {error}", where=str(revision)
        ) from None
