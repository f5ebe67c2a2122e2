"""Both models' curves over one another, on the rows that both answered.

Why so: docs/decisions.md#d38
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.evaluation import curves
from perennial.evaluation.metrics.binary import BinaryScores
from perennial.review.compare.report import Models, Report
from perennial.review.report.drawing import Chart

Array = NDArray[Any]
Row = dict[str, Any]
Columns = dict[str, Array]
Curve = Callable[[Array, Array], Columns]

#: Distinct to people of any colour vision, and on paper: by lightness and breadth too.
GREY, BLUE, FAINT = "#a8a8a8", "#1f5fa8", "#cccccc"

#: Points of a curve, and bars of a histogram.
POINTS, BINS = 400, 25

#: Classes that get a panel of their own; of more, those with the most rows.
PANELS = 6


@dataclass(frozen=True)
class _Side:
    """One of the two revisions: what it is called beside a curve, and its scorer."""

    label: str
    scorer: Any


@dataclass(frozen=True)
class _Axes:
    """A kind of curve: its file, its titles, and the columns that it draws."""

    name: str
    title: str
    better: str
    x: tuple[str, str]
    y: tuple[str, str]


_ROC = _Axes(
    "roc", "ROC", "nearer the upper left corner is better",
    ("false_positive_rate", "False positive rate"), ("true_positive_rate", "True positive rate"),
)  # fmt: skip
_PR = _Axes(
    "precision_recall", "Precision and recall", "nearer the upper right corner is better",
    ("recall", "Recall"), ("precision", "Precision"),
)  # fmt: skip
_CALIBRATION = _Axes(
    "calibration", "Calibration", "nearer the dashed line is better",
    ("predicted", "Mean prediction"), ("observed", "Observed share"),
)  # fmt: skip
_TRUTH = replace(_CALIBRATION, y=("actual", "Observed mean"))


def charts(report: Report) -> list[Chart]:
    """The plots that the task has.

    None where the models could not answer the same rows, or where these are all of one class.
    """
    if report.models is None or len(np.unique(report.models.answers.sample.target)) < 2:
        return []
    task = report.models.answers.contract.task
    by_task = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}
    return by_task[task](report.models, (f"base: {report.base}", f"head: {report.head}"))


def _sides(models: Models, names: tuple[str, str], metric: str = "") -> list[_Side]:
    """Base and head, each with its value of a metric in its label."""
    item = models.evidence.differences.get(metric)
    values = [f", {metric} {value:.4f}" for value in (item.base, item.head)] if item else ["", ""]
    answers = models.answers
    return [
        _Side(names[0] + values[0], answers.base),
        _Side(names[1] + values[1], answers.head),
    ]


def _binary(models: Models, names: tuple[str, str]) -> list[Chart]:
    area, precise, calibrated = (
        _sides(models, names, metric)
        for metric in ("roc_auc", "average_precision", "calibration_error")
    )
    rate = _short(models.answers.sample.target.mean())
    chance = replace(_PR, better=f"{_PR.better}; dashed: chance")
    return [
        _curve(_ROC, area, _rows(area, _ROC, _roc), ((0, 0), (1, 1))),
        _curve(chance, precise, _rows(precise, _PR, _precision_recall), ((0, rate), (1, rate))),
        _calibration(calibrated, _rows(calibrated, _CALIBRATION, curves.calibration)),
        _binary_scores(_sides(models, names), models.answers.contract),
    ]


def _rows(sides: list[_Side], axes: _Axes, curve: Curve, panel: str = "") -> list[Row]:
    return [
        row
        for side in sides
        for row in _points(side, axes, curve(side.scorer.target, side.scorer.probability), panel)
    ]


def _roc(target: Array, probability: Array) -> Columns:
    return curves.roc(target, probability, points=POINTS)


def _precision_recall(target: Array, probability: Array) -> Columns:
    """Without the first point, which is a convention and draws a cliff."""
    columns = curves.precision_recall(target, probability, points=POINTS)
    return {name: values[1:] for name, values in columns.items()}


def _points(side: _Side, axes: _Axes, columns: Columns, panel: str = "") -> Iterator[Row]:
    yield from _drawn(side, columns[axes.x[0]], columns[axes.y[0]], panel)


def _drawn(side: _Side, xs: Array, ys: Array, panel: str) -> Iterator[Row]:
    for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
        yield {"model": side.label, "x": _short(x), "y": _short(y), "n": number, "panel": panel}


def _short(value: float) -> float:
    """Five digits: finer than a pixel, and a page stays small."""
    return float(f"{value:.5g}")


def _calibration(
    sides: list[_Side], rows: list[Row], panels: Sequence[str] = (), axes: _Axes = _CALIBRATION
) -> Chart:
    values = [row[key] for row in rows for key in ("x", "y")]
    low, high = (0.0 if axes is _CALIBRATION else min(values)), max(values)
    scale = {"domain": [low, high], "nice": True}
    return _curve(axes, sides, rows, ((low, low), (high, high)), panels, dots=True, scale=scale)


def _binary_scores(sides: list[_Side], contract: Any) -> Chart:
    highest = max(side.scorer.probability.max() for side in sides)
    edges = np.linspace(0, highest or 1, BINS + 1)
    panels = [f"{contract.target}: {name}" for name in reversed(contract.classes)]
    rows = [
        row
        for side in sides
        for panel, truth in zip(panels, (True, False), strict=True)
        for row in _steps(side, side.scorer.probability[side.scorer.target == truth], edges, panel)
    ]
    better = "the farther apart the two panels lie, the better"
    return _histogram("scores", "Scores", better, "Probability answered", sides, rows, panels)


def _steps(side: _Side, values: Array, edges: Array, panel: str = "") -> Iterator[Row]:
    """A histogram's outline, as shares of the rows."""
    shares = np.histogram(values, edges)[0] / max(1, len(values))
    yield from _drawn(side, edges, np.append(shares, shares[-1]), panel)


