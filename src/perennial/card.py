"""The model card: computed facts, in the sections that the field expects (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def model_card(
    manifest: dict[str, Any],
    metrics: dict[str, Any],
    slices: list[dict[str, Any]],
    data: dict[str, Any],
    training: dict[str, Any],
    confidence: float,
) -> str:
    """Write the card.

    Parameters
    ----------
    manifest : dict
        The bundle's manifest.
    metrics, slices, data, training : dict or list
        Contents of `metrics/evaluate.json`, `slices.json`, `data.json` and `train.json`.
    confidence : float
        Of the intervals.

    Returns
    -------
    str
        Markdown.
    """
    sections = (
        _details(manifest, training),
        _data(data),
        _metrics(metrics, confidence),
        _slices(slices, confidence),
        _columns(manifest),
        _limits(manifest, training),
        _again(),
    )
    return "\n".join(sections)


def _details(manifest: dict[str, Any], training: dict[str, Any]) -> str:
    facts = [
        ("Task", manifest["task"]),
        ("Target", manifest["target"]),
        ("Classes", ", ".join(str(name) for name in manifest["classes"]) or "none (a regression)"),
        ("Threshold", _figure(manifest["threshold"])),
        ("Estimator", f"`{training['estimator']}`"),
        ("Engine", _engine(manifest)),
        ("Calibration", training["calibration"]),
        ("Packages", ", ".join(f"{k} {v}" for k, v in manifest["packages"].items())),
    ]
    about = f"{manifest['description']}\n\n" if manifest["description"] else ""
    return f"# {manifest['name']}\n\n{about}## Model details\n\n{_table(('', ''), facts)}"


def _engine(manifest: dict[str, Any]) -> str:
    only = ", for `perennial score` and not for a service" if "trusted" in manifest else ""
    return f"{manifest['engine']}{only}; needs `{manifest['requires']}`"


def _data(data: dict[str, Any]) -> str:
    rows = [(side, f"{count:,}") for side, count in data["rows"].items()]
    table = _table(("Side", "Rows"), rows)
    return f"## Data\n\nRows of each side of the split, and those that took no side.\n\n{table}"


def _metrics(metrics: dict[str, Any], confidence: float) -> str:
    head = ("Metric", "Value", f"{_percent(confidence)} interval", "Linear", "Constant", "Better")
    rows = [
        (
            row["metric"],
            _figure(row["value"]),
            f"{_figure(row['low'])} to {_figure(row['high'])}",
            _figure(row["linear"]),
            _figure(row["dummy"]),
            row["better"],
        )
        for row in metrics["detail"]
    ]
    title = "## Metrics\n\nOn the test rows, beside a linear and a constant model."
    return f"{title}\n\n{_table(head, rows)}"


def _slices(slices: list[dict[str, Any]], confidence: float) -> str:
    if not slices:
        return "## Slices\n\nNone were asked for.\n"
    head = ("Column", "Slice", "Rows", "Metric", "Value", f"{_percent(confidence)} interval")
    rows = [
        (
            part["column"],
            part["slice"],
            f"{part['rows']:,}",
            part["metric"],
            _figure(part.get("value")),
            part.get("why_not") or f"{_figure(part['low'])} to {_figure(part['high'])}",
        )
        for part in slices
    ]
    return f"## Slices\n\n{_table(head, rows)}"


def _columns(manifest: dict[str, Any]) -> str:
    head = ("Column", "Type", "Unit", "May be missing", "Sensitive", "Meaning")
    rows = [
        (
            name,
            column["type"],
            column["unit"],
            "yes" if column["missing"] else "no",
            "yes" if column["sensitive"] else "no",
            column["description"],
        )
        for name, column in ((name, manifest["columns"][name]) for name in manifest["features"])
    ]
    return f"## Features\n\n{_table(head, rows)}"


def _limits(manifest: dict[str, Any], training: dict[str, Any]) -> str:
    parity = training["parity"]
    return (
        "## Limits\n\n"
        "The figures hold for rows like the test rows; a world that changes makes them old. "
        "A category that training never saw counts as missing.\n\n"
        f"The compiled model was compared with the fitted one on {parity['rows']:,} rows, made to "
        f"tell them apart among them: {parity['labels']} labels differed, within a tolerance of "
        f"{parity['tolerance']}.\n"
    )


def _again() -> str:
    return (
        "## How to reproduce\n\n"
        "Check out the commit whose `dvc.lock` has this bundle's hash, and run `make repro`: the "
        "same bytes come out.\n"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return (
        "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"
    )


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
