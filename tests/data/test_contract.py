"""The contract says what a row is, or says by name what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perennial.data.contract import Contract, read_contract
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    from conftest import Project

HEAD = "version: 1\nname: sales\n"
GOOD = {"x": "{type: number}", "y": "{type: boolean, role: target}"}


def contract(columns: dict[str, str], folder: Path, head: str = HEAD) -> Contract:
    lines = "".join(f"  {name}: {body}\n" for name, body in columns.items())
    path = folder / "contract.yaml"
    path.write_text(f"{head}columns:\n{lines}")
    return read_contract(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": "{role: feature, type: number}"}, "no column has role target"),
        ({"z": "{type: boolean, role: target}"}, "more than one column has role target: y, z"),
        ({"x": "{type: number, role: ignored}"}, "no column has role feature"),
        (
            {"a": "{type: text, role: id}", "b": "{type: text, role: id}"},
            "more than one column has role id: a, b",
        ),
        (
            {"a": "{type: datetime, role: time}", "b": "{type: datetime, role: time}"},
            "more than one column has role time",
        ),
        (
            {"a": "{type: text, role: group}", "b": "{type: text, role: group}"},
            "more than one column has role group",
        ),
        ({"x": "{type: float}"}, "columns.x.type: input should be 'category', 'number', 'integer'"),
        ({"x": "{type: float}"}, "(it is 'float')"),
        ({"x": "{}"}, "columns.x.type: missing"),
        ({"x": "number"}, "columns.x: "),
        ({"x": "{type: number, rol: id}"}, "columns.x.rol: no such key"),
        ({"x": "{type: number, role: label}"}, "columns.x.role: input should be 'feature', "),
        ({"x": "{type: number, role: time}"}, "the time column must be of type datetime"),
        ({"x": "{type: number, missing: 5}"}, "less than or equal to 1 (it is 5)"),
        (
            {"x": "{type: number, missing: true}"},
            "columns.x.missing: input should be a valid number",
        ),
        (
            {"x": "{type: number, sensitive: 1}"},
            "columns.x.sensitive: input should be a valid boolean",
        ),
        ({"x": "{type: number, categories: [a]}"}, "categories go with type category, not number"),
        ({"x": "{type: category, categories: [a, a]}"}, "columns.x: categories are listed twice"),
        (
            {"x": "{type: category, categories: [null]}"},
            "columns.x.categories.0: a category is a text, a number or a boolean (it is None)",
        ),
        ({"x": "{type: category, categories: [1, a]}"}, "columns.x: categories are of one type"),
        ({"x": "{type: category, categories: [1, 1.0]}"}, "columns.x: categories are of one type"),
        ({"x": "{type: category, categories: [1, true]}"}, "columns.x: categories are of one type"),
        (
            {"y": "{type: category, role: target, categories: [0, 1], positive: 2}"},
            "positive names one of the two categories of a target",
        ),
        ({"x": "{type: number, parts: [day]}"}, "parts go with type datetime, not number"),
        ({"x": "{type: datetime, parts: [week]}"}, "columns.x.parts.0: input should be 'year'"),
        ({"x": "{type: text, min: 1}"}, "min and max do not go with type text"),
        ({"x": "{type: number, min: low}"}, "min and max of a number must be of that type"),
        ({"x": "{type: datetime, min: 3}"}, "min and max of a datetime must be of that type"),
        ({"x": "{type: number, min: 2, max: 1}"}, "columns.x: min is above max"),
        ({"x": "{type: number, min: .nan}"}, "columns.x.min: input should be a finite number"),
        ({"x": "{type: number, max: .inf}"}, "columns.x.max: input should be a finite number"),
        ({"x": "{type: number, min: true}"}, "columns.x.min: "),
        ({"x": "{type: datetime, min: 2013-01-01}"}, 'quote it: "2013-01-01"'),
        (
            {"x": '{type: datetime, min: "yesterday"}'},
            "columns.x: min is 'yesterday', which is no ISO 8601 date and time without zone",
        ),
        (
            {"x": '{type: datetime, max: "2013-06-01T00:00:00+02:00"}'},
            "columns.x: max is '2013-06-01T00:00:00+02:00', which is no ISO 8601 date and time",
        ),
        (
            {"x": '{type: datetime, role: ignored, max: "2013-02-30"}'},
            'write it as "2013-01-31T23:59:00"',
        ),
        # By the moment, not by the text: the second is the earlier one.
        ({"x": '{type: datetime, min: "2013-06-01", max: "20130501"}'}, "min is above max"),
        ({"x": "{type: category, positive: a}"}, "positive names one of the two categories"),
        ({"y": "{type: text, role: target}"}, "a target cannot be of type text"),
        ({"y": "{type: datetime, role: target}"}, "a target cannot be of type datetime"),
        ({"y": "{type: category, role: target}"}, "must list its categories, two or more"),
        (
            {"y": "{type: category, role: target, categories: [a]}"},
            "must list its categories, two or more",
        ),
        (
            {"y": "{type: category, role: target, categories: [a, b], positive: c}"},
            "positive names one of the two categories of a target",
        ),
        (
            {"y": "{type: category, role: target, categories: [a, b, c], positive: c}"},
            "positive names one of the two categories of a target",
        ),
        ({"y": "{type: boolean, role: target, positive: yes}"}, "positive names one of the two"),
        ({"x": "{type: number}\n  x: {type: number}"}, "not valid YAML"),
    ],
)
def test_a_fault_is_reported_by_column_value_and_what_is_allowed(
    columns: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PerennialError) as refused:
        contract({**GOOD, **columns}, tmp_path)
    assert "contract.yaml" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("version: 2\nname: x\n", "version: input should be 1 (it is 2)"),
        ("name: x\n", "version: missing"),
        ("version: 1\n", "name: missing"),
        ("version: 1\nname: x\nrows: 3\n", "rows: no such key"),
    ],
)
def test_a_fault_outside_the_columns(head: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PerennialError) as refused:
        contract(GOOD, tmp_path, head)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        ("{type: boolean}", "binary", [False, True]),
        ("{type: category, categories: [a, b]}", "binary", ["a", "b"]),
        ("{type: category, categories: [a, b], positive: a}", "binary", ["b", "a"]),
        ("{type: category, categories: [c, a, b]}", "multiclass", ["c", "a", "b"]),
        ("{type: number}", "regression", []),
        ("{type: integer}", "regression", []),
    ],
)
def test_the_target_decides_the_task_and_the_order_of_classes(
    target: str, task: str, classes: list[Any], tmp_path: Path
) -> None:
    result = contract({**GOOD, "y": target.replace("}", ", role: target}")}, tmp_path)
    assert result.target == "y"
    assert result.task == task
    assert result.classes == classes


@pytest.mark.parametrize(
    ("target", "answers", "classes"),
    [
        ("categories: [0, 1, 2]", [0, 1, 2], ["0", "1", "2"]),
        ("categories: [0, 1], positive: 0", [1, 0], ["1", "0"]),
        ("categories: [0.5, 1.0]", [0.5, 1.0], ["0.5", "1.0"]),
        ("categories: [true, false]", [True, False], ["true", "false"]),
        ("categories: [true, false], positive: true", [False, True], ["false", "true"]),
        ("categories: ['0', '1']", ["0", "1"], ["0", "1"]),
    ],
)
def test_answers_keep_the_type_that_tables_hold_as_text(
    target: str, answers: list[Any], classes: list[str], tmp_path: Path
) -> None:
    result = contract({**GOOD, "y": f"{{type: category, role: target, {target}}}"}, tmp_path)
    assert result.classes == classes
    assert result.answers == answers
    assert [type(answer) for answer in result.answers] == [type(answer) for answer in answers]


def test_bounds_compare_as_moments_however_they_are_written(tmp_path: Path) -> None:
    column = '{type: datetime, min: "20130101", max: "2013-01-01T00:00"}'
    result = contract({**GOOD, "x": column}, tmp_path)
    assert (result.columns["x"].min, result.columns["x"].max) == ("20130101", "2013-01-01T00:00")


def test_features_are_what_a_model_may_look_at(tmp_path: Path) -> None:
    roles = {
        "i": "{type: text, role: id}",
        "t": "{type: datetime, role: time}",
        "g": "{type: category, role: group}",
        "n": "{type: number, role: ignored}",
    }
    result = contract({**GOOD, **roles}, tmp_path)
    assert result.features == ["x"]
    assert (result.only("id"), result.only("group")) == ("i", "g")
    roles["t"] = "{type: datetime, role: time, parts: [hour]}"
    assert contract({**roles, **GOOD}, tmp_path).features == ["t", "x"]


@pytest.mark.parametrize("name", ["collect", "prepare", "evaluate", "export"])
def test_stages_stop_for_a_faulty_contract(project: Project, name: str) -> None:
    project.edit("data/contract.yaml", "role: target", "role: label")
    project.refused(name, "data/contract.yaml: ", "columns.species.role", "(it is 'label')")
