"""Each check finds what it is for, passes what is sound, and says when it cannot tell."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perennial.data.contract import Contract
from perennial.data.parquet import ARROW
from perennial.params.prepare import CheckCode, Checks
from perennial.preparation.leakage.checks import CHECKS, Result, refuse_findings, run_checks
from perennial.preparation.leakage.definition import Sample
from perennial.runtime.errors import PerennialError

ROWS = 1000
DRAW = np.random.Generator(np.random.PCG64(7))
NOISE = DRAW.normal(size=ROWS)
FLAG = DRAW.random(ROWS) < 0.3
KIND = DRAW.choice(["a", "b", "c"], ROWS)
SIZE = DRAW.normal(size=ROWS)
TARGETS: dict[str, tuple[dict[str, Any], Any]] = {
    "binary": ({"type": "boolean"}, FLAG),
    "multiclass": ({"type": "category", "categories": ["a", "b", "c"]}, KIND),
    "regression": ({"type": "number"}, SIZE),
}
START = datetime.fromisoformat("2013-01-01")
TIMES = [START + timedelta(hours=i) for i in range(ROWS)]


def sample(
    task: str = "binary", *, method: str = "time", rows: int = ROWS, **columns: Any
) -> Sample:
    """Noise, a target, and columns given as (specification, values); 60% train, then 20%, 20%."""
    specification, target = TARGETS[task]
    given = {
        "noise": ({"type": "number"}, NOISE),
        **columns,
        "y": ({**specification, "role": "target"}, target),
    }
    rules = Contract.model_validate(
        {"version": 1, "name": "n", "columns": {name: spec for name, (spec, _) in given.items()}}
    )
    table = pa.table(
        {
            name: pa.array(list(values)[:rows], ARROW[spec["type"]])
            for name, (spec, values) in given.items()
        }
    )
    train, fifth = rows * 3 // 5, rows // 5
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    sides = {
        "train": frame.iloc[:train],
        "validation": frame.iloc[train : train + fifth],
        "test": frame.iloc[train + fifth :],
    }
    sides = {name: side.reset_index(drop=True) for name, side in sides.items()}
    return Sample(rules, **sides, method=method)


def result(code: CheckCode, of: Sample, **limits: Any) -> Result:
    return {r.check.code: r for r in run_checks(of, Checks(**limits))}[code]


def findings(code: CheckCode, of: Sample, **limits: Any) -> list[str]:
    answer = result(code, of, **limits)
    assert answer.reason is None
    return [detail.name for detail in answer.findings]


@pytest.mark.parametrize("task", TARGETS)
def test_sound_rows_have_no_finding(task: str) -> None:
    results = run_checks(sample(task, when=({"type": "datetime", "role": "time"}, TIMES)), Checks())
    status = {answer.check.code: answer.status for answer in results}
    assert status.pop("PL003") == "not applicable"
    assert set(status.values()) == {"pass"}
    refuse_findings(results)


def some_missing(values: Any) -> list[Any]:
    return [None if i % 5 == 0 else value for i, value in enumerate(values)]


NUMBER, CATEGORY, FLAGGED = {"type": "number"}, {"type": "category"}, {"type": "boolean"}
COPIES = [
    ("binary", FLAGGED, FLAG),
    ("binary", FLAGGED, ~FLAG),
    ("binary", NUMBER, FLAG * 3.5 - 1),
    ("binary", {"type": "integer"}, FLAG.astype(int)),
    ("binary", CATEGORY, np.where(FLAG, "yes", "no")),
    ("binary", CATEGORY, [None if flag else "gone" for flag in FLAG]),
    ("binary", FLAGGED, some_missing(FLAG)),
    ("binary", {"type": "datetime"}, [TIMES[int(flag)] for flag in FLAG]),
    ("multiclass", CATEGORY, np.char.upper(KIND)),
    ("multiclass", NUMBER, np.char.find("cab", KIND).astype(float)),
    ("regression", NUMBER, SIZE),
    ("regression", NUMBER, -SIZE),
    ("regression", NUMBER, 1e9 + 1e3 * SIZE),
    ("regression", NUMBER, SIZE.astype(np.float32).astype(float)),
    ("regression", NUMBER, some_missing(1.8 * SIZE + 32)),
]


@pytest.mark.parametrize(("task", "kind", "copy"), COPIES)
def test_pl001_finds_the_target_under_another_name(
    task: str, kind: dict[str, Any], copy: Any
) -> None:
    of = sample(task, copy=({**kind, "missing": 1.0}, copy))
    assert findings("PL001", of) == ["copy"]
    with pytest.raises(PerennialError, match=r"PL001 .*copy"):
        refuse_findings(run_checks(of, Checks()))


@pytest.mark.parametrize(
    ("task", "kind", "values"),
    [
        ("binary", FLAGGED, np.where(np.arange(ROWS) == 300, ~FLAG, FLAG)),
        ("multiclass", FLAGGED, KIND == "a"),
        ("multiclass", CATEGORY, np.where(KIND == "a", "a", "rest")),
        ("binary", CATEGORY, [f"{flag} {i % 2}" for i, flag in enumerate(FLAG)]),
        ("binary", CATEGORY, [None] * ROWS),
        ("regression", NUMBER, SIZE + 1e-3 * NOISE),
        ("regression", NUMBER, SIZE**3),
        ("regression", NUMBER, np.ones(ROWS)),
        ("regression", NUMBER, [None] * ROWS),
        ("regression", CATEGORY, SIZE.astype(str)),
        # A few rows say nothing about the rest.
        ("regression", NUMBER, [v if i < 200 else None for i, v in enumerate(SIZE)]),
        ("regression", NUMBER, 1e300 * NOISE),
    ],
)
def test_pl001_passes_what_is_close_and_no_copy(
    task: str, kind: dict[str, Any], values: Any
) -> None:
    assert findings("PL001", sample(task, x=({**kind, "missing": 1.0}, values))) == []


HIDDEN = FLAG * 2.0 + np.abs(np.sin(NOISE))
DETERMINING = [
    ("binary", NUMBER, HIDDEN),
    ("binary", NUMBER, np.where(FLAG, np.nan, NOISE)),
    ("binary", {"type": "integer"}, FLAG * 500 + np.arange(ROWS) % 400),
    ("binary", {"type": "text"}, [f"{flag} {i % 9}" for i, flag in enumerate(FLAG)]),
    ("binary", {"type": "datetime"}, [TIMES[i] if f else None for i, f in enumerate(FLAG)]),
    ("multiclass", CATEGORY, [f"{kind} {i % 5}" for i, kind in enumerate(KIND)]),
    ("regression", NUMBER, np.exp(SIZE)),
    ("regression", NUMBER, SIZE + 0.01 * NOISE),
    ("regression", CATEGORY, np.round(SIZE * 2).astype(str)),
]


@pytest.mark.parametrize(("task", "kind", "values"), DETERMINING)
def test_pl002_finds_a_feature_that_nearly_determines_the_target(
    task: str, kind: dict[str, Any], values: Any
) -> None:
    # A regression's mean of a bin leaves the spread within it, and 30 bins are wide.
    limit = 0.9 if task == "regression" else 0.98
    of = sample(task, x=({**kind, "missing": 1.0}, values))
    assert findings("PL002", of, determined=limit) == ["x"]
    assert result("PL002", of, determined=limit).stops


def test_pl002_takes_a_moment_by_its_distance_from_the_time_of_the_row() -> None:
    time = ({"type": "datetime", "role": "time", "parts": ["hour"]}, TIMES)
    late = [t + timedelta(minutes=20 * bool(f)) for t, f in zip(TIMES, FLAG, strict=True)]
    of = sample(when=time, arrived=({"type": "datetime"}, late))
    assert findings("PL002", of) == ["arrived"]
    # The moment itself would "determine" any target that changes slowly.
    planned = ({"type": "datetime"}, [t + timedelta(minutes=i % 7) for i, t in enumerate(TIMES)])
    of = sample("regression", when=time, planned=planned)
    assert findings("PL002", with_target(of, np.arange(600) / 10)) == []


def with_target(of: Sample, values: Any) -> Sample:
    train = of.train.assign(y=pd.Series(values, dtype=pd.ArrowDtype(pa.array(values).type)))
    return Sample(of.contract, train, of.validation, of.test, of.method)


def test_pl002_is_not_fooled_by_values_that_it_has_seen_once() -> None:
    names = ({"type": "text"}, [f"person {i}" for i in range(ROWS)])
    assert findings("PL002", sample(name=names, steps=(NUMBER, np.arange(ROWS) * 1.0))) == []


def test_pl002_is_not_applicable_to_few_rows_or_a_target_that_hardly_varies() -> None:
    of = sample(rows=250, x=(NUMBER, HIDDEN))
    assert result("PL002", of).reason == "train has 150 rows, it takes 160"
    rare = np.arange(ROWS) % 101 == 1
    of = with_target(sample(x=(NUMBER, rare * 1.0)), rare[:600])
    assert result("PL002", of).reason == "the target hardly varies in train"


def test_pl002_has_a_limit() -> None:
    mostly = np.where(np.arange(ROWS) % 21 == 0, ~FLAG, FLAG)
    of = sample(x=(FLAGGED, mostly))
    assert findings("PL002", of) == []
    assert findings("PL002", of, determined=0.5) == ["x"]


def test_pl003_finds_identifiers_among_categories_and_integers() -> None:
    rising = range(ROWS)
    of = sample(
        key=(CATEGORY, [f"k{i}" for i in rising]),
        number=({"type": "integer"}, rising),
        essay=({"type": "text"}, [f"Once upon a time {i}" for i in rising]),
        measure=(NUMBER, np.arange(ROWS) * 1.0),
        shop=(CATEGORY, [f"s{i % 60}" for i in rising]),
    )
    assert findings("PL003", of) == ["key", "number"]
    assert findings("PL003", of, identifying=0.1) == ["key", "number", "shop"]
    assert result("PL003", of).stops


def test_pl003_counts_rows_that_have_a_value() -> None:
    few = ({**CATEGORY, "missing": 1.0}, [f"k{i}" if i < 49 else None for i in range(ROWS)])
    many = ({**CATEGORY, "missing": 1.0}, [f"k{i}" if i < 50 else None for i in range(ROWS)])
    assert findings("PL003", sample(few=few, many=many)) == ["many"]


def test_pl003_is_not_applicable_without_such_a_feature_or_enough_rows() -> None:
    assert result("PL003", sample()).reason == "no feature is a category or an integer"
    of = sample(rows=80, key=(CATEGORY, [f"k{i}" for i in range(ROWS)]))
    assert result("PL003", of).reason == "train has 48 rows, it takes 50"


def repeated(of: Sample, *, validation: int, test: int) -> Sample:
    def some(rows: pd.DataFrame, number: int) -> pd.DataFrame:
        copies = of.train.iloc[100 : 100 + number]
        return pd.concat([copies, rows.iloc[number:]], ignore_index=True)

    return Sample(
        of.contract, of.train, some(of.validation, validation), some(of.test, test), of.method
    )


def test_pl004_finds_held_out_rows_that_stand_in_train() -> None:
    keys = ({"type": "text", "role": "id"}, [f"k{i}" for i in range(ROWS)])
    of = sample(key=keys, kind=(CATEGORY, KIND))
    assert findings("PL004", repeated(of, validation=10, test=10)) == []
    answer = result("PL004", repeated(of, validation=10, test=11))
    assert [(d.name, d.figure) for d in answer.findings] == [("test", 11 / 200)]
    assert answer.stops
    assert findings("PL004", repeated(of, validation=11, test=200)) == ["validation", "test"]
    assert findings("PL004", repeated(of, validation=11, test=0), duplicates=0.1) == []


def test_pl004_takes_rows_that_differ_in_the_target_alone_for_different() -> None:
    of = sample()
    flipped = of.train.head(200).assign(y=~of.train["y"].head(200))
    assert findings("PL004", Sample(of.contract, of.train, of.validation, flipped, "id")) == []


def with_times(method: str, held_out: datetime) -> Sample:
    of = sample(method=method, when=({"type": "datetime", "role": "time"}, TIMES))
    times = pd.Series([held_out, *TIMES[801:]], dtype=of.test["when"].dtype)
    test = of.test.assign(when=times)
    return Sample(of.contract, of.train, of.validation, test, method)


@pytest.mark.parametrize("method", ["time", "id", "group", "random"])
def test_pl005_finds_training_rows_from_the_future(method: str) -> None:
    of = with_times(method, TIMES[589])
    answer = result("PL005", of)
    assert [(d.name, d.figure) for d in answer.findings] == [("test", 10 / 600)]
    assert "10 training rows (1.67%) are later than its earliest" in answer.findings[0].text
    assert TIMES[589].isoformat() in answer.findings[0].text
    # Only a split by time promised that there are none.
    assert answer.severity == ("error" if method == "time" else "warning")
    assert answer.stops == (method == "time")
    # A row of the same moment is not later.
    assert findings("PL005", with_times(method, TIMES[599])) == []


def test_pl005_is_not_applicable_without_time() -> None:
    assert result("PL005", sample()).reason == "no column has role time"


def test_pc001_warns_of_constant_features_and_pc002_of_empty_ones() -> None:
    late = [1.0] * 599 + [2.0] * (ROWS - 599)
    of = sample(
        same=(CATEGORY, ["a"] * ROWS),
        one=(NUMBER, [1.0] * 600 + [2.0] * 400),
        late=(NUMBER, late),
        seldom=({**NUMBER, "missing": 1.0}, [1.0, *[None] * (ROWS - 1)]),
        never=({**NUMBER, "missing": 1.0}, [None] * ROWS),
        aside=({**NUMBER, "role": "group"}, [1.0] * ROWS),
    )
    assert findings("PC001", of) == ["same", "one"]
    assert findings("PC002", of) == ["never"]
    assert not result("PC001", of).stops
    assert not result("PC002", of).stops


def test_findings_stop_all_at_once_unless_accepted() -> None:
    of = sample(copy=(FLAGGED, FLAG), key=(CATEGORY, [f"k{i}" for i in range(ROWS)]))
    with pytest.raises(PerennialError) as caught:
        refuse_findings(run_checks(of, Checks()))
    message = str(caught.value)
    for part in ("PL001", "PL002", "PL003", "copy", "600 values in 600 rows", "lambda 1.0000"):
        assert part in message
    assert message.count("remedy: ") == 3
    assert "prepare.checks.accept: [PL001, PL002, PL003]" in message
    with pytest.raises(PerennialError) as caught:
        refuse_findings(run_checks(of, Checks(accept=["PL001", "PL002"])))
    assert "prepare.checks.accept: [PL003]" in str(caught.value)
    results = run_checks(of, Checks(accept=["PL001", "PL002", "PL003"]))
    refuse_findings(results)
    # Accepted is not passed.
    assert [r.status for r in results[:3]] == ["finding"] * 3


def test_a_record_holds_status_figures_and_reasons() -> None:
    of = sample(copy=(FLAGGED, FLAG))
    records = {r.check.code: r.record() for r in run_checks(of, Checks(accept=["PL001"]))}
    assert records["PL001"] == {
        "code": "PL001",
        "title": CHECKS[0].title,
        "severity": "error",
        "status": "finding",
        "accepted": True,
        "remedy": CHECKS[0].remedy,
        "details": [
            {"name": "copy", "figure": 1.0, "text": "one-to-one with the target's classes"}
        ],
    }
    assert records["PL005"]["status"] == "not applicable"
    assert records["PL005"]["reason"] == "no column has role time"
    assert records["PC001"]["status"] == "pass"


def test_every_code_is_registered_and_documented() -> None:
    assert [check.code for check in CHECKS] == list(get_args(CheckCode))
    page = (Path(__file__).parents[3] / "docs/checks.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (P[LC]\d{3}): (.+)$", page, re.M))
    assert sections == {check.code: check.title for check in CHECKS}
    for check in CHECKS:
        section = page.partition(f"## {check.code}:")[2].partition("\n## ")[0]
        assert f"**Severity:** {check.severity}" in section
        assert f"accept: [{check.code}]" in section
