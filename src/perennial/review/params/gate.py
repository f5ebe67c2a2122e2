"""Parameters of `perennial gate`: the policy that a model has to meet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from perennial.params import paths
from perennial.params.yamlfile import Closed, load, parse

Anchor = Literal["best", "first", "none"]


class Range(Closed):
    """A range with its ends; one end may be left open."""

    low: float | None = None
    """The least that is allowed."""
    high: float | None = None
    """The most that is allowed."""

    @model_validator(mode="after")
    def _hold_something(self) -> Range:
        if self.low is None and self.high is None:
            raise ValueError("a range needs low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low ({self.low:g}) lies above high ({self.high:g})")
        return self


class Gate(Closed):
    """What a model has to meet before it takes the champion's place."""

    floors: dict[str, float] = {}
    """The least that a metric may be, by name, where higher is better."""
    ceilings: dict[str, float] = {}
    """The most that a metric, or its size, may be, by name, where lower or nearer 0 is better."""
    margin: float | None = Field(None, ge=0)
    """How much worse than the champion's the primary metric may be, in its own units. By default
    0.01 for a metric between 0 and 1; any other needs a number here."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Chance of a wrong pass that all looks at one test set share, and level of the tests on
    slices."""
    planned_looks: int = Field(10, ge=1)
    """Models that one test set is to judge: half of alpha is spent on them, and then a fresh
    holdout is due."""
    anchor: Anchor = "best"
    """The former champion that a model may lose no more than the margin against, either: the best
    so far on these rows, the first, or none."""
    rare_share: float | None = Field(None, gt=0, le=1)
    """The least share of days or groups (0.05 by default) or rows (0.01) that a loss of the margin
    is taken to sit in: one in fewer of them can slip through. The rarer, the more of them a pass
    needs; with 1, a loss is taken to be the same everywhere, and few suffice."""
    slice_min_rows: int = Field(500, ge=2)
    """Smaller slices are not judged."""
    max_calibration_error: float | None = Field(None, ge=0, le=1)
    """The most that the calibration error may be."""
    label_rate: Range | None = None
    """Where the share of positives of each side lies; of each class, where there are several; or
    the target's mean."""
    reject_share: Range | None = None
    """Where the share of raw rows that break the contract lies."""
    max_bundle_bytes: int | None = Field(None, ge=1)
    """The most that the bundle's files may weigh."""


def gate_params(path: Path = paths.PARAMS) -> Gate:
    """Read and check the section `gate` of a `params.yaml`."""
    return parse(Gate, load(path).get("gate", {}), where=f"{path}: gate")
