"""Parameters of `prepare`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from perennial.params.yamlfile import Closed

Share = Annotated[float, Field(ge=0, le=1)]
HeldOut = Annotated[float, Field(gt=0, lt=1)]
Validation = Annotated[float, Field(ge=0, lt=1)]
CheckCode = Literal["PL001", "PL002", "PL003", "PL004", "PL005", "PC001", "PC002"]


class TimeSplit(Closed):
    """The last periods test, those before them validate, the rest train."""

    method: Literal["time"]
    """Split by time."""
    test: int = Field(1, ge=1)
    """Periods that test."""
    validation: int = Field(1, ge=0)
    """Periods before them that validate; 0 where nothing is chosen on validation."""


class ShareSplit(Closed):
    """Shares of the rows; by a hash of the key no row ever changes sides when data grow."""

    method: Literal["id", "group", "random"]
    """`id` and `group` hash the column of that role; `random` draws rows."""
    test: HeldOut = 0.2
    """Share of rows that test."""
    validation: Validation = 0.2
    """Share of rows that validate; 0 where nothing is chosen on validation."""
    seed: int = Field(0, ge=0)
    """Another seed, another split."""
    stratify: bool = False
    """`random` draws the shares from each class of the target, and not from all rows at once."""

    @model_validator(mode="after")
    def _consistent(self) -> ShareSplit:
        if self.test + self.validation >= 1:
            raise ValueError("test and validation together leave no rows to train on")
        if self.stratify and self.method != "random":
            raise ValueError(f"stratify goes with method random, not {self.method}")
        return self


class ColumnSplit(Closed):
    """A column of the table says of each row: train, validation or test."""

    method: Literal["column"]
    """Split as the table says."""
    name: str
    """The column, a category of role ignored; without validation rows nothing is chosen on them."""


Split = Annotated[TimeSplit | ShareSplit | ColumnSplit, Field(discriminator="method")]


class Checks(Closed):
    """Limits of the leakage checks, and which findings are accepted."""

    determined: Share = 0.98
    """A single feature that takes away this share of the errors nearly determines the target."""
    identifying: Share = 0.95
    """A discrete feature with this share of distinct values is an identifier."""
    duplicates: Share = 0.05
    """Share of held-out rows that may stand in training, to the letter."""
    accept: list[CheckCode] = []
    """Codes of findings that are known and accepted: reported, and no reason to stop."""


class Prepare(Closed):
    """How raw rows become train, validation and test."""

    split: Split = TimeSplit(method="time")
    """Who trains, validates and tests."""
    max_reject_share: Share = 0.01
    """Share of rows that may break the contract before the stage stops."""
    checks: Checks = Checks()
    """Leakage checks."""
