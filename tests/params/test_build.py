"""A slip anywhere in params.yaml stops every stage, and the message says what to write."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import parameters
import pytest
from dvc.utils.hydra import apply_overrides
from pydantic import BaseModel

from perennial.data.agreement import refuse_faults
from perennial.params.build import OTHERS, BuildParams, read_params
from perennial.params.yamlfile import load
from perennial.review.params.compare import compare_params
from perennial.review.params.gate import gate_params
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/example/params.yaml"
STAGES = ("collect", "prepare", "train", "evaluate", "export")

SLIPS = [
    # keys
    ("colect: {}", "colect: no such key"),
    ("collect: {sorce: files}", "collect.sorce: no such key"),
    ("collect: {csv: {delimeter: ';'}}", "collect.csv.delimeter: no such key"),
    ("prepare: {split: {method: time, seed: 1}}", "prepare.split.seed: no such key"),
    ("prepare: {split: {test: 1}}", "prepare.split: ", "'method'"),
    ("train: {threshold: {method: precision_at}}", "train.threshold.value: missing"),
    ("train: {search: {}}", "train.search.space: missing"),
    # values
    ("collect: {source: postgres}", "collect.source: ", "'flights' or 'files'", "'postgres'"),
    ("collect: {period: week}", "collect.period: ", "'day', 'month', 'year' or 'all'", "'week'"),
    ("collect: {since: '2013-13'}", "collect.since: ", '"2013-09"', "'2013-13'"),
    ("collect: {until: all}", "collect.until: ", '"2013-09-30"', "'all'"),
    ("collect: {csv: {delimiter: '::'}}", "collect.csv.delimiter: ", "at most 1", "'::'"),
    ("prepare: {split: {method: stratified}}", "prepare.split: ", "'time'", "stratified"),
    ("prepare: {split: {method: time, test: 0}}", "prepare.split.test: ", "(it is 0)"),
    ("prepare: {split: {method: id, test: 1.0}}", "prepare.split.test: ", "less than 1", "1.0"),
    ("prepare: {max_reject_share: 1.5}", "prepare.max_reject_share: ", "equal to 1", "1.5"),
    ("prepare: {checks: {accept: [PL9]}}", "prepare.checks.accept.0: ", "'PL001'", "'PL9'"),
    ("train: {seed: -1}", "train.seed: ", "equal to 0", "(it is -1)"),
    ("train: {categories: ordinal}", "train.categories: ", "'onehot'", "'ordinal'"),
    ("train: {calibration: platt}", "train.calibration: ", "'sigmoid'", "'platt'"),
    ("train: {threshold: {method: best}}", "train.threshold: ", "'max_f1'", "best"),
    (
        "train: {threshold: {method: fixed, value: 1}}",
        "train.threshold.value: ",
        "less than 1",
        "(it is 1)",
    ),
    ("train: {threshold: {method: cost, true_positive: .nan}}", "true_positive: ", "finite"),
    ("train: {search: {space: {}}}", "train.search.space: ", "at least 1"),
    ("train: {tolerance: 1}", "train.tolerance: ", "less than 1", "(it is 1)"),
    ("evaluate: {resamples: 99}", "evaluate.resamples: ", "equal to 100", "(it is 99)"),
    ("evaluate: {confidence: 95}", "evaluate.confidence: ", "less than 1", "(it is 95)"),
    ("evaluate: {importance: {rows: 0}}", "evaluate.importance.rows: ", "equal to 1", "(it is 0)"),
    ("export: {name: My Model}", "export.name: ", "pattern", "'My Model'"),
    ("export: {samples: 0}", "export.samples: ", "equal to 1", "(it is 0)"),
    # types, and among them what DVC takes for no change: 3 and 3.0, 1 and true
    ("collect: files", "collect: ", "(it is 'files')"),
    ("collect: ", "collect: ", "(it is None)"),
    ("collect: {until: 2013}", "collect.until: ", "string", "(it is 2013)"),
    ("prepare: {split: {method: time, test: 1.0}}", "prepare.split.test: ", "integer", "1.0"),
    ("prepare: {max_reject_share: true}", "prepare.max_reject_share: ", "number", "True"),
    ("train: {estimator: [a]}", "train.estimator: ", "string", "['a']"),
    ("train: {params: [a]}", "train.params: ", "['a']"),
    ("train: {seed: 0.0}", "train.seed: ", "integer", "(it is 0.0)"),
    ("train: {seed: false}", "train.seed: ", "integer", "(it is False)"),
    ("train: {tolerance: 1e-6x}", "train.tolerance: ", "number", "'1e-6x'"),
    ("train: {search: {space: {depth: 3}}}", "train.search.space.depth: ", "list", "(it is 3)"),
    ("evaluate: {slices: origin}", "evaluate.slices: ", "list", "'origin'"),
    ("evaluate: {resamples: 1e3}", "evaluate.resamples: ", "integer", "1000.0"),
    ("export: {name: on}", None),
    ("train: {tolerance: 1e-6}", None),
    ("prepare: {max_reject_share: 0}", None),
    ("collect: {since: '2013-09', until: '2013'}", None),
    ("collect: {since: '2013', until: '2013-09'}", None),
    ("collect: {since: '2013-09', until: '2013-09'}", None),
    # what only holds together
    ("collect: {since: '2013-09', until: '2013-08'}", "(2013-08) is before since (2013-09)"),
    ("collect: {since: '2013-09-15', until: '2013-08'}", "is before since"),
    ("collect: {since: '2013', until: '2012-12'}", "is before since"),
    ("collect: {period: all, since: '2013'}", "collect: since and until need a period"),
    (
        "prepare: {split: {method: id, test: 0.5, validation: 0.5}}",
        "prepare.split: test and validation together leave no rows to train on",
    ),
    ("prepare: {split: {method: id, stratify: true}}", "stratify goes with method random, not id"),
    ("prepare: {split: {method: random, stratify: true, validation: 0}}", None),
    ("prepare: {split: {method: time, validation: 0}}", None),
    ("prepare: {split: {method: column, name: side}}", None),
    ("prepare: {split: {method: column}}", "prepare.split.name: missing"),
    ("prepare: {split: {method: column, name: a, test: 0.1}}", "prepare.split.test: no such key"),
    (
        "train: {threshold: {method: recall_at, value: 0.9, confidence: 1.0}}",
        "train.threshold.confidence: ",
        "less than 1",
    ),
]


@pytest.mark.parametrize(("text", "messages"), [(text, messages) for text, *messages in SLIPS])
def test_a_slip_is_reported_by_key_value_and_what_is_allowed(
    text: str, messages: list[str | None], tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    if messages == [None]:
        assert read_params(path)
        return
    with pytest.raises(PerennialError) as refused:
        read_params(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: 1 wrong:\n  - ")
    for part in messages:
        assert part is not None
        assert part in message


def test_several_slips_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train: {seed: x, tolerance: 2}\nexport: {samples: 0}\nextra: 1\n")
    with pytest.raises(PerennialError, match="4 wrong") as refused:
        read_params(path)
    for key in ("train.seed", "train.tolerance", "export.samples", "extra"):
        assert f"\n  - {key}: " in str(refused.value)


def test_the_repositorys_own_parameters_fit_its_contract() -> None:
    refuse_faults(ROOT)


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_stops_for_a_slip_in_anothers_section(project: Project, name: str) -> None:
    other = "export: {samples: 5.0, sampels: 5}\n" if name != "export" else "train: {sed: 1}\n"
    project.edit("params.yaml", "export: {" if name != "export" else "train:\n", "unused: {")
    text = (project.root / "params.yaml").read_text().split("unused:")[0] + other
    project.write("params.yaml", text)
    project.refused(name, "params.yaml: ", " wrong:", "no such key")


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_refuses_an_unquoted_date(project: Project, name: str) -> None:
    project.edit("params.yaml", "period: all", "period: month, until: 2013-09-30")
    project.refused(name, "collect.until is an unquoted date", 'quote it: "2013-09-30"')


def models(kind: Any) -> list[type[BaseModel]]:
    """Every model inside a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inner = [models(field.annotation) for field in kind.model_fields.values()]
        return [kind, *(model for part in inner for model in part)]
    return [model for part in typing.get_args(kind) for model in models(part)]


