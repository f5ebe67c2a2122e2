"""YAML read as DVC reads it, and checked against a closed model.

DVC reads YAML 1.2 through ruamel.yaml, where ``1e-3`` is a number and ``on`` a string; PyYAML by
itself reads YAML 1.1, where it is the other way round. Here PyYAML, whose parser is C and ten times
faster, resolves scalars by ruamel's rules, so that a stage computes with the value that DVC
recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.runtime.errors import PerennialError, listed


class Closed(BaseModel):
    """A frozen model that takes no unknown key and converts no type."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


Model = TypeVar("Model", bound=BaseModel)


_TAG = "tag:yaml.org,2002:"

#: Plain scalars of YAML 1.2 as ruamel.yaml resolves them; what is not here is as in YAML 1.1.
_RESOLVED = {
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "float": (
        r"""(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))$""",
        "-+0123456789.",
    ),
    "int": (
        r"(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$",
        "-+0123456789",
    ),
}

#: Levels of lists and mappings. The C parser recurses without a limit of its own.
_DEEPEST = 100


class _Date(str):
    """A plain scalar that looks like a date."""

    __slots__ = ()


def _bool(loader: Any, node: Any) -> bool:
    return bool(loader.construct_scalar(node).lower() == "true")


def _int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    # Octal is written 0o17: 017 is seventeen.
    return int(text, {"b": 2, "o": 8, "x": 16}.get(text.lstrip("+-")[1:2], 10))


def _float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    return float(text.replace(".", "") if text.endswith((".inf", ".nan")) else text)


def _date(loader: Any, node: Any) -> _Date:
    return _Date(loader.construct_scalar(node))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's loader with the scalars of YAML 1.2, and unique keys."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag.removeprefix(_TAG) not in _RESOLVED]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {
        f"{_TAG}bool": _bool,
        f"{_TAG}int": _int,
        f"{_TAG}float": _float,
        f"{_TAG}timestamp": _date,
        **{
            tag: yaml.SafeLoader.yaml_constructors[tag]
            for tag in (f"{_TAG}null", f"{_TAG}str", f"{_TAG}seq", f"{_TAG}map", None)
        },
    }

    def flatten_mapping(self, node: Any) -> None:
        # A mapping comes here again when others merge it, and then holds merged keys as well.
        if not hasattr(node, "is_checked"):
            node.is_checked = True
            self._refuse_duplicates(node)
        super().flatten_mapping(node)

    def _refuse_duplicates(self, node: Any) -> None:
        seen = set()
        for key_node, _ in node.value:
            is_merge = key_node.tag == f"{_TAG}merge"
            key = "<<" if is_merge else self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                continue  # refused by the loader itself, as a key that cannot be hashed
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}", key_node.start_mark
                )
            seen.add(key)


for _name, (_pattern, _first) in _RESOLVED.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(_pattern, re.X), list(_first))


def load(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; a `PerennialError` says what is wrong with a file that is none."""
    try:
        return loads(path.read_bytes(), where=str(path))
    except FileNotFoundError:
        raise PerennialError(
            "the file is missing", where=str(path), hint=f"git restore {path}"
        ) from None


def loads(content: bytes, *, where: str) -> dict[str, Any]:
    """Read the content of a YAML file, as `load` does."""
    try:
        value = _parsed(content.decode("utf-8"))
        dates = list(_dates(value))
    except RecursionError:
        raise PerennialError("an anchor that holds itself", where=where) from None
    except UnicodeDecodeError as error:
        raise PerennialError(f"not UTF-8 text: {error.reason}", where=where) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PerennialError(f"not valid YAML: {error.problem}", where=where + place) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise PerennialError(f"not valid YAML: {reason}", where=where) from None
    except ValueError as error:
        raise PerennialError(
            f"a value cannot be read: {error}", where=where, hint="put texts into quotes"
        ) from None
    if not isinstance(value, dict):
        raise PerennialError("expected keys and values at the top", where=where)
    for key, date in dates:
        raise PerennialError(
            f"{key} is an unquoted date ({date}), which DVC cannot hash",
            where=where,
            hint=f'quote it: "{date}"',
        )
    return value


def _parsed(text: str) -> Any:
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        problem = _problem(event, text, depth)
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
    return yaml.load(text, Loader=_Loader)  # noqa: S506  it is a safe loader


def _problem(event: Any, text: str, depth: int) -> str:
    """What this reader and DVC's may read differently, or neither can."""
    anchor = getattr(event, "anchor", None)
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(event, yaml.AliasEvent) or anchor is None:
        is_tagged = getattr(event, "tag", None) is not None
        has_version = getattr(event, "version", None) is not None
        return "an explicit tag" if is_tagged else "a %YAML directive" if has_version else ""
    behind = text[event.start_mark.index + len(anchor) + 1 :][:1]
    return "" if behind in " \r\n,]}" else f"{behind!r} in the name of an anchor"


def parse(model: type[Model], value: Any, *, where: str) -> Model:
    """Check a value against a model; the `PerennialError` lists every breach at once."""
    breaches = [breach for _, breach in faults(model, value)]
    if breaches:
        raise PerennialError(f"{len(breaches)} wrong:{listed(breaches)}", where=where)
    return model.model_validate(value)


def faults(model: type[BaseModel], value: Any) -> list[tuple[str, str]]:
    """What a model refuses in a value: the key, with dots, and the whole sentence."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_breach(item, value) for item in error.errors()]
    return []


def line_of(content: bytes, key: str) -> int:
    r"""The line where a key with dots stands in valid YAML, or the nearest key above it.

    >>> line_of(b"train:\n  params:\n    max_iter: 9\n", "train.params.depth")
    2
    """
    node, line = yaml.compose(content.decode("utf-8"), Loader=_Loader), 1
    for part in key.split("."):
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        # A list's items are counted: `slices.1`.
        if isinstance(node, yaml.SequenceNode) and part.isdecimal():
            entries = [(item, item) for item in node.value[int(part) : int(part) + 1]]
            part = entries[0][0].value if entries else part
        matches = [pair for pair in entries if pair[0].value == part]
        if not matches:
            break
        line, node = matches[0][0].start_mark.line + 1, matches[0][1]
    return line


def _breach(error: Any, value: Any) -> tuple[str, str]:
    key = _key(error["loc"], value, is_missing=error["type"] == "missing")
    return key, f"{key}: {_complaint(error)}"


def _complaint(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such key"
    if error["type"] == "missing":
        return "missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    shown = "" if isinstance(given, dict) else f" (it is {given!r})"
    return f"{message[0].lower()}{message[1:]}{shown}"


def _key(location: tuple[Any, ...], value: Any, *, is_missing: bool) -> str:
    # Pydantic puts the branch of a union into the path; people never wrote it, so it is left out.
    parts = []
    for place, part in enumerate(location):
        is_last = place == len(location) - 1
        is_inside = part in value if isinstance(value, dict) else isinstance(value, list)
        if is_inside:
            value = value[part]
        if is_inside or (is_last and is_missing):
            parts.append(str(part))
    return ".".join(parts) or "(top)"


def _dates(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, _Date):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = f"{key}.{name}" if key else str(name)
            yield from _dates(name, inner)
            yield from _dates(item, inner)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _dates(item, f"{key}[{place}]")
