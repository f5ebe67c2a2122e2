"""What stores of a journal share, and the rule by which labels are resolved.

Of several events about one prediction the newest outcome counts; of those with one outcome time,
the one that arrived last; of those that arrived together, the greatest value as JSON text. So the
order in which events are written makes no difference.

Why so: docs/decisions.md#d69
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from perennial.live.journal.records import (
    Conflict,
    Prediction,
)
from perennial.runtime.errors import PerennialError


class JournalError(PerennialError):
    """A journal that cannot be read or written."""


class JournalFullError(JournalError):
    """So much waits to be written that nothing more is taken."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long an outcome may take, and what no event until then means."""

    length: int
    """Microseconds."""
    absent: Any = None
    """The value of a prediction whose horizon passed without an event; None for no value."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a journal holds."""

    predictions: int
    events: int
    labelled: int
    """Predictions with a value now."""
    orphans: int
    """Events that belong to no prediction."""
    first: int | None
    """Time of the earliest prediction."""
    last: int | None


class Appends(Protocol):
    """What `GroupWriter` needs of a store: see `SqlStore`."""

    def append(self, predictions: Sequence[Prediction]) -> list[Prediction | Conflict]:
        """Write predictions, all or none."""
        ...
