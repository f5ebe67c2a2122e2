"""The data contract: what a row is.

`data/contract.yaml` is the single source. `prepare` validates with it, `train` decides its
preprocessing by it, `export` writes it into the bundle, whose requests are checked against it.

Why so: docs/decisions.md#d11
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from perennial.model.types import text_of
from perennial.params import paths
from perennial.params.yamlfile import Closed, load, parse

CONTRACT = paths.CONTRACT

Type = Literal["category", "number", "integer", "datetime", "text", "boolean"]
Role = Literal["feature", "target", "time", "id", "group", "ignored"]
Part = Literal["year", "month", "day", "weekday", "day_of_year", "hour", "minute", "minute_of_day"]
Task = Literal["binary", "multiclass", "regression"]
Share = Annotated[float, Field(ge=0, le=1)]


def _plain(value: Any) -> Any:
    # One message, and not one for each type that it is not.
    if type(value) not in {str, bool, int, float}:
        raise ValueError("a category is a text, a number or a boolean")
    return value


Category = Annotated[str | bool | int | float, BeforeValidator(_plain)]

#: Calendar parts that a datetime feature becomes when the contract names none.
DEFAULT_PARTS: tuple[Part, ...] = ("month", "day", "weekday", "minute_of_day")


class Column(Closed):
    """One column of a row."""

    type: Type
    """What its values are."""
    role: Role = "feature"
    """What it is for."""
    categories: list[Category] | None = None
    """Allowed values of a category, in order; any by default. A target must list them.
    Tables hold them as text, and answers come back as the type that they are written in."""
    positive: str | bool | int | float | None = None
    """The category that counts as positive when a target has two; the last by default."""
    min: float | str | None = None
    """Smallest value allowed (a number, or an ISO 8601 date and time in quotes)."""
    max: float | str | None = None
    """Largest value allowed."""
    missing: Share = 0.0
    """Share of rows that may lack it. At 0 a row that lacks it is rejected."""
    parts: list[Part] | None = None
    """Calendar parts that a datetime becomes. On the time column: none by default."""
    sensitive: bool = False
    """Never copied into a bundle's reference sample, distributions or examples."""
    unit: str = ""
    """Unit of measure, for people; a CSV file may write it beside every number of the column."""
    description: str = ""
    """What it means, for people."""

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.categories is not None and self.type != "category":
            raise ValueError(f"categories go with type category, not {self.type}")
        if len({type(value) for value in self.categories or []}) > 1:
            raise ValueError("categories are of one type: put texts into quotes")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("categories are listed twice")
        if self.parts is not None and self.type != "datetime":
            raise ValueError(f"parts go with type datetime, not {self.type}")
        self._check_bounds()
        self._check_role()
        return self

    def _check_bounds(self) -> None:
        given = {"min": self.min, "max": self.max}
        bounds = {key: bound for key, bound in given.items() if bound is not None}
        allowed = {"number": (int, float), "integer": (int, float), "datetime": (str,)}
        if bounds and self.type not in allowed:
            raise ValueError(f"min and max do not go with type {self.type}")
        if any(not isinstance(bound, allowed[self.type]) for bound in bounds.values()):
            raise ValueError(f"min and max of a {self.type} must be of that type")
        values: list[Any] = [
            _moment(key, bound) if isinstance(bound, str) else bound
            for key, bound in bounds.items()
        ]
        if len(values) == 2 and values[0] > values[1]:
            raise ValueError("min is above max")

    def _check_role(self) -> None:
        if self.role == "time" and self.type != "datetime":
            raise ValueError("the time column must be of type datetime")
        if self.role == "target":
            if self.type in {"text", "datetime"}:
                raise ValueError(f"a target cannot be of type {self.type}")
            if self.type == "category" and len(self.categories or []) < 2:
                raise ValueError("a target of type category must list its categories, two or more")
        if self.positive is not None and (
            self.role != "target"
            or len(self.categories or []) != 2
            or text_of(self.positive) not in self.labels
        ):
            raise ValueError("positive names one of the two categories of a target")

    @property
    def labels(self) -> list[str]:
        """The categories as tables hold them; empty if any value is allowed."""
        return [text_of(value) for value in self.categories or []]


class Requests(Closed):
    """How a bundle answers."""

    outside: Literal["answer", "mark", "refuse"] = "mark"
    """What it does with a value that prepare would reject: below `min`, above `max`, or not among
    `categories`. It answers, answers with a mark that says why, or refuses the request. A missing
    value that may not be is refused always."""


class Contract(Closed):
    """What a row is, column by column."""

    version: Literal[1]
    """Version of this file's format."""
    name: str
    """A short name of the data set."""
    description: str = ""
    """What a row stands for, for people."""
    columns: dict[str, Column] = Field(min_length=2)
    """The columns by name, in order."""
    requests: Requests = Requests()
    """How a bundle answers."""

    @model_validator(mode="after")
    def _roles(self) -> Contract:
        for role in ("target", "time", "id", "group"):
            names = self.of_role(role)
            if len(names) > 1:
                raise ValueError(f"more than one column has role {role}: {', '.join(names)}")
        if not self.of_role("target"):
            raise ValueError("no column has role target")
        if not self.features:
            raise ValueError("no column has role feature")
        return self

    def of_role(self, role: str) -> list[str]:
        """Names of the columns that have a role, in order."""
        return [name for name, column in self.columns.items() if column.role == role]

    def only(self, role: str) -> str | None:
        """Name of the one column that has a role, or None."""
        return next(iter(self.of_role(role)), None)

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.of_role("target")[0]

    @property
    def features(self) -> list[str]:
        """Names of the columns that a model may look at: features, and a time that has parts."""
        return [
            name
            for name, column in self.columns.items()
            if column.role == "feature" or (column.role == "time" and column.parts)
        ]

    @property
    def task(self) -> Task:
        """The kind of task that the target sets."""
        column = self.columns[self.target]
        if column.type == "boolean":
            return "binary"
        if column.type == "category":
            return "binary" if len(column.categories or []) == 2 else "multiclass"
        return "regression"

    @property
    def classes(self) -> list[str] | list[bool]:
        """The target's classes, the positive one last when there are two; empty for regression.

        As tables hold them: a category is a text.
        """
        if self.columns[self.target].type == "boolean":
            return [False, True]
        return [text_of(value) for value in self.answers]

    @property
    def answers(self) -> list[Any]:
        """The classes in the type that the contract writes them in, which a model answers with."""
        column = self.columns[self.target]
        if column.type == "boolean":
            return [False, True]
        # Of two, the one that is not positive goes first; otherwise the order stays.
        last = None if column.positive is None else text_of(column.positive)
        return sorted(column.categories or [], key=lambda value: text_of(value) == last)


def read_contract(path: Path = CONTRACT) -> Contract:
    """Read and check the contract; the `PerennialError` lists every breach."""
    return parse(Contract, load(path), where=str(path))


def _moment(key: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError(
            f"{key} is {text!r}, which is no ISO 8601 date and time without zone; "
            'write it as "2013-01-31T23:59:00"'
        )
    return moment
