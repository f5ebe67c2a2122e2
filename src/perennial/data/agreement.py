"""Whether `params.yaml` and the contract are right, and right for each other, before anything runs.

A repository that gets another table keeps the values of the one before: slices of columns that are
gone, floors of metrics that the task does not have, the other model's name. Every such fault of
both files is listed at once, each with its line.

Why so: docs/decisions.md#d3, docs/decisions.md#d89
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from perennial.data.contract import Column, Contract
from perennial.params import paths, yamlfile
from perennial.params.build import OTHERS, BuildParams
from perennial.params.export import Export
from perennial.params.metrics import DIRECTIONS
from perennial.params.prepare import ColumnSplit
from perennial.params.train import MaxF1Threshold
from perennial.runtime.errors import PerennialError, listed

#: A key of `params.yaml`, with dots, and what is wrong with its value.
Fault = tuple[str, str]

#: What a table's own values may be: all that a new table has no use for.
_OWN = (
    "collect.since",
    "collect.until",
    "evaluate.primary",
    "evaluate.slices",
    "gate.floors",
    "gate.ceilings",
    "gate.label_rate",
)


def refuse_faults(root: Path = Path()) -> None:
    """Raise a `PerennialError` that lists every fault of a checkout's two files, with its line."""
    params, contract = (yamlfile.load(root / path) for path in (paths.PARAMS, paths.CONTRACT))
    by_file = {
        paths.PARAMS: [
            *yamlfile.faults(BuildParams, _of_stages(params)),
            *_unfit(params, contract),
        ],
        paths.CONTRACT: yamlfile.faults(Contract, contract),
    }
    breaches = [
        f"{path}, line {yamlfile.line_of((root / path).read_bytes(), key)}: {what}"
        for path, faults in by_file.items()
        for key, what in faults
    ]
    if breaches:
        wrong = [path for path, faults in by_file.items() if faults]
        pages = ", ".join(f"docs/reference/{path.stem}.md" for path in wrong)
        raise PerennialError(
            f"{len(breaches)} wrong:{listed(breaches)}",
            where=" and ".join(map(str, wrong)),
            hint=f"correct them; every key is explained in {pages}",
        )


def _of_stages(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in OTHERS}


def _unfit(document: Mapping[str, Any], contract: Mapping[str, Any]) -> list[Fault]:
    """What in the sound sections does not fit the contract, where that is sound itself."""
    if yamlfile.faults(Contract, contract):
        return []
    known = Contract.model_validate(contract)
    sections = _of_stages(document)
    wrong = {key.partition(".")[0] for key, _ in yamlfile.faults(BuildParams, sections)}
    sound = {name: value for name, value in sections.items() if name not in wrong}
    build = BuildParams.model_validate(sound)
    # Of a section that is wrong nothing is known but that.
    faults = [
        *_csv(build, known),
        *_split(build, known),
        *_training(build, known),
        *_slices(build, known),
        *_metrics(build.evaluate.primary, document.get("gate"), known),
        *_name(build, document, known),
    ]
    return [(key, f"{key}: {what}") for key, what in faults if key.partition(".")[0] not in wrong]


def _split(build: BuildParams, contract: Contract) -> Iterator[Fault]:
    method, period = build.prepare.split.method, build.collect.period
    if period != "all" and contract.only("time") is None:
        what = f"{period} goes by the column of role time, and the contract has none; "
        yield "collect.period", what + "set it to all, or give a datetime column that role"
    if method == "time" and period == "all":
        what = "time holds out whole periods, and collect.period: all makes one of all rows; "
        yield "prepare.split.method", what + "choose another method, or a length of periods"
    elif method in {"time", "id", "group"} and contract.only(method) is None:
        what = f"{method} goes by the column of role {method}, and the contract has none; "
        yield "prepare.split.method", what + "choose another method, or give a column that role"
    if isinstance(build.prepare.split, ColumnSplit):
        name = build.prepare.split.name
        problem = _no_split(contract.columns.get(name))
        if problem:
            hint = f"declare {name}: {{type: category, role: ignored}}, or name another"
            yield "prepare.split.name", f"{name} {problem}; {hint}"


