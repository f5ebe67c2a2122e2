"""export: pack the bundle, and ask it its samples in a fresh process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from perennial.bundle import fresh_process as fresh
from perennial.bundle.bundle import COMPILED, Bundle
from perennial.bundle.card import model_card
from perennial.bundle.manifest import FORMAT, sha256
from perennial.bundle.manifest import write as write_manifest
from perennial.bundle.reference import distribution, raw_values, reference_sample, typical
from perennial.data import parquet
from perennial.data.contract import CONTRACT, Contract, read_contract
from perennial.model import compiled as compiled_model
from perennial.model.columns import Columns, evenly_spaced, from_arrow
from perennial.model.compiled import CompiledModel
from perennial.model.engines.registry import ENGINES
from perennial.params.build import BuildParams, read_params
from perennial.runtime import jsonfile
from perennial.runtime.environment import LOCK, pinned
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing

MODEL = Path("models/compiled")
PREPARED = Path("data/prepared")
SCORED = Path("data/scored/test.parquet")
METRICS = Path("metrics")
BUNDLE = Path("models/bundle")

#: Packages that the answers depend on, named in the manifest with the versions of the lock.
#: The engine's own come to these.
PACKAGES = ("lightgbm", "numpy", "scikit-learn", "scipy", "xgboost-cpu")


@dataclass(frozen=True)
class Facts:
    """What the bundle is packed from."""

    contract: Contract
    params: BuildParams
    model: CompiledModel
    test: Columns
    scored: pa.Table
    reports: dict[str, Any]
    data: dict[str, str]


def main() -> None:
    """Read what the other stages made, pack the bundle, try it, and publish it."""
    facts = read_facts()
    engine = facts.model.engine_name
    with publishing(BUNDLE) as folder, fresh.start(folder, engine) as process:
        (folder / COMPILED).mkdir(parents=True)
        for path in sorted(MODEL.iterdir()):
            shutil.copyfile(path, folder / COMPILED / path.name)
        pack(folder, facts)
        failure = fresh.ask_samples(process)
        if failure is not None:
            raise PerennialError(
                f"a fresh process could not use the bundle: {failure}",
                where=str(BUNDLE),
                hint="nothing was exported; if the model is a common one, report this",
            )
    samples = min(facts.params.export.samples, facts.scored.num_rows)
    size = sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file())
    print(
        f"export: {BUNDLE}, {size / 1e6:.1f} MB, engine {engine}; "
        f"{samples} samples answered in a fresh process"
    )


def read_facts() -> Facts:
    """Read the contract, the parameters, and the outputs of the other stages."""
    contract = read_contract()
    types = {name: contract.columns[name].type for name in contract.features}
    names = ("train", "validation", "test")
    prepared = {f"{name}.parquet": PREPARED / f"{name}.parquet" for name in names}
    return Facts(
        contract=contract,
        params=read_params(),
        model=compiled_model.load(MODEL),
        test=from_arrow(parquet.read(PREPARED / "test.parquet", list(types)), dict(types)),
        scored=parquet.read(SCORED),
        reports={
            name: jsonfile.read(METRICS / f"{name}.json") for name in ("data", "train", "card")
        },
        data={
            CONTRACT.name: sha256(CONTRACT),
            **{name: sha256(path) for name, path in prepared.items()},
        },
    )


def pack(folder: Path, facts: Facts) -> None:
    """Write all but the compiled model into a bundle's folder, the manifest last.

    Parameters
    ----------
    folder : Path
        Holds the compiled model.
    facts : Facts
        What to pack.
    """
    manifest = describe(facts)
    samples = sample_cases(Bundle(manifest, facts.model), facts)
    jsonfile.write(folder / "sample.json", {"cases": samples})
    jsonfile.write(folder / "reference.json", reference(facts))
    jsonfile.write(folder / "distributions.json", distributions(facts))
    reports = facts.reports
    card = model_card(
        manifest,
        reports["card"],
        reports["data"],
        reports["train"],
    )
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8", newline="\n")
    write_manifest(folder, manifest)


def describe(facts: Facts) -> dict[str, Any]:
    """Describe the bundle: its manifest, but for the digests of its files and of itself.

    Parameters
    ----------
    facts : Facts
        What to describe.

    Returns
    -------
    dict
        A JSON value.
    """
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
        "public_key": facts.params.export.sign,
        **_engine(facts.model),
        "packages": {name: versions[name] for name in sorted(packages) if name in versions},
        "data": facts.data,
    }


def _engine(model: CompiledModel) -> dict[str, Any]:
    name = model.engine_name
    found: dict[str, Any] = {"engine": name, "requires": ENGINES[name].requires}
    # What skops may build, and what of it a person had to confirm.
    return found | {key: model.options[key] for key in ("types", "trusted") if key in model.options}


def _open_types(contract: Contract) -> dict[str, str]:
    return {
        name: contract.columns[name].type
        for name in contract.features
        if not contract.columns[name].sensitive
    }


def sample_cases(bundle: Bundle, facts: Facts) -> list[dict[str, Any]]:
    """Choose test rows as requests, and answer them.

    A sensitive column is asked with its typical value: nobody's own one enters the bundle.

    Parameters
    ----------
    bundle : Bundle
        Answers them.
    facts : Facts
        Holds the test rows.

    Returns
    -------
    list of dict
        `request` and `response` each.
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
    names = [name for name in facts.scored.column_names if name.startswith("probability")]
    return {name: facts.scored.column(name).to_pylist() for name in ["prediction", *names]}


def reference(facts: Facts) -> dict[str, Any]:
    """Sample the test rows and their answers, without sensitive columns.

    Parameters
    ----------
    facts : Facts
        Holds the test rows.

    Returns
    -------
    dict
        `columns`: raw values by feature; `answers`: by column of the scored table.
    """
    wanted = facts.params.export.reference_rows
    rows = evenly_spaced(facts.scored.num_rows, wanted)
    return {
        "columns": reference_sample(facts.test, _open_types(facts.contract), wanted),
        "answers": {
            name: [values[row] for row in rows] for name, values in _answers(facts).items()
        },
    }


def distributions(facts: Facts) -> dict[str, Any]:
    """Describe the test rows and their answers, without sensitive columns.

    Parameters
    ----------
    facts : Facts
        Holds the test rows.

    Returns
    -------
    dict
        `columns` and `answers`: a distribution by name.
    """
    types = _open_types(facts.contract)
    kinds = {
        name: "number" if facts.scored.schema.field(name).type == pa.float64() else "category"
        for name in _answers(facts)
    }
    return {
        "columns": {name: distribution(facts.test[name], kind) for name, kind in types.items()},
        "answers": {
            name: distribution(_answer_column(facts.scored, name, kind), kind)
            for name, kind in kinds.items()
        },
    }


def _answer_column(scored: pa.Table, name: str, kind: str) -> Any:
    column = scored.column(name)
    if kind == "category":
        column = column.cast(pa.string())
    return from_arrow(pa.table({name: column}), {name: kind})[name]
