"""Rules on the model alone: floors, ceilings and ranges of the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perennial.evaluation.metrics.definition import Metric
from perennial.review.gate.case import Case, NoFigure
from perennial.review.gate.claims import SIDES, data_figures
from perennial.review.params.gate import Range
from perennial.runtime.checks import Answer, CouldNotTell, Failure, NotApplicable, Pass

CALIBRATION = "calibration_error"


def judge_limits(case: Case) -> Answer:
    """Whether the head's metrics keep `gate.floors` and `gate.ceilings`."""
    floors, ceilings = case.policy.floors, case.policy.ceilings
    if not floors and not ceilings:
        return NotApplicable("the policy names no floor and no ceiling")
    breaches = [
        *past_floors(floors, case.own.metrics, case.own.values),
        *past_ceilings(ceilings, case.own.metrics, case.own.values),
    ]
    values = {name: case.own.values.get(name) for name in sorted({*floors, *ceilings})}
    figures = {"floors": floors, "ceilings": ceilings, "values": values}
    if breaches:
        return Failure("; ".join(breaches), figures)
    kept = ", ".join(f"{name} {value:.4f}" for name, value in values.items() if value is not None)
    return Pass(kept, figures)


def past_floors(
    floors: Mapping[str, float], metrics: Sequence[Metric], values: Mapping[str, float]
) -> Iterator[str]:
    """A sentence for each metric below its floor, without a value, or better when lower."""
    directions = {metric.name: metric.direction for metric in metrics}
    for name, floor in floors.items():
        value = values.get(name)
        if name not in directions:
            yield f"the task has no metric {name}: remove gate.floors.{name}"
        elif directions[name] != "up":
            yield f"of {name}, less is better: it goes under gate.ceilings"
        elif value is None:
            yield f"{name} has no value on these rows"
        # Not `value < floor`, which NaN would pass.
        elif not value >= floor:
            yield f"{name} {value:.4f} lies below its floor {floor:g}"


def past_ceilings(
    ceilings: Mapping[str, float],
    metrics: Sequence[Metric],
    values: Mapping[str, float],
    *,
    key: str | None = None,
) -> Iterator[str]:
    """A sentence for each metric above its ceiling, without a value, or better when higher."""
    directions = {metric.name: metric.direction for metric in metrics}
    for name, ceiling in ceilings.items():
        value = values.get(name)
        if name not in directions:
            yield f"the task has no metric {name}: remove {key or f'gate.ceilings.{name}'}"
        elif directions[name] == "up":
            yield f"of {name}, more is better: it goes under gate.floors"
        elif value is None:
            yield f"{name} has no value on these rows"
        elif not abs(value) <= ceiling:
            yield f"{name} {value:.4f} lies above its ceiling {ceiling:g}"


def judge_calibration(case: Case) -> Answer:
    """Whether the head's calibration error keeps `gate.max_calibration_error`."""
    ceiling = case.policy.max_calibration_error
    if ceiling is None:
        return NotApplicable("the policy names no gate.max_calibration_error")
    value = case.own.values.get(CALIBRATION)
    figures = {"ceiling": ceiling, "value": value}
    if value is None and CALIBRATION in {metric.name for metric in case.own.metrics}:
        return CouldNotTell(f"{CALIBRATION} has no value on these rows", figures)
    limit, key = {CALIBRATION: ceiling}, "gate.max_calibration_error"
    breaches = list(past_ceilings(limit, case.own.metrics, case.own.values, key=key))
    span, error = "", case.own.calibration
    if error and error.low is not None and error.high is not None:
        span = f" ({error.low:.4f} to {error.high:.4f})"
        figures |= {"low": error.low, "high": error.high}
    if breaches:
        return Failure(f"{breaches[0]}{span}", figures)
    return Pass(f"{value:.4f}{span}, of {ceiling:g} allowed", figures)


def judge_labels(case: Case) -> Answer:
    """Whether the label rates of every side are in `gate.label_rate`."""
    allowed = case.policy.label_rate
    if allowed is None:
        return NotApplicable("the policy names no gate.label_rate")
    labels = data_figures(case)["labels"]
    rates = {
        f"{side}, {name}": rate
        for side in SIDES
        for name, rate in labels.get(side, {}).items()
        # A regression's labels have a spread beside their mean.
        if case.contract.classes or name == "mean"
    }
    # Validation has no rows where nothing is chosen on it.
    empty = [side for side in SIDES if side not in labels and side != "validation"]
    breaches = [f"{side} has no row" for side in empty] + outside(rates, allowed)
    return _ranged(breaches, rates, allowed)


def judge_rejects(case: Case) -> Answer:
    """Whether the share of rejected rows is in `gate.reject_share`."""
    allowed = case.policy.reject_share
    if allowed is None:
        return NotApplicable("the policy names no gate.reject_share")
    rows = data_figures(case)["rows"]
    if not rows["raw"]:
        raise NoFigure("there is no raw row", where=str(case.head))
    shares = {"rejected": rows["rejected"] / rows["raw"]}
    return _ranged(outside(shares, allowed), shares, allowed)


def outside(values: Mapping[str, float], allowed: Range) -> list[str]:
    """A sentence for each value below or above a range.

    >>> outside({"test": 0.5, "train": 0.2}, Range(high=0.4))
    ['test is 0.5, above 0.4']
    """
    breaches = []
    for name, value in values.items():
        if allowed.low is not None and not value >= allowed.low:
            breaches.append(f"{name} is {value:.6g}, below {allowed.low:g}")
        if allowed.high is not None and not value <= allowed.high:
            breaches.append(f"{name} is {value:.6g}, above {allowed.high:g}")
    return breaches


def _ranged(breaches: list[str], values: Mapping[str, float], allowed: Range) -> Answer:
    figures: dict[str, Any] = {"allowed": allowed.model_dump(), "values": dict(values)}
    if breaches:
        return Failure("; ".join(breaches), figures)
    return Pass(f"{_span(values)} {_bounds(allowed)}", figures)


def _span(values: Mapping[str, float]) -> str:
    low, high = min(values.values()), max(values.values())
    return f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"


def _bounds(allowed: Range) -> str:
    if allowed.low is None:
        return f"of at most {allowed.high:g}"
    return f"of at least {allowed.low:g}" + (
        f", at most {allowed.high:g}" if allowed.high is not None else ""
    )


def judge_size(case: Case) -> Answer:
    """Whether the bundle's files keep `gate.max_bundle_bytes`."""
    allowed = case.policy.max_bundle_bytes
    if allowed is None:
        return NotApplicable("the policy names no gate.max_bundle_bytes")
    files = [path for path in case.head.path("models/bundle").rglob("*") if path.is_file()]
    weight = sum(path.stat().st_size for path in files)
    figures = {"allowed": allowed, "bytes": weight}
    if not files:
        raise NoFigure("the bundle is empty", where=str(case.head))
    reason = f"{weight:,} bytes, of {allowed:,} allowed"
    return Pass(reason, figures) if weight <= allowed else Failure(reason, figures)
