"""The schema of `params.yaml` and `data/contract.yaml`: JSON Schema for editors, tables for people.

``python docs/tables/parameters.py`` writes both into `docs/`.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from perennial.data.contract import Contract
from perennial.params.build import BuildParams
from perennial.review.params.compare import Compare
from perennial.review.params.gate import Gate
from perennial.runtime import jsonfile

DOCS = Path("docs")


class Params(BuildParams):
    """The parameters of the pipeline, and of the reviews of its results: `params.yaml`.

    No stage reads `compare` and `gate`: what is wrong in them stops the commands that do, and
    `perennial verify --quick` lists it.
    """

    compare: Compare = Compare()
    """How two revisions are compared."""
    gate: Gate = Gate()
    """What a model has to meet before it takes the champion's place."""


_TITLES: dict[str, tuple[str, type[BaseModel]]] = {
    "params": ("`params.yaml`", Params),
    "contract": ("`data/contract.yaml`", Contract),
}


class _Documented(GenerateJsonSchema):
    """A schema whose description of a key is the text under it.

    Pydantic's own `use_attribute_docstrings` reads the source when a class is made: every stage
    would wait for texts that it never shows.
    """

    def model_schema(self, schema: Any) -> dict[str, Any]:
        described = super().model_schema(schema)
        for key, text in _texts(schema["cls"]).items():
            described["properties"][key]["description"] = text
        return described


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """The string under each field of a class and of those that it is made from."""
    texts = {}
    for part in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in pairwise(body.body):
            match field, below:
                case ast.AnnAssign(ast.Name(key)), ast.Expr(ast.Constant(str(text))):
                    texts[key] = inspect.cleandoc(text)
    return texts


def documents() -> dict[str, str]:
    """Every document that follows from the models, by path below `docs/`."""
    pages = {}
    for name, (title, model) in _TITLES.items():
        schema = model.model_json_schema(schema_generator=_Documented)
        pages[f"schemas/{name}.json"] = jsonfile.dumps(schema)
        pages[f"reference/{name}.md"] = reference(title, schema)
    return pages


def reference(title: str, schema: dict[str, Any]) -> str:
    """Turn a JSON Schema of Pydantic into tables of keys, as Markdown."""
    head = (
        f"# {title}\n\nWritten by `python docs/tables/parameters.py`. A key that is not here, or "
        "a value of another type, stops every stage.\n"
    )
    parts = [_table("", schema, schema)]
    parts += [_table(name, body, schema) for name, body in _sections(schema)]
    return head + "\n" + "\n".join(parts)


def _sections(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, body in schema["$defs"].items():
        if "properties" in body:
            yield name, body


def _table(name: str, body: dict[str, Any], schema: dict[str, Any]) -> str:
    about = re.sub(r"\s+", " ", body.get("description", ""))
    head = f'<a id="{name.lower()}"></a>\n\n## {name}\n\n{about}\n\n' if name else f"{about}\n\n"
    required = set(body.get("required", []))
    rows = [
        f"| `{key}` | {_kind(field, schema)} | {_default(key, field, required)} | "
        f"{_about(field, schema)} |"
        for key, field in body["properties"].items()
    ]
    return "\n".join(
        [head + "| Key | Value | Default | Meaning |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _about(field: dict[str, Any], schema: dict[str, Any]) -> str:
    named = str(field.get("$ref", "")).rpartition("/")[2]
    about = field.get("description") or schema["$defs"].get(named, {}).get("description", "")
    return re.sub(r"\s+", " ", about)


def _default(key: str, field: dict[str, Any], required: set[str]) -> str:
    if key in required:
        return "required"
    default = field.get("default")
    if isinstance(default, dict) or "$ref" in field:
        return ""
    if default is None:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _kind(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in field:
            kinds = [_kind(item, schema) for item in field[union] if item.get("type") != "null"]
            return " or ".join(kinds)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), schema) or 'values'}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return (
            f"by name: {_kind(inner, schema)}"
            if isinstance(inner, dict) and inner
            else "keys and values"
        )
    return f"{field.get('type', 'any value')}{_range(field)}"


def _range(field: dict[str, Any]) -> str:
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
    }
    limits = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    return f" {', '.join(limits)}" if limits else ""


def main() -> None:
    """Write the documents."""
    for name, text in documents().items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
