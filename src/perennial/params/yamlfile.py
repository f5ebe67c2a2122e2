"""YAML read as DVC reads it, and checked against a closed model.

DVC reads YAML 1.2 through ruamel.yaml, where ``1e-3`` is a number and ``on`` a string; PyYAML reads
YAML 1.1, where they are the other way round. The same parser makes sure that a stage computes with
the very value that DVC recorded.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

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


def load(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Parameters
    ----------
    path : Path
        The file to read.

    Returns
    -------
    dict
        Its top-level mapping.

    Raises
    ------
    PerennialError
        If the file is missing, is not YAML, is not a mapping, or holds an unquoted date.
    """
    try:
        value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PerennialError(
            "the file is missing", where=str(path), hint=f"git restore {path}"
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PerennialError(f"not valid YAML: {error.problem}", where=f"{path}{line}") from None
    except YAMLError as error:
        reason = str(error).splitlines()[0]
        raise PerennialError(f"not valid YAML: {reason}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise PerennialError(f"not UTF-8 text: {error.reason}", where=str(path)) from None
    except ValueError as error:
        # An unquoted 2013-09-31 looks like a date and is none.
        raise PerennialError(
            f"a value cannot be read: {error}", where=str(path), hint="put dates into quotes"
        ) from None
    if not isinstance(value, dict):
        raise PerennialError("expected keys and values at the top", where=str(path))
    for key, date in _dates(value):
        raise PerennialError(
            f"{key} is an unquoted date ({date}), which DVC cannot hash",
            where=str(path),
            hint=f'quote it: "{date}"',
        )
    return value


def parse(model: type[Model], value: Any, *, where: str) -> Model:
    """Check a value against a model, and tell every breach at once.

    Parameters
    ----------
    model : type
        A Pydantic model.
    value : object
        What was read.
    where : str
        The file, for the message.

    Returns
    -------
    Model
        The typed value.

    Raises
    ------
    PerennialError
        If a key, a type or a value is wrong: the message names each key, its value and what is
        allowed.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        breaches = listed(_told(item, value) for item in error.errors())
        raise PerennialError(f"{error.error_count()} wrong:{breaches}", where=where) from None


def _told(error: Any, value: Any) -> str:
    key = _key(error["loc"], value, is_missing=error["type"] == "missing")
    if error["type"] == "extra_forbidden":
        return f"{key}: no such key"
    if error["type"] == "missing":
        return f"{key}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    shown = "" if isinstance(given, dict) else f" (it is {given!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


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
    if isinstance(value, datetime.date):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _dates(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _dates(item, f"{key}[{place}]")
