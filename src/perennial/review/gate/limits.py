"""Rules on the model by itself: floors, ceilings and ranges of the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perennial.evaluation.metrics.definition import Metric
from perennial.review.gate.case import Case, NoFigure
from perennial.review.gate.definition import Answer
from perennial.review.gate.reports import SIDES, data_figures
from perennial.review.params.gate import Range

CALIBRATION = "calibration_error"


def judge_limits(case: Case) -> Answer:
    """Judge the head's metrics by `gate.floors` and `gate.ceilings`."""
    floors, ceilings = case.policy.floors, case.policy.ceilings
    if not floors and not ceilings:
        return Answer("not applicable", "the policy names no floor and no ceiling")
    breaches = [
        *past_floors(floors, case.own.metrics, case.own.values),
        *past_ceilings(ceilings, case.own.metrics, case.own.values),
    ]
    values = {name: case.own.values.get(name) for name in sorted({*floors, *ceilings})}
    figures = {"floors": floors, "ceilings": ceilings, "values": values}
    if breaches:
        return Answer("fail", "; ".join(breaches), figures)
    told = ", ".join(f"{name} {value:.4f}" for name, value in values.items() if value is not None)
    return Answer("pass", told, figures)


def past_floors(
    floors: Mapping[str, float], metrics: Sequence[Metric], values: Mapping[str, float]
) -> Iterator[str]:
    """Find metrics below their floors."""
    directions = {metric.name: metric.direction for metric in metrics}
    for name, floor in floors.items():
        value = values.get(name)
        if name not in directions:
            yield f"the task has no metric {name}"
        elif directions[name] != "up":
            yield f"of {name}, less is better: it goes under gate.ceilings"
        elif value is None:
            yield f"{name} has no value on these rows"
        # Not `value < floor`, which NaN would pass.
        elif not value >= floor:
            yield f"{name} {value:.4f} lies below its floor {floor:g}"


def past_ceilings(
    ceilings: Mapping[str, float], metrics: Sequence[Metric], values: Mapping[str, float]
) -> Iterator[str]:
    """Find metrics above their ceilings; parameters and result as for `past_floors`."""
    directions = {metric.name: metric.direction for metric in metrics}
    for name, ceiling in ceilings.items():
        value = values.get(name)
        if name not in directions:
            yield f"the task has no metric {name}"
        elif directions[name] == "up":
            yield f"of {name}, more is better: it goes under gate.floors"
        elif value is None:
            yield f"{name} has no value on these rows"
        elif not abs(value) <= ceiling:
            yield f"{name} {value:.4f} lies above its ceiling {ceiling:g}"


def judge_calibration(case: Case) -> Answer:
    """Judge the head's calibration error by `gate.max_calibration_error`."""
    ceiling = case.policy.max_calibration_error
    if ceiling is None:
        return Answer("not applicable", "the policy names no gate.max_calibration_error")
    breaches = list(past_ceilings({CALIBRATION: ceiling}, case.own.metrics, case.own.values))
    value = case.own.values.get(CALIBRATION)
    figures = {"ceiling": ceiling, "value": value}
    if breaches:
        return Answer("fail", breaches[0], figures)
    return Answer("pass", f"{value:.4f}, of {ceiling:g} allowed", figures)


def judge_labels(case: Case) -> Answer:
    """Judge the label rates of every side by `gate.label_rate`."""
    allowed = case.policy.label_rate
    if allowed is None:
        return Answer("not applicable", "the policy names no gate.label_rate")
    found = data_figures(case)["labels"]
    rates = {
        f"{side}, {name}": rate
        for side in SIDES
        for name, rate in found.get(side, {}).items()
        # A regression's labels have a spread beside their mean.
        if case.contract.classes or name == "mean"
    }
    empty = [side for side in SIDES if side not in found]
    breaches = [f"{side} has no row" for side in empty] + outside(rates, allowed)
    return _ranged(breaches, rates, allowed)


def judge_rejects(case: Case) -> Answer:
    """Judge the share of rejected rows by `gate.reject_share`."""
    allowed = case.policy.reject_share
    if allowed is None:
        return Answer("not applicable", "the policy names no gate.reject_share")
    rows = data_figures(case)["rows"]
    if not rows["raw"]:
        raise NoFigure("there is no raw row", where=str(case.head))
    shares = {"rejected": rows["rejected"] / rows["raw"]}
    return _ranged(outside(shares, allowed), shares, allowed)


def outside(values: Mapping[str, float], allowed: Range) -> list[str]:
    """Find values out of a range.

    Examples
    --------
    >>> outside({"test": 0.5, "train": 0.2}, Range(high=0.4))
    ['test is 0.5, above 0.4']
    """
    told = []
    for name, value in values.items():
        if allowed.low is not None and not value >= allowed.low:
            told.append(f"{name} is {value:.6g}, below {allowed.low:g}")
        if allowed.high is not None and not value <= allowed.high:
            told.append(f"{name} is {value:.6g}, above {allowed.high:g}")
    return told


def _ranged(breaches: list[str], values: Mapping[str, float], allowed: Range) -> Answer:
    figures: dict[str, Any] = {"allowed": allowed.model_dump(), "values": dict(values)}
    if breaches:
        return Answer("fail", "; ".join(breaches), figures)
    return Answer("pass", f"{_span(values)} {_bounds(allowed)}", figures)


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
    """Judge the bundle's weight by `gate.max_bundle_bytes`."""
    allowed = case.policy.max_bundle_bytes
    if allowed is None:
        return Answer("not applicable", "the policy names no gate.max_bundle_bytes")
    files = [path for path in case.head.path("models/bundle").rglob("*") if path.is_file()]
    weight = sum(path.stat().st_size for path in files)
    figures = {"allowed": allowed, "bytes": weight}
    if not files:
        raise NoFigure("the bundle is empty", where=str(case.head))
    told = f"{weight:,} bytes, of {allowed:,} allowed"
    return Answer("pass" if weight <= allowed else "fail", told, figures)
