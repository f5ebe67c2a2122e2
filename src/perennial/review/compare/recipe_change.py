"""What changed in the recipe between two revisions: parameters, packages, stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perennial.params.yamlfile import load
from perennial.review.revision.revision import Revision
from perennial.runtime.environment import pinned

LOCK = "requirements/build.txt"
PARAMS = "params.yaml"
STAGES = "dvc.lock"


@dataclass(frozen=True)
class Change:
    """A name whose value is another: None where there was, or is, none."""

    name: str
    base: Any
    head: Any


@dataclass(frozen=True)
class RecipeChange:
    """All of it.

    Attributes
    ----------
    params : list of Change
        By dotted key.
    packages : list of Change
        Pins of `requirements/build.txt`.
    stages : list of tuple
        Each stage whose inputs differ, and which: paths and parameters.
    """

    params: list[Change]
    packages: list[Change]
    stages: list[tuple[str, list[str]]]


def recipe_change(base: Revision, head: Revision) -> RecipeChange:
    """Compare parameters, pins and stages of two revisions.

    Parameters
    ----------
    base, head : Revision
        With their files at hand.

    Returns
    -------
    RecipeChange
        What changed.

    Raises
    ------
    PerennialError
        If one of the files is missing, or cannot be read.
    """
    return RecipeChange(
        params=changes(*(flat(load(side.path(PARAMS))) for side in (base, head))),
        packages=changes(
            *(dict(pinned(side.path(LOCK).read_text(encoding="utf-8"))) for side in (base, head))
        ),
        stages=stage_changes(*(load(side.path(STAGES)) for side in (base, head))),
    )


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys; lists stay whole."""
    if not isinstance(value, dict) or not value:
        return {key: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flat(item, f"{key}.{name}" if key else str(name))
    return found


def changes(base: dict[str, Any], head: dict[str, Any]) -> list[Change]:
    """List the names whose values differ, in the base's order and then the head's."""
    names = dict.fromkeys([*base, *head])
    found = (Change(name, base.get(name), head.get(name)) for name in names)
    return [change for change in found if change.base != change.head]


def stage_changes(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """List the stages whose recorded inputs differ, by two `dvc.lock`.

    Parameters
    ----------
    base, head : dict
        Contents of `dvc.lock`.

    Returns
    -------
    list of tuple
        Stage, and the paths and parameters of it that differ.
    """
    inputs = [
        {name: _inputs(stage) for name, stage in lock.get("stages", {}).items()}
        for lock in (base, head)
    ]
    found = [
        (
            name,
            [change.name for change in changes(inputs[0].get(name, {}), inputs[1].get(name, {}))],
        )
        for name in dict.fromkeys([*inputs[0], *inputs[1]])
    ]
    return [(name, names) for name, names in found if names]


def _inputs(stage: dict[str, Any]) -> dict[str, Any]:
    files = {dep["path"]: dep.get("md5") for dep in stage.get("deps", [])}
    return files | {
        name: value
        for params in stage.get("params", {}).values()
        for name, value in flat(params).items()
    }
