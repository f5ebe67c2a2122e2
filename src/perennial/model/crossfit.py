"""Decisions that were fitted without the rows that they answer.

Why so: docs/decisions.md#d75
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.model.decision import Decision

Array = NDArray[Any]

#: Beside the baselines, which are not served either.
FILE = "crossfit.json"

#: Folds at most; the file has a digit for each row.
MOST_FOLDS = 10


@dataclass(frozen=True)
class Crossfit:
    """The fold of each row, and by model the decisions that the rows of the other folds made.

    Without decisions if there are too few rows for it, as `note` says.
    """

    note: str
    folds: Array
    decisions: dict[str, list[Decision]]

    def to_json(self) -> dict[str, Any]:
        """Describe it as a JSON value."""
        return {
            "note": self.note,
            "folds": "".join(map(str, self.folds.tolist())),
            "decisions": {
                name: [decision.to_json() for decision in decisions]
                for name, decisions in self.decisions.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Crossfit:
        """Rebuild what `to_json` described."""
        return cls(
            note=value["note"],
            folds=np.frombuffer(value["folds"].encode(), np.uint8) - ord("0"),
            decisions={
                name: [Decision.from_json(decision) for decision in decisions]
                for name, decisions in value["decisions"].items()
            },
        )