def _multiclass(models: Models, names: tuple[str, str]) -> list[Chart]:
    contract, sides = models.answers.contract, _sides(models, names)
    panels = {
        f"{contract.target}: {contract.classes[code]}": _against_rest(sides, code)
        for code in _most_frequent(models.answers.sample.target, len(contract.classes))
    }

    def of_each(axes: _Axes, curve: Curve) -> list[Row]:
        return [
            row for panel, rest in panels.items() for row in _rows(rest, axes, curve, panel)
        ]  # fmt: skip

    return [
        _curve(_ROC, sides, of_each(_ROC, _roc), ((0, 0), (1, 1)), list(panels)),
        _curve(_PR, sides, of_each(_PR, _precision_recall), (), list(panels)),
        _calibration(sides, of_each(_CALIBRATION, curves.calibration), list(panels)),
        _true_class_scores(_sides(models, names, "log_loss")),
    ]


def _most_frequent(target: Array, classes: int) -> list[int]:
    """Classes that some rows have and others lack, `PANELS` at most, in the contract's order."""
    counts = np.bincount(target, minlength=classes)
    usable = [code for code in range(classes) if 0 < counts[code] < len(target)]
    return sorted(sorted(usable, key=lambda code: -counts[code])[:PANELS])


def _against_rest(sides: list[_Side], code: int) -> list[_Side]:
    return [
        _Side(side.label, BinaryScores(side.scorer.target == code, chance[:, code], 0.5))
        for side, chance in ((side, side.scorer.probability) for side in sides)
    ]


def _true_class_scores(sides: list[_Side]) -> Chart:
    edges = np.linspace(0, 1, BINS + 1)
    rows = [
        row
        for side in sides
        for given in (side.scorer.probability[np.arange(side.scorer.rows), side.scorer.target],)
        for row in _steps(side, given, edges)
    ]
    measured = "Probability of the true class"
    return _histogram("scores", "Scores", "farther to the right is better", measured, sides, rows)


