"""What changed in the recipe between two revisions: parameters, packages, stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perennial.params.yamlfile import load
from perennial.review.compare.changes import Change, changes
from perennial.review.revision.revision import Revision
from perennial.runtime.environment import pinned

LOCK = "requirements/build.txt"
PARAMS = "params.yaml"
STAGES = "dvc.lock"


@dataclass(frozen=True)
class RecipeChange:
    """How the recipes of two revisions differ."""

    params: list[Change]
    """By dotted key."""
    packages: list[Change]
    """Pins of `requirements/build.txt`."""
    stages: list[tuple[str, list[str]]]
    """Each stage whose inputs differ, and which: paths and parameters."""


def recipe_change(base: Revision, head: Revision) -> RecipeChange:
    """Compare parameters, pins and stages of two revisions."""
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
    by_key: dict[str, Any] = {}
    for name, item in value.items():
        by_key |= flat(item, f"{key}.{name}" if key else str(name))
    return by_key


def stage_changes(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The stages whose recorded inputs differ, with these inputs, by two `dvc.lock`."""
    before, after = (
        {name: _inputs(stage) for name, stage in lock.get("stages", {}).items()}
        for lock in (base, head)
    )
    by_stage = {
        name: [change.name for change in changes(before.get(name, {}), after.get(name, {}))]
        for name in dict.fromkeys([*before, *after])
    }
    return [(name, inputs) for name, inputs in by_stage.items() if inputs]


def _inputs(stage: dict[str, Any]) -> dict[str, Any]:
    files = {dep["path"]: dep.get("md5") for dep in stage.get("deps", [])}
    return files | {
        name: value
        for params in stage.get("params", {}).values()
        for name, value in flat(params).items()
    }
