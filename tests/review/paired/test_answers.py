"""Both models answer the same rows, none of which the base has learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from perennial.data import parquet
from perennial.data.contract import Contract
from perennial.review.paired.answers import Incomparable, ask_both, learnt_by, refuse_other_question
from perennial.review.revision.revision import NEEDED, Revision

if TYPE_CHECKING:
    from conftest import Project


def contract(**columns: dict[str, Any]) -> Contract:
    described = {"x": {"type": "number"}, "y": {"type": "boolean", "role": "target"}, **columns}
    return Contract.model_validate({"version": 1, "name": "t", "columns": described})


def revision(folder: Path) -> Revision:
    absent = {name: "not there" for name in NEEDED if not (folder / name).exists()}
    return Revision("base", None, folder, absent)


def learnt(folder: Path, train: dict[str, Any], validation: dict[str, Any]) -> Revision:
    (folder / "data/prepared").mkdir(parents=True)
    for side, rows in (("train", train), ("validation", validation)):
        parquet.write(folder / f"data/prepared/{side}.parquet", pa.table(rows))
    return revision(folder)


def test_rows_are_the_same_if_their_ids_are(tmp_path: Path) -> None:
    base = learnt(tmp_path, {"key": ["a"], "x": [1.0]}, {"key": ["b"], "x": [2.0]})
    table = pa.table({"key": ["a", "b", "c"], "x": [9.0, 9.0, 1.0]})
    result = learnt_by(base, table, contract(key={"type": "text", "role": "id"}))
    assert result.tolist() == [True, True, False]


def test_without_an_id_if_every_value_is(tmp_path: Path) -> None:
    base = learnt(tmp_path, {"x": [1.0], "y": [True]}, {"x": [2.0], "y": [False]})
    table = pa.table({"x": [1.0, 1.0, 2.0], "y": [True, False, False]})
    assert learnt_by(base, table, contract()).tolist() == [True, False, True]


def test_rows_without_the_ids_of_the_head_cannot_be_compared(tmp_path: Path) -> None:
    base = learnt(tmp_path, {"x": [1.0]}, {"x": [2.0]})
    with pytest.raises(Incomparable, match="the base's rows have no key"):
        learnt_by(base, pa.table({"key": ["a"]}), contract(key={"type": "text", "role": "id"}))


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"y": {"type": "number", "role": "target"}}, "task"),
        ({"y": {"type": "boolean", "role": "ignored"}, "z": {"type": "boolean", "role": "target"}},
         "target"),
        ({"y": {"type": "category", "role": "target", "categories": ["a", "b"]}}, "classes"),
    ],
)  # fmt: skip
def test_another_question_is_refused(columns: dict[str, Any], what: str) -> None:
    refuse_other_question(contract(), contract())
    with pytest.raises(Incomparable, match=f"the {what} (is|are) "):
        refuse_other_question(contract(**columns), contract())


def test_rows_that_the_base_has_learnt_from_are_left_out_and_counted(
    project: Project, tmp_path: Path
) -> None:
    """The head tests on a row that the base had in training."""
    head = project.copy(tmp_path / "head")
    paths = [project.root / f"data/prepared/{side}.parquet" for side in ("train", "test")]
    train, test = (parquet.read(path) for path in paths)
    parquet.write(
        head.root / "data/prepared/test.parquet", pa.concat_tables([test, train.slice(0, 3)])
    )
    result = ask_both(revision(head.root), revision(project.root))
    assert result.excluded == 3
    assert result.table.num_rows == result.head.rows == result.base.rows == test.num_rows
    assert not pc.any(pc.is_in(result.table["plant"], train["plant"].combine_chunks())).as_py()

    parquet.write(head.root / "data/prepared/test.parquet", train)
    with pytest.raises(Incomparable, match=r"the base had all \d+ test rows"):
        ask_both(revision(head.root), revision(project.root))
