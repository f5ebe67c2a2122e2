"""What the leakage checks look at, and what they find."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.prepare import Checks
from perennial.runtime.checks import Check, NotApplicable

__all__ = ["Detail", "LeakageCheck", "NotApplicable", "Sample"]


@dataclass(frozen=True, eq=False)
class Sample:
    """The sides that the checks compare, without NaN and each row with its target."""

    contract: Contract
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    method: str
    """How the rows were split."""

    @property
    def held_out(self) -> dict[str, pd.DataFrame]:
        """The sides that train never sees, by name, but for a validation without rows."""
        sides = {"validation": self.validation, "test": self.test}
        return {name: rows for name, rows in sides.items() if len(rows)}


@dataclass(frozen=True)
class Detail:
    """A finding: the column or the side, what was measured, and the figure in words."""

    name: str
    figure: float
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class LeakageCheck(Check[[Sample, Checks]]):
    """A check of prepared rows."""

    warns_under: frozenset[str] = frozenset()
    """Split methods under which an error is a warning only."""
