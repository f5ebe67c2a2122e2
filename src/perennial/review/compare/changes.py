"""Names whose values differ between two revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """A name with another value: None on the side that lacks it."""

    name: Any
    base: Any
    head: Any


def changes(base: Mapping[Any, Any], head: Mapping[Any, Any]) -> list[Change]:
    """The names whose values differ, in the base's order and then the head's."""
    names = dict.fromkeys([*base, *head])
    every = (Change(name, base.get(name), head.get(name)) for name in names)
    return [change for change in every if change.base != change.head]
