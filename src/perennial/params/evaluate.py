"""Parameters of `evaluate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from perennial.params.yamlfile import Closed


class Importance(Closed):
    """Permutation importance."""

    rows: int = Field(2_000, ge=1)
    """Test rows that it looks at, at most."""
    repeats: int = Field(3, ge=1)
    """Shuffles of each column."""


class Evaluate(Closed):
    """What is measured, and how surely."""

    primary: str | None = None
    """The metric that decides; by default roc_auc, log_loss or rmse by task."""
    resamples: int = Field(1_000, ge=100)
    """Bootstrap resamples behind each interval."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the intervals."""
    seed: int = Field(0, ge=0)
    """Seed of the resamples and of the shuffles."""
    slices: list[str] = []
    """Columns whose values make slices: categories, booleans or numbers (in quarters)."""
    slice_min_rows: int = Field(200, ge=1)
    """Smaller slices are counted, not evaluated."""
    importance: Importance = Importance()
    """Permutation importance."""