def _no_split(column: Column | None) -> str:
    if column is None:
        return "is no column of the contract"
    if column.role in {"feature", "target"}:
        return f"is the {column.role}, and no model may see who tests it"
    return "" if column.type in {"category", "text"} else f"is of type {column.type}, and no text"


def _csv(build: BuildParams, contract: Contract) -> Iterator[Fault]:
    for name in build.collect.csv.columns:
        if name not in contract.columns:
            hint = f"remove it, or name one of {', '.join(contract.columns)}"
            yield f"collect.csv.columns.{name}", f"no column of the contract; {hint}"


def _training(build: BuildParams, contract: Contract) -> Iterator[Fault]:
    train, target = build.train, contract.target
    if contract.task == "regression" and train.calibration != "none":
        what = f"{train.calibration} corrects probabilities, and the target {target} is a number"
        yield "train.calibration", f"{what}; remove it"
    # The default stands in many a file, and says nothing there.
    if contract.task != "binary" and not isinstance(train.threshold, MaxF1Threshold):
        count = len(contract.classes) or "none"
        what = f"{train.threshold.method} chooses between two classes, and the target {target} has"
        yield "train.threshold", f"{what} {count}; remove it"


def _slices(build: BuildParams, contract: Contract) -> Iterator[Fault]:
    for place, name in enumerate(build.evaluate.slices):
        column = contract.columns.get(name)
        if column is None:
            what = "is no column of the contract"
        elif name not in contract.features:
            what = f"is no feature, its role is {column.role}"
        elif column.type in {"text", "datetime"}:
            what = f"is of type {column.type}"
        else:
            continue
        hint = "remove it, or name features of type category, boolean, number or integer"
        yield f"evaluate.slices.{place}", f"{name} {what}; {hint}"


def _metrics(primary: str | None, gate: Any, contract: Contract) -> Iterator[Fault]:
    """Metrics that the task does not have, or that stand under the wrong key."""
    task, directions = contract.task, DIRECTIONS[contract.task]
    instead = f"{contract.target} makes a {task} task, whose metrics are {', '.join(directions)}"
    if primary is not None and primary not in directions:
        yield "evaluate.primary", f"no metric {primary}: {instead}"
    policy = gate if isinstance(gate, dict) else {}
    for key, other, is_floor in (("floors", "ceilings", True), ("ceilings", "floors", False)):
        limits = policy.get(key)
        for name in limits if isinstance(limits, dict) else ():
            if name not in directions:
                yield f"gate.{key}.{name}", f"no metric {name}: {instead}"
            elif (directions[name] == "up") != is_floor:
                yield f"gate.{key}.{name}", f"it goes under gate.{other}"
    if policy.get("max_calibration_error") is not None and task != "binary":
        what = f"a {task} task has no calibration error; remove it, or use gate.ceilings"
        yield "gate.max_calibration_error", what


def _name(build: BuildParams, document: Mapping[str, Any], contract: Contract) -> Iterator[Fault]:
    """A model's name that has no word of its table's: it is left from another table."""
    words = _words(contract.name)
    if build.export.name == Export().name or not words:
        return
    if any(name.startswith(tuple(words)) for name in _words(build.export.name)):
        return
    own = [key for key in _OWN if _value(document, key) is not None]
    others = f"; look whether {', '.join(own)} belong to another table too" if own else ""
    what = f"{build.export.name} has no word of the contract's name, {contract.name}: call it "
    example = "-".join([*words, *_words(contract.target)])
    yield "export.name", f"{what}{example}, say, or correct the other{others}"


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())


def _value(document: Any, key: str) -> Any:
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