@pytest.mark.parametrize("model", dict.fromkeys(models(BuildParams)))
def test_every_key_is_explained_and_closed(model: type[BaseModel]) -> None:
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("strict")
    whole = json.loads(parameters.documents()["schemas/params.json"])
    described = whole["$defs"].get(model.__name__, whole)["properties"]
    for name in model.model_fields:
        assert described[name].get("description"), f"{model.__name__}.{name}"


def test_an_experiment_changes_one_line_of_params_yaml(tmp_path: Path) -> None:
    """DVC writes the whole file anew: what it would write otherwise is written so already."""
    path = tmp_path / "params.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    apply_overrides(str(path), ["train.seed=0"])
    assert path.read_text() == EXAMPLE.read_text()


def test_a_section_of_another_room_is_none_of_the_stages_business(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    slips = "compare: {refits: 99, nonsense: 1}\ngate: {alpha: 0.1, marging: 1}\n"
    path.write_text(slips, encoding="utf-8")
    assert read_params(path) == BuildParams()
    with pytest.raises(PerennialError, match="nonsense: no such key"):
        compare_params(path)
    with pytest.raises(PerennialError, match="marging: no such key"):
        gate_params(path)


def test_no_stage_reads_or_depends_on_those_sections() -> None:
    stages = load(ROOT / "dvc.yaml")["stages"]
    for name, stage in stages.items():
        assert not OTHERS & {str(key).partition(".")[0] for key in stage["params"]}, name
        modules = {f"src/perennial/params/{section}.py" for section in OTHERS}
        assert not modules & set(stage["deps"]), name
