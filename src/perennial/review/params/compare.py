"""Parameters of `perennial compare`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from perennial.params import paths
from perennial.params.yamlfile import Closed, load, parse


class Compare(Closed):
    """How two revisions are compared."""

    resamples: int = Field(1_000, ge=100)
    """Bootstrap resamples behind each interval of a difference."""
    exchanges: int | None = Field(None, ge=100)
    """Without effect, and accepted for older files: p-values come from the intervals' own t."""
    seed: int = Field(0, ge=0)
    """Seed of resamples and refits."""
    refits: int = Field(3, ge=0)
    """Refits of the head with other seeds: a difference inside their spread is none. 0 for none."""
    min_blocks: int = Field(20, ge=2)
    """With fewer effective blocks (days, groups or rows) the verdict is `cannot tell`: a day with
    60% of the rows and nineteen others count as 2.7. A slice with fewer is not compared."""
    min_positives: int = Field(50, ge=1)
    """With fewer rows of the rarest class, likewise; of the rarer class in a slice."""


def compare_params(path: Path = paths.PARAMS) -> Compare:
    """The section `compare` of a `params.yaml`, checked."""
    return parse(Compare, load(path).get("compare", {}), where=f"{path}: compare")
