"""Prove that the compiled model answers as the fitted one does, on rows made to tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns
from perennial.model.compiled import CompiledModel
from perennial.model.fitted import Model
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]

#: How often an adversarial row keeps an honest value in a column.
HONEST = 0.7

_NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e300, -1e300)
_INTEGERS = (2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**63, -(2.0**63), 16777217.0)
_TEXTS = (None, "", " ", "never seen before", "☃ 雪 🙂", "x" * 100_000, "nan", "None", "0")
_DATES = (
    "NaT",
    "0001-01-01",
    "1900-02-28T23:59:59.999999",  # the last moment of a February without a 29th
    "1969-12-31T23:59:59.999999",
    "1970-01-01",
    "2024-02-29T23:59:59",
    "2262-04-11T23:47:16.854775",  # where nanoseconds end
    "9999-12-31T23:59:59.999999",
)


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    Attributes
    ----------
    rows : int
        Rows compared.
    refused : int
        Rows that both refused.
    largest : float
        Largest difference, in probability or relative to the values' size.
    labels : int
        Rows with different labels.
    breaches : int
        Rows that differ by more than the tolerance, in label, or in which one alone was refused.
    """

    rows: int
    refused: int
    largest: float
    labels: int
    breaches: int


def prove_parity(
    model: Model, compiled: CompiledModel, matrix: Array, *, tolerance: float, spread: float
) -> Parity:
    """Ask both models the same rows.

    Parameters
    ----------
    model : Model
        The fitted model.
    compiled : CompiledModel
        What is to be served, loaded from its files.
    matrix : numpy.ndarray
        Encoded rows, shape (rows, features).
    tolerance : float
        Largest difference allowed.
    spread : float
        Standard deviation of a regression's target: differences count relative to it, or to the
        value where that is larger. Not used for probabilities.

    Returns
    -------
    Parity
        The figures.

    Raises
    ------
    PerennialError
        If a row differs by more than the tolerance, in its label, or in being refused, or if
        preprocessing or decision differ.
    """
    if compiled.preprocessing != model.preprocessing or compiled.decision != model.decision:
        raise _differs(
            compiled, "its preprocessing or its decision was not loaded as it was written"
        )
    # Infinities are asked on purpose; what the estimators' own code makes of them is no news.
    with np.errstate(over="ignore", invalid="ignore"):
        found = [
            _compare(model, compiled, part, tolerance, spread) for part in _parts(compiled, matrix)
        ]
    parity = Parity(
        rows=sum(part.rows for part in found),
        refused=sum(part.refused for part in found),
        largest=max((part.largest for part in found), default=0.0),
        labels=sum(part.labels for part in found),
        breaches=sum(part.breaches for part in found),
    )
    if parity.breaches:
        raise _differs(
            compiled,
            f"{parity.breaches} of {parity.rows} rows differ (largest difference "
            f"{parity.largest:.3g} against a tolerance of {tolerance:g}; {parity.labels} labels)",
        )
    return parity


def _differs(compiled: CompiledModel, how: str) -> PerennialError:
    return PerennialError(
        f"the compiled model is not the fitted one: {how}",
        where=f"train, engine {compiled.engine_name}",
        hint="nothing was exported; choose another estimator, and report this one",
    )


def _parts(compiled: CompiledModel, matrix: Array) -> list[Array]:
    # scikit-learn refuses a whole batch for one infinity, so those rows are asked apart.
    infinite = np.isinf(matrix.astype(compiled.preprocessing.dtype)).any(axis=1)
    return [part for part in (matrix[~infinite], matrix[infinite]) if len(part)]


def _compare(
    model: Model, compiled: CompiledModel, matrix: Array, tolerance: float, spread: float
) -> Parity:
    wanted, found = _asked(model.scores, matrix), _asked(compiled.scores, matrix)
    if wanted is not None and np.isnan(wanted).any():
        raise PerennialError(
            f"the fitted model itself answers {np.isnan(wanted).sum()} times with no number, on "
            "rows made to be hard",
            where="train",
            hint="choose another estimator, or a parameter that keeps it finite",
        )
    if wanted is None or found is None:
        both = wanted is found
        return Parity(len(matrix), len(matrix) if both else 0, 0.0, 0, 0 if both else len(matrix))
    decision = compiled.decision
    gap = np.abs(wanted - found)
    if decision.classes:
        gap = gap.max(axis=1)
        codes = (decision.codes(decision.answers(scores)) for scores in (wanted, found))
        differs = np.not_equal(*codes)
    else:
        gap = gap / np.maximum(np.abs(wanted), spread)
        differs = np.zeros(len(gap), dtype=bool)
    # Written so that NaN counts as a breach.
    breach = ~(gap <= tolerance) | differs
    return Parity(len(matrix), 0, float(gap.max()), int(differs.sum()), int(breach.sum()))


def _asked(scores: Callable[[Array], Array], matrix: Array) -> Array | None:
    try:
        return scores(matrix)
    except ValueError:
        return None


def adversarial_columns(columns: Columns, types: dict[str, str], rows: int, seed: int) -> Columns:
    """Make rows that mix honest values with hostile ones.

    Parameters
    ----------
    columns : dict
        Honest numpy columns.
    types : dict
        Contract type by column name.
    rows : int
        Rows to make.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        Numpy columns with `rows` rows.
    """
    rng = np.random.default_rng(seed)
    return {name: _hostile(columns[name], kind, rows, rng) for name, kind in types.items()}


def _hostile(values: Array, kind: str, rows: int, rng: np.random.Generator) -> Array:
    honest = values[rng.integers(0, len(values), rows)]
    pool = _pool(values, kind)
    hostile = pool[rng.integers(0, len(pool), rows)]
    return np.where(rng.random(rows) < HONEST, honest, hostile)


def _pool(values: Array, kind: str) -> Array:
    if kind in {"category", "text"}:
        known = next((value for value in values if value), "")
        return np.array([*_TEXTS, known.upper(), known.lower(), f"{known} "], dtype=object)
    if kind == "datetime":
        return np.array(_DATES, dtype="datetime64[us]")
    if kind == "boolean":
        return np.array([0.0, 1.0, np.nan])
    known = values[~np.isnan(values)]
    edges = np.array([known.min(), known.max()]) if len(known) else np.zeros(2)
    beside = np.concatenate([np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    return np.concatenate([np.array(_NUMBERS + _INTEGERS), edges, beside])


def at_split_points(matrix: Array, points: list[Array], dtype: str, seed: int) -> Array:
    """Put values on, and one unit in the last place beside, every threshold of a split.

    Parameters
    ----------
    matrix : numpy.ndarray
        Honest encoded rows, shape (rows, features).
    points : list of numpy.ndarray
        Thresholds of each column; none for a column without numerical splits.
    dtype : str
        The type that the model compares in, whose last place counts.
    seed : int
        Of the draws.

    Returns
    -------
    numpy.ndarray
        A changed copy.
    """
    rng = np.random.default_rng(seed)
    changed = matrix.copy()
    for place, thresholds in enumerate(points):
        if len(thresholds):
            on = thresholds.astype(dtype)
            ends = np.array([-np.inf, np.inf], dtype=dtype)
            values = np.concatenate([on, *(np.nextafter(on, end) for end in ends)])
            is_put = rng.random(len(matrix)) > HONEST
            # In turn, so that none is left out where there are rows for all.
            turn = np.arange(is_put.sum()) % len(values)
            changed[is_put, place] = rng.permutation(values)[turn]
    return changed
