"""The model card: computed facts, in the sections that the field expects.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019), as far as they
can be filled with what was computed: no sentence here is an opinion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def model_card(
    manifest: dict[str, Any],
    figures: dict[str, Any],
    data: dict[str, Any],
    training: dict[str, Any],
) -> str:
    """The card as Markdown, of the manifest and of `metrics/{card,data,train}.json`."""
    detail, slices = figures["detail"], figures["slices"]
    confidence = detail[0]["confidence"]
    sections = (
        _details(manifest, training),
        _use(manifest),
        _data(manifest, data),
        _metrics(detail, confidence),
        _slices(slices, detail, confidence),
        _columns(manifest, data),
        _sensitive(manifest),
        _limits(data, slices, training),
        _again(manifest),
    )
    return "\n".join(sections)


def _details(manifest: dict[str, Any], training: dict[str, Any]) -> str:
    facts = [
        ("Task", manifest["task"]),
        ("Target", manifest["target"]),
        ("Classes", ", ".join(str(name) for name in manifest["classes"]) or "none (a regression)"),
        ("Threshold", _figure(manifest["threshold"]) + _promise(training)),
        ("Estimator", f"`{training['estimator']}`"),
        ("Engine", _engine(manifest)),
        ("Calibration", training["calibration"]),
        ("To be signed by", manifest["public_key"] or "nobody named"),
        ("Packages", ", ".join(f"{k} {v}" for k, v in manifest["packages"].items())),
    ]
    about = f"{manifest['description']}\n\n" if manifest["description"] else ""
    return f"# {manifest['name']}\n\n{about}## Model details\n\n{_table(('', ''), facts)}"


def _promise(training: dict[str, Any]) -> str:
    policy = training.get("promise")
    if policy is None:
        return ""
    return (
        f", for a {policy['method'].removesuffix('_at')} of {policy['value']:g} or more with "
        f"{_percent(policy['confidence'])} confidence on rows like those of validation, taken as "
        "independent of each other"
    )


def _engine(manifest: dict[str, Any]) -> str:
    only = ", for `perennial score` and not for a service" if "trusted" in manifest else ""
    return f"{manifest['engine']}{only}; needs `{manifest['requires']}`"


def _use(manifest: dict[str, Any]) -> str:
    target, classes = manifest["target"], manifest["classes"]
    meaning = manifest["columns"][target]["description"]
    parts = [f"It answers with the {'class' if classes else 'value'} of `{target}`"]
    parts.append(" and the probability of each.\n" if classes else ".\n")
    if meaning:
        parts.append(f"\n> {_cell(meaning)}\n")
    if manifest["threshold"] is not None:
        parts.append(
            f"\nThe class is {classes[-1]} where its probability is at least "
            f"{_figure(manifest['threshold'])}, and {classes[0]} elsewhere.\n"
        )
    parts.append(
        "\nIt is asked the raw values of the features listed below, for rows of the kind that it "
        "was tested on. How well it answers other rows was not measured.\n\n"
        "```python\nfrom perennial.bundle.bundle import load\n\n"
        'load("models/bundle").predict(rows)\n```\n'
    )
    return "## Intended use\n\n" + "".join(parts)


def _data(manifest: dict[str, Any], data: dict[str, Any]) -> str:
    rows, labels, time = data["rows"], data["labels"], data["time"]
    names = list(labels["train"])
    head = ("Side", "Rows", *(("From", "To") if time else ()), *(_label(name) for name in names))
    sides = [
        (
            side,
            f"{rows[side]:,}",
            *(time[side][end] for end in ("first", "last") if time),
            *(_figure(labels[side][name]) for name in names),
        )
        for side in ("train", "validation", "test")
        if rows[side]
    ]
    checks = [
        (check["code"], check["title"], check["status"], check.get("reason", ""))
        for check in data["checks"]
    ]
    return (
        f"## Data\n\n{_table(head, sides)}\n{_rows_left_out(manifest, data)}\n\n"
        f"### Checks for leaks\n\n{_table(('Code', 'What it looks for', 'Status', ''), checks)}"
    )


def _rows_left_out(manifest: dict[str, Any], data: dict[str, Any]) -> str:
    rows = data["rows"]
    reasons = ", ".join(
        f"{column} {reason} {count:,}"
        for column, counts in data["rejects"].items()
        for reason, count in counts.items()
    )
    return (
        f"Of {rows['raw']:,} raw rows, {rows['rejected']:,} broke the contract and were rejected"
        + (f" ({reasons}); " if reasons else "; ")
        + f"{rows['unlabelled']:,} had no `{manifest['target']}`."
    )


def _label(name: str) -> str:
    return name if name in {"mean", "std"} else f"Share {name}"


def _metrics(detail: list[dict[str, Any]], confidence: float) -> str:
    head = ("Metric", "Value", f"{_percent(confidence)} interval", "Linear", "Constant", "Better")
    rows = [
        (
            row["metric"],
            _figure(row["value"]),
            _span(row),
            _figure(row["linear"]),
            _figure(row["dummy"]),
            row["better"],
        )
        for row in detail
    ]
    title = "## Metrics\n\nOn the test rows, beside a linear and a constant model."
    said = "".join(f"\n- {line}" for line in _notes(detail))
    notes = f"\n{said}\n" if said else ""
    return f"{title}\n\n{_table(head, rows)}\n{_beside_linear(detail)}\n{notes}"


def _span(row: dict[str, Any]) -> str:
    if row.get("low") is None:
        return str(row.get("why_not") or "-")
    warned = "*" if "warning" in row else ""
    return f"{_figure(row['low'])} to {_figure(row['high'])}{warned}"


def _notes(detail: list[dict[str, Any]]) -> Iterator[str]:
    """What is said of metrics beside their figures; those of which the same is said together."""
    by_text: dict[str, list[str]] = {}
    for row in detail:
        for text in (f"\\* {row['warning']}" if "warning" in row else "", row.get("remark", "")):
            if text:
                by_text.setdefault(text, []).append(row["metric"])
    yield from (f"{text} ({', '.join(names)})." for text, names in by_text.items())


def _beside_linear(detail: list[dict[str, Any]]) -> str:
    groups: dict[str, list[str]] = {
        "The whole interval is better than the linear model in": [],
        "The whole interval is worse than the linear model in": [],
        "It holds the linear model's figure in": [],
    }
    better, worse, level = groups.values()
    for row in detail:
        if row["low"] is None or row["linear"] is None:
            continue
        compared = row, row["linear"], row["better"]
        group = better if _is_better(*compared) else worse if _is_worse(*compared) else level
        group.append(row["metric"])
    return " ".join(f"{what}: {', '.join(names)}." for what, names in groups.items() if names)


def _is_better(interval: dict[str, Any], other: float, better: str) -> bool:
    low, high, other = _oriented(interval, other, better)
    return bool(low > other if better == "up" else high < other)


def _is_worse(interval: dict[str, Any], other: float, better: str) -> bool:
    low, high, other = _oriented(interval, other, better)
    return bool(high < other if better == "up" else low > other)


def _oriented(interval: dict[str, Any], other: float, better: str) -> tuple[float, float, float]:
    """An interval and a figure; where better is nearer to zero, their distances from it."""
    low, high = interval["low"], interval["high"]
    if better != "zero":
        return low, high, other
    return max(low, -high, 0.0), max(-low, high), abs(other)


def _slices(slices: list[dict[str, Any]], detail: list[dict[str, Any]], confidence: float) -> str:
    if not slices:
        return "## Slices\n\nNo feature has few enough values.\n"
    head = ("Column", "Slice", "Rows", "Metric", "Value", f"{_percent(confidence)} interval")
    rows = [
        (
            part["column"],
            part["slice"],
            f"{part['rows']:,}",
            part["metric"],
            _figure(part.get("value")),
            _span(part),
        )
        for part in slices
    ]
    warned = any("warning" in part for part in slices)
    note = "\n\\* Its interval is not to be trusted.\n" if warned else ""
    return f"## Slices\n\n{_table(head, rows)}\n{_weak(slices, detail)}\n{note}"


def _weak(slices: list[dict[str, Any]], detail: list[dict[str, Any]]) -> str:
    whole = {row["metric"]: row for row in detail}
    weak = [
        f"{part['column']} {part['slice']}"
        for part in slices
        if part.get("low") is not None
        and whole[part["metric"]]["value"] is not None
        and _is_worse(part, whole[part["metric"]]["value"], whole[part["metric"]]["better"])
    ]
    if not weak:
        return "No slice's whole interval is worse than the figure of all test rows."
    return f"The whole interval is worse than the figure of all test rows in: {', '.join(weak)}."


def _columns(manifest: dict[str, Any], data: dict[str, Any]) -> str:
    missing = data["missing"]
    head = ("Column", "Type", "Unit", "May be missing", "Missing in train", "Sensitive", "Meaning")
    rows = [
        (
            name,
            column["type"],
            column["unit"],
            "yes" if column["missing"] else "no",
            f"{missing[name]['train']:.2%}" if name in missing else "-",
            "yes" if column["sensitive"] else "no",
            column["description"],
        )
        for name, column in ((name, manifest["columns"][name]) for name in manifest["features"])
    ]
    return f"## Features\n\n{_table(head, rows)}"


def _sensitive(manifest: dict[str, Any]) -> str:
    marked = [name for name, column in manifest["columns"].items() if column["sensitive"]]
    used = [name for name in marked if name in manifest["features"]]
    unused = [name for name in marked if name not in manifest["features"]]
    text = (
        f"The model looks at columns that the contract marks as sensitive: {', '.join(used)}. "
        "No row's value in them is in this bundle; the categories that the model knows are."
        if used
        else "The model looks at no column that the contract marks as sensitive."
    )
    text += f" Marked so, and not looked at: {', '.join(unused)}." if unused else ""
    return f"## Ethical considerations\n\n{text}\n"


def _limits(data: dict[str, Any], slices: list[dict[str, Any]], training: dict[str, Any]) -> str:
    parity, labels, checks = training["parity"], data["labels"], data["checks"]
    moved = ", ".join(
        f"{_label(name).lower()} {_figure(labels['train'][name])} in train and "
        f"{_figure(labels['test'][name])} in test"
        for name in labels["train"]
    )
    named = {
        "Slices too small to judge": [
            f"{part['column']} {part['slice']}" for part in slices if "why_not" in part
        ],
        "Checks for leaks that found something": _codes(checks, "finding"),
        "Checks for leaks that did not apply": _codes(checks, "not applicable"),
    }
    proof = (
        f"The compiled model was compared with the fitted one on {parity['rows']:,} rows, made to "
        f"tell them apart among them: {parity['labels']} labels differed, within a tolerance of "
        f"{parity['tolerance']}."
    )
    lines = [
        "The figures hold for rows like the test rows; a world that changes makes them old.",
        f"The target moved as far as this already: {moved}.",
        "A category that training never saw counts as missing.",
        proof,
    ]
    lines += [f"{what}: {', '.join(names)}." for what, names in named.items() if names]
    return "## Limits\n\n" + "".join(f"- {line}\n" for line in lines)


def _codes(checks: list[dict[str, Any]], status: str) -> list[str]:
    return [check["code"] for check in checks if check["status"] == status]


def _again(manifest: dict[str, Any]) -> str:
    files = _table(
        ("Made from", "SHA-256"), [(k, f"`{v}`") for k, v in sorted(manifest["data"].items())]
    )
    return (
        "## How to reproduce\n\n"
        "Check out the commit whose `dvc.lock` has this bundle's hash, and run `make repro`: the "
        f"same bytes come out.\n\n{files}"
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
