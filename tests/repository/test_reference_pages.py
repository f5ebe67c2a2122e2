"""What editors and people read about the keys is what the code checks."""

from __future__ import annotations

import json
from pathlib import Path

import parameters
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "text"), parameters.documents().items())
def test_the_documents_are_in_step(name: str, text: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == text, "run `python docs/tables/parameters.py`"


@pytest.mark.usefixtures("in_folder")
def test_they_are_written_where_params_yaml_points() -> None:
    parameters.main()
    example = ROOT / "tests/example/params.yaml"
    first, second = example.read_text(encoding="utf-8").splitlines()[:2]
    properties = json.loads(Path(first.rpartition("$schema=")[2]).read_text())["properties"]
    assert list(properties) == [
        "collect", "compare", "evaluate", "export", "gate", "prepare", "train",
    ]  # fmt: skip
    assert Path(second.split()[-1]).is_file()


@pytest.mark.parametrize("name", ["params", "contract"])
def test_every_key_and_value_of_the_repository_is_in_the_schema(name: str) -> None:
    schema = json.loads(parameters.documents()[f"schemas/{name}.json"])
    path = {"params": "params.yaml", "contract": "data/contract.yaml"}[name]
    assert YAML(typ="safe").load(ROOT / path).keys() <= schema["properties"].keys()
    column = schema["$defs"].get("Column", {"properties": {}})["properties"]
    parts = [*schema["properties"].values(), *column.values()]
    assert all("description" in part or "$ref" in part for part in parts)


@pytest.mark.parametrize("name", ["params", "contract"])
def test_the_page_has_a_row_for_every_key(name: str) -> None:
    documents = parameters.documents()
    page, schema = documents[f"reference/{name}.md"], json.loads(documents[f"schemas/{name}.json"])
    keys = [key for part in schema["$defs"].values() for key in part.get("properties", {})]
    for key in [*schema["properties"], *keys]:
        assert f"\n| `{key}` | " in page
