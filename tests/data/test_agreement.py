"""`params.yaml` and the contract fit each other, or one message lists all that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.data.agreement import refuse_faults
from perennial.runtime.errors import PerennialError

PASSENGERS = """\
version: 1
name: titanic
columns:
  ticket: {type: text}
  fare: {type: number}
  cabin: {type: category, role: ignored}
  boarded: {type: datetime, parts: [hour]}
  survived: TARGET
"""
BINARY = "{type: boolean, role: target}"
CLASSES = "{type: category, categories: [a, b, c], role: target}"
NUMBER = "{type: number, role: target}"
SOUND = """\
collect: {source: files, period: all}
prepare: {split: {method: random}}
"""
#: Another table's.
FLIGHTS = """\
collect: {source: files, until: "2013-09"}
evaluate: {slices: [origin]}
export: {name: flights-late}
gate: {floors: {roc_auc: 0.7}, ceilings: {log_loss: 0.45}, label_rate: {low: 0.1}}
"""


def refusal(root: Path, params: str, contract: str) -> list[str]:
    """The lines of the message; none where nothing is wrong."""
    (root / "data").mkdir(exist_ok=True)
    (root / "params.yaml").write_text(params)
    (root / "data/contract.yaml").write_text(contract)
    try:
        refuse_faults(root)
    except PerennialError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("target", "params", "line", "what"),
    [
        (BINARY, "evaluate: {slices: [origin]}", 3, "slices.0: origin is no column of the contr"),
        (BINARY, "evaluate:\n  slices:\n  - fare\n  - ticket", 6, "ticket is of type text"),
        (BINARY, "evaluate: {slices: [boarded]}", 3, "boarded is of type datetime"),
        (BINARY, "evaluate: {slices: [cabin]}", 3, "cabin is no feature, its role is ignored"),
        (BINARY, "evaluate: {slices: [survived]}", 3, "survived is no feature, its role is target"),
        (NUMBER, "evaluate:\n  primary: roc_auc", 4, "evaluate.primary: no metric roc_auc"),
        (NUMBER, "gate:\n  floors: {roc_auc: 0.7}", 4, "gate.floors.roc_auc: no metric roc_auc"),
        (CLASSES, "gate:\n  ceilings: {brier: 0.7}", 4, "gate.ceilings.brier: no metric brier"),
        (BINARY, "gate: {floors: {brier: 0.7}}", 3, "brier: it goes under gate.ceilings"),
        (NUMBER, "gate: {ceilings: {r2: 0.7}}", 3, "r2: it goes under gate.floors"),
        (NUMBER, "gate: {floors: {bias: 0.7}}", 3, "bias: it goes under gate.ceilings"),
        (NUMBER, "gate: {max_calibration_error: 0.1}", 3, "no calibration error; remove it"),
        (NUMBER, "train: {calibration: isotonic}", 3, "isotonic corrects probabilities"),
        (CLASSES, "train: {threshold: {method: cost}}", 3, "cost chooses between two classes"),
        (NUMBER, "train: {threshold: {method: fixed}}", 3, "survived has none; remove it"),
        (BINARY, "export: {name: flights-late}", 3, "no word of the contract's name, titanic"),
        (BINARY, "export: {name: titan}", 3, "call it titanic-survived"),
    ],
)
def test_what_does_not_fit_the_contract_is_named_with_its_line(
    target: str, params: str, line: int, what: str, tmp_path: Path
) -> None:
    contract = PASSENGERS.replace("TARGET", target)
    head, fault, _ = refusal(tmp_path, SOUND + params + "\n", contract)
    assert head == "params.yaml: 1 wrong:"
    assert fault.startswith(f"  - params.yaml, line {line}: ")
    assert what in fault


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ("collect: {period: month}\nprepare: {split: {method: id}}", ["period", "split.method"]),
        ("collect: {period: all}\nprepare: {split: {method: time}}", ["split.method"]),
        ("collect: {period: all}\nprepare: {split: {method: group}}", ["split.method"]),
        ("{}", ["period", "split.method"]),
    ],
)
def test_periods_and_splits_need_a_column_of_their_role(
    params: str, keys: list[str], tmp_path: Path
) -> None:
    _, *faults, _ = refusal(tmp_path, params + "\n", PASSENGERS.replace("TARGET", BINARY))
    assert len(faults) == len(keys)
    assert all(f".{key}: " in fault for key, fault in zip(keys, faults, strict=True))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "side",
            "side is no column of the contract; declare side: {type: category, ",
        ),
        ("ticket", "ticket is the feature, and no model may see who tests it"),
        ("survived", "survived is the target, and no model may see who tests it"),
        ("age", "age is of type number, and no text"),
    ],
)
def test_a_split_needs_a_column_that_can_say_who_tests(
    name: str, what: str, tmp_path: Path
) -> None:
    contract = PASSENGERS.replace("TARGET", BINARY) + "  age: {type: number, role: ignored}\n"
    params = "collect: {period: all}\nprepare:\n  split: {method: column, name: NAME}\n"
    _, fault, _ = refusal(tmp_path, params.replace("NAME", name), contract)
    assert f"params.yaml, line 3: prepare.split.name: {what}" in fault
    assert refusal(tmp_path, params.replace("NAME", "cabin"), contract) == []


def test_settings_for_a_column_need_the_column(tmp_path: Path) -> None:
    params = SOUND.replace("all}", "all, csv: {columns: {fair: {}, fare: {}}}}")
    _, fault, _ = refusal(tmp_path, params, PASSENGERS.replace("TARGET", BINARY))
    assert "line 1: collect.csv.columns.fair: no column of the contract; remove it" in fault


@pytest.mark.parametrize("name", ["titanic", "late-titanic", "titanic_2", "titanic2"])
def test_what_fits_is_not_refused(name: str, tmp_path: Path) -> None:
    params = SOUND + f"export: {{name: {name}}}\nevaluate: {{slices: [fare], primary: brier}}\n"
    policy = "gate: {floors: {f1: 0.1}, ceilings: {log_loss: 1}, max_calibration_error: 0.1}\n"
    assert refusal(tmp_path, params + policy, PASSENGERS.replace("TARGET", BINARY)) == []


@pytest.mark.parametrize(("table", "model"), [("日本", "sales"), ("German credit", "credit-risk")])
def test_a_table_of_any_name_can_name_its_model(table: str, model: str, tmp_path: Path) -> None:
    contract = PASSENGERS.replace("TARGET", BINARY).replace("titanic", table)
    assert refusal(tmp_path, SOUND + f"export: {{name: {model}}}\n", contract) == []


def test_all_faults_of_both_files_are_listed_at_once(tmp_path: Path) -> None:
    params = SOUND + "train: {sed: 1}\nexport:\n  samples: 0\n"
    contract = PASSENGERS.replace("TARGET", BINARY).replace("fare: {type", "fare: {kind")
    message = refusal(tmp_path, params, contract)
    pages = "docs/reference/params.md, docs/reference/contract.md"
    least = "input should be greater than or equal to 1 (it is 0)"
    assert message == [
        "params.yaml and data/contract.yaml: 4 wrong:",
        "  - params.yaml, line 3: train.sed: no such key",
        f"  - params.yaml, line 5: export.samples: {least}",
        "  - data/contract.yaml, line 5: columns.fare.type: missing",
        "  - data/contract.yaml, line 5: columns.fare.kind: no such key",
        f"  hint: correct them; every key is explained in {pages}",
    ]


def test_a_slip_in_one_section_hides_no_misfit_of_another(tmp_path: Path) -> None:
    params = SOUND + "train: {sed: 1}\nevaluate: {slices: [origin]}\nexport: {name: flights}\n"
    _, *faults, _ = refusal(tmp_path, params, PASSENGERS.replace("TARGET", BINARY))
    assert [fault.split(": ")[1] for fault in faults] == [
        "train.sed",
        "evaluate.slices.0",
        "export.name",
    ]


def test_another_tables_name_points_at_the_other_values_that_may_be_its_own(tmp_path: Path) -> None:
    message = "\n".join(refusal(tmp_path, FLIGHTS, PASSENGERS.replace("TARGET", BINARY)))
    own = "collect.until, evaluate.slices, gate.floors, gate.ceilings, gate.label_rate"
    assert f"look whether {own} belong to another table too" in message