def _regression(models: Models, names: tuple[str, str]) -> list[Chart]:
    sides = _sides(models, names, "rmse")
    tenths = [
        row
        for side in sides
        for row in _points(
            side,
            _TRUTH,
            curves.regression_calibration(side.scorer.target, side.scorer.prediction),
        )
    ]
    residuals = [side.scorer.prediction - side.scorer.target for side in sides]
    edges = np.histogram_bin_edges(np.concatenate(residuals), BINS)
    steps = [
        row
        for side, values in zip(sides, residuals, strict=True)
        for row in _steps(side, values, edges)
    ]
    better, measured = "narrower, and nearer 0, is better", "Prediction less truth"
    return [
        _calibration(sides, tenths, axes=_TRUTH),
        _histogram("residuals", "Residuals", better, measured, sides, steps),
    ]


def _curve(
    axes: _Axes,
    sides: list[_Side],
    rows: list[Row],
    dashed: Sequence[tuple[float, float]],
    panels: Sequence[str] = (),
    *,
    dots: bool = False,
    scale: dict[str, Any] | None = None,
) -> Chart:
    kind = {"type": "quantitative", "scale": scale or {"domain": [0, 1]}}
    place = {
        "x": {**kind, "field": "x", "title": axes.x[1]},
        "y": {**kind, "field": "y", "title": axes.y[1]},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"x": x, "y": y} for x, y in dashed]},
            "mark": {"type": "line", "color": FAINT, "strokeDash": [4, 4]},
            "encoding": place,
        },
        {
            "mark": {"type": "line", "point": {"size": 30} if dots else False},
            "encoding": {**place, **_looks(sides)},
        },
    ]
    return _chart(axes.name, axes.title, axes.better, rows, layers, panels)


def _histogram(
    name: str,
    title: str,
    better: str,
    measured: str,
    sides: list[_Side],
    rows: list[Row],
    panels: Sequence[str] = (),
) -> Chart:
    kind = {"type": "quantitative"}
    encoding = {
        "x": {**kind, "field": "x", "title": measured, "scale": {"nice": False}},
        "y": {**kind, "field": "y", "title": "Share of rows", "axis": {"format": "%"}},
        **_looks(sides),
    }
    layers = [{"mark": {"type": "line", "interpolate": "step-after"}, "encoding": encoding}]
    return _chart(name, title, better, rows, layers, panels, columns=1)


def _looks(sides: list[_Side]) -> dict[str, Any]:
    """The head's thin line over the base's broad one: where they agree, both are seen."""
    names = [side.label for side in sides]
    model = {"field": "model", "type": "nominal"}
    return {
        "color": {**model, "scale": {"domain": names, "range": [GREY, BLUE]}},
        "strokeWidth": {**model, "scale": {"domain": names, "range": [4, 1.75]}},
        "order": {"field": "n"},
    }


def _chart(
    name: str,
    title: str,
    better: str,
    rows: list[Row],
    layers: list[dict[str, Any]],
    panels: Sequence[str],
    columns: int = 2,
) -> Chart:
    """One panel, or one for each name, in so many columns."""
    whole = {"title": {"text": title, "subtitle": better}, "data": {"values": rows}}
    if not panels:
        return Chart(name, title, {**whole, "width": 320, "height": 260, "layer": layers})
    size = {"width": 320, "height": 110} if columns == 1 else {"width": 140, "height": 140}
    spec = {
        **whole,
        "columns": columns,
        "resolve": {"axis": {"x": "shared" if columns == 1 else "independent"}},
        "facet": {"field": "panel", "type": "nominal", "sort": list(panels)},
        "spec": {**size, "layer": layers},
    }
    return Chart(name, title, spec)
