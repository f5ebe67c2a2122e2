"""export: pack the bundle, and ask it its samples in a fresh process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from perennial.bundle import fresh_process
from perennial.bundle.bundle import COMPILED, Bundle
from perennial.bundle.card import model_card
from perennial.bundle.manifest import FORMAT, sha256
from perennial.bundle.manifest import write as write_manifest
from perennial.bundle.reference import distribution, raw_values, reference_sample, typical
from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.data.target import answer_columns
from perennial.model import compiled as compiled_model
from perennial.model.columns import Columns, evenly_spaced, from_arrow
from perennial.model.compiled import CompiledModel
from perennial.model.engines.registry import ENGINES
from perennial.model.types import text_of
from perennial.params import paths
from perennial.params.build import BuildParams, read_params
from perennial.runtime import jsonfile
from perennial.runtime.environment import LOCK, pinned
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing

#: Packages that the answers depend on, named in the manifest with the versions of the lock.
#: The engine's own come to these.
PACKAGES = ("lightgbm", "numpy", "scikit-learn", "scipy", "xgboost-cpu")


@dataclass(frozen=True)
class Facts:
    """What the bundle is packed from; `data` has the SHA-256 of what the model was made from."""

    contract: Contract
    params: BuildParams
    model: CompiledModel
    test: Columns
    scored: pa.Table
    reports: dict[str, Any]
    data: dict[str, str]


def main() -> None:
    """Read what the other stages made, pack the bundle, try it in a fresh process, publish it."""
    facts = read_facts()
    engine = facts.model.engine_name
    with publishing(paths.BUNDLE) as folder, fresh_process.start(folder, engine) as process:
        (folder / COMPILED).mkdir(parents=True)
        for path in sorted(paths.COMPILED.iterdir()):
            shutil.copyfile(path, folder / COMPILED / path.name)
        pack(folder, facts)
        failure = fresh_process.ask_samples(process)
        if failure is not None:
            raise PerennialError(
                f"a fresh process could not use the bundle: {failure}",
                where=str(paths.BUNDLE),
                hint="nothing was exported; if the model is a common one, report this",
            )
    samples = min(facts.params.export.samples, facts.scored.num_rows)
    size = sum(path.stat().st_size for path in paths.BUNDLE.rglob("*") if path.is_file())
    print(
        f"export: {paths.BUNDLE}, {size / 1e6:.1f} MB, engine {engine}; "
        f"{samples} samples answered in a fresh process"
    )


def read_facts() -> Facts:
    """Read the contract, the parameters, and the outputs of the other stages."""
    contract = read_contract()
    types = {name: contract.columns[name].type for name in contract.features}
    reports = {"data": paths.DATA_METRICS, "train": paths.TRAIN_METRICS, "card": paths.CARD_METRICS}
    return Facts(
        contract=contract,
        params=read_params(),
        model=compiled_model.load(paths.COMPILED),
        test=from_arrow(parquet.read(paths.TEST, list(types)), dict(types)),
        scored=parquet.read(paths.SCORED),
        reports={name: jsonfile.read(path) for name, path in reports.items()},
        data={path.name: sha256(path) for path in (paths.CONTRACT, *paths.SPLITS.values())},
    )


def pack(folder: Path, facts: Facts) -> None:
    """Write all but the compiled model into a bundle's folder, the manifest last."""
    manifest = describe(facts)
    samples = sample_cases(Bundle(manifest, facts.model), facts)
    jsonfile.write(folder / "sample.json", {"cases": samples})
    jsonfile.write(folder / "reference.json", reference(facts))
    jsonfile.write(folder / "distributions.json", distributions(facts))
    reports = facts.reports
    card = model_card(manifest, reports["card"], reports["data"], reports["train"])
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8", newline="\n")
    write_manifest(folder, manifest)


def describe(facts: Facts) -> dict[str, Any]:
    """The bundle's manifest, without the digests of its files and of itself."""
    contract, decision = facts.contract, facts.model.decision
    versions = dict(pinned(LOCK.read_text(encoding="utf-8")))
    packages = (*PACKAGES, *ENGINES[facts.model.engine_name].packages)
    return {
        "format": FORMAT,
        "name": facts.params.export.name,
        "description": contract.description,
        "task": contract.task,
        "target": contract.target,
        "classes": decision.classes,
        "threshold": decision.threshold,
        "features": contract.features,
        "columns": {
            name: column.model_dump(mode="json") for name, column in contract.columns.items()
        },
        "requests": {**contract.requests.model_dump(mode="json"), "normal_form": True},
        "public_key": facts.params.export.sign,
        **_engine(facts.model),
        "packages": {name: versions[name] for name in sorted(packages) if name in versions},
        "data": facts.data,
    }


def _engine(model: CompiledModel) -> dict[str, Any]:
    name = model.engine_name
    # What skops may build, and what of it a person had to confirm.
    options = model.options
    types: dict[str, Any] = {key: options[key] for key in ("types", "trusted") if key in options}
    return {"engine": name, "requires": ENGINES[name].requires, **types}


def _open_types(contract: Contract) -> dict[str, str]:
    return {
        name: contract.columns[name].type
        for name in contract.features
        if not contract.columns[name].sensitive
    }


def sample_cases(bundle: Bundle, facts: Facts) -> list[dict[str, Any]]:
    """Test rows as requests, each with the bundle's response.

    A sensitive column has its typical value in every request: no row's own one enters the bundle.
    """
    contract = facts.contract
    rows = evenly_spaced(facts.scored.num_rows, facts.params.export.samples)
    columns: dict[str, list[Any]] = {}
    for name in contract.features:
        column, values = contract.columns[name], facts.test[name]
        columns[name] = (
            [typical(values, column.type)] * len(rows)
            if column.sensitive
            else raw_values(values[rows], column.type)
        )
    requests = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [
        {"request": request, "response": response}
        for request, response in zip(requests, bundle.respond(requests), strict=True)
    ]


def _answers(facts: Facts) -> dict[str, list[Any]]:
    names = answer_columns(facts.contract)
    return {answer: facts.scored.column(name).to_pylist() for answer, name in names.items()}


def reference(facts: Facts) -> dict[str, Any]:
    """A sample of the test rows and of their answers, without sensitive columns."""
    count = facts.params.export.reference_rows
    rows = evenly_spaced(facts.scored.num_rows, count)
    return {
        "columns": reference_sample(facts.test, _open_types(facts.contract), count),
        "answers": {
            name: [values[row] for row in rows] for name, values in _answers(facts).items()
        },
    }


def distributions(facts: Facts) -> dict[str, Any]:
    """The distribution of each column of the test rows and of the answers, but sensitive ones."""
    types = _open_types(facts.contract)
    names = answer_columns(facts.contract)
    kinds = {
        answer: "category" if answer == "prediction" and facts.contract.classes else "number"
        for answer in names
    }
    return {
        "columns": {name: distribution(facts.test[name], kind) for name, kind in types.items()},
        "answers": {
            answer: distribution(_answer_column(facts.scored, names[answer], kind), kind)
            for answer, kind in kinds.items()
        },
    }


def _answer_column(scored: pa.Table, name: str, kind: str) -> Any:
    column = scored.column(name)
    if kind == "category":
        column = pa.array([text_of(label) for label in column.to_pylist()])
    return from_arrow(pa.table({name: column}), {name: kind})[name]
