"""Both models' answers to the same rows: the head's test rows that the base has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perennial.bundle import bundle as bundles
from perennial.bundle.bundle import Bundle, BundleError, RequestError
from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.evaluation.metrics.definition import Scorer
from perennial.evaluation.scoring import Sample, sample_of, scorer_of
from perennial.model.columns import Columns
from perennial.params.build import BuildParams, read_params
from perennial.review.revision.revision import Revision
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]


class Incomparable(PerennialError):
    """The two revisions answer different questions, so no verdict can be told."""


class NothingToCompare(Incomparable):
    """There is no row that the base has not learnt from."""


@dataclass(frozen=True)
class Answers:
    """What both models said of the same rows.

    Attributes
    ----------
    contract : Contract
        The head's.
    params : BuildParams
        The head's.
    table : pyarrow.Table
        The rows: the head's test rows, without those that the base has learnt from.
    columns : dict
        Their features as numpy columns.
    sample : Sample
        Their truth, and which stand or fall together.
    head, base : Scorer
        The two models' answers.
    excluded : int
        Rows of the head's test set that the base had in training or validation.
    alike : int
        Rows that both answer alike, to the last bit.
    same_bundle : bool
        Whether the two bundles are the same to the byte.
    """

    contract: Contract
    params: BuildParams
    table: pa.Table
    columns: Columns
    sample: Sample
    head: Scorer
    base: Scorer
    excluded: int
    alike: int
    same_bundle: bool


def ask_both(head: Revision, base: Revision) -> Answers:
    """Ask the bundles of two revisions the same rows.

    Parameters
    ----------
    head, base : Revision
        The two, with their files at hand.

    Returns
    -------
    Answers
        Rows, truth and both models' answers.

    Raises
    ------
    Incomparable
        If target, classes or features do not go together, no row is left, or a bundle is broken.
    PerennialError
        If a file is missing.
    """
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
    alike = of_head == of_base
    return Answers(
        contract=contract,
        params=params,
        table=table,
        columns=ours.columns(table.select(contract.features)),
        sample=sample,
        head=scorer_of(contract.task, sample.target, of_head, ours.threshold),
        base=scorer_of(contract.task, sample.target, of_base, theirs.threshold),
        excluded=excluded,
        alike=int(np.count_nonzero(alike if alike.ndim == 1 else alike.all(axis=1))),
        same_bundle=ours.manifest["sha256"] == theirs.manifest["sha256"],
    )


def refuse_other_question(head: Contract, base: Contract) -> None:
    """Refuse to compare models of different targets, tasks or classes."""
    for what, ours, theirs in (
        ("target", head.target, base.target),
        ("task", head.task, base.task),
        ("classes", list(head.classes), list(base.classes)),
    ):
        if ours != theirs:
            raise Incomparable(
                f"the {what} is {ours} in the head and {theirs} in the base",
                where="data/contract.yaml",
                hint="the two models answer different questions; judge the head by itself",
            )


def learnt_by(base: Revision, table: pa.Table, contract: Contract) -> Array:
    """Tell which rows the base had in training or validation.

    Rows are the same if their ids are; without an id, if every value is.

    Parameters
    ----------
    base : Revision
        The base.
    table : pyarrow.Table
        The head's test rows.
    contract : Contract
        The head's.

    Returns
    -------
    numpy.ndarray
        Boolean, shape (rows,).
    """
    key = contract.only("id")
    known: set[Any] = set()
    for side in ("train", "validation"):
        learnt = parquet.read(base.path(f"data/prepared/{side}.parquet"))
        names = [key] if key else list(table.column_names)
        if not set(names) <= set(learnt.column_names):
            raise Incomparable(
                f"the base's rows have no {', '.join(sorted({*names} - {*learnt.column_names}))}, "
                "so rows that it has learnt from cannot be told",
                where=str(base),
            )
        known.update(_keys(learnt, names))
    found = _keys(table, [key] if key else table.column_names)
    return np.fromiter((row in known for row in found), bool, table.num_rows)


def _keys(table: pa.Table, names: list[str]) -> list[Any]:
    columns = [table.column(name).to_pylist() for name in names]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def load_bundle(revision: Revision) -> Bundle:
    """Load a revision's bundle; a `PerennialError` if it is absent or broken."""
    # What a person confirmed in this repository is trusted, of the revision that it stands in.
    trusted = read_params(revision.path("params.yaml")).train.trusted
    folder = revision.path("models/bundle")
    try:
        return bundles.load(folder, trusted=trusted)
    except BundleError as error:
        told = str(error).removeprefix(f"{folder}/")
        raise Incomparable(
            f"its bundle cannot be loaded: {told}", where=str(revision), hint="dvc repro export"
        ) from None


def ask(model: Bundle, revision: Revision, table: pa.Table) -> Array:
    """Ask a revision's model prepared rows, of its own revision or another's.

    Parameters
    ----------
    model : Bundle
        Of `load_bundle`.
    revision : Revision
        Whose it is.
    table : pyarrow.Table
        The rows.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (rows, classes), or values, shape (rows,).

    Raises
    ------
    Incomparable
        If the rows are none that the model can answer.
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
