"""What every store of a journal does, and the rule by which labels are resolved.

Of several events about one prediction the newest outcome counts; of those with one outcome time,
the one that arrived last; of those that arrived together, the greatest value as JSON text. So the
order in which events are written makes no difference.

Why so: docs/decisions.md#d69
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from perennial.live.journal.records import (
    Conflict,
    LabelEvent,
    Matured,
    Prediction,
    Watermark,
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


class Store(Protocol):
    """A place for predictions and label events. What a method has written is on the disk."""

    def append(self, predictions: Sequence[Prediction]) -> list[Prediction | Conflict]:
        """Write predictions, all or none.

        For each, what counts: itself; the earlier prediction of the same caller's id and row; or
        a conflict with one of another row.
        """
        ...

    def append_events(self, events: Sequence[LabelEvent]) -> None:
        """Write label events, all or none."""
        ...

    def find(self, prediction: UUID) -> Prediction | None:
        """A prediction by its id."""
        ...

    def matured(
        self,
        model: str,
        since: Watermark,
        *,
        now: int,
        horizon: Horizon | None,
        limit: int = 10_000,
    ) -> Matured:
        """Predictions whose value is new or changed since a watermark, in order of writing.

        Without a horizon a prediction has matured when an event has come; with one, when its
        length has passed. At most about `limit` new rows; the watermark says how far.
        """
        ...

    def statistics(self, model: str | None = None) -> Statistics:
        """Count what there is, of one model or of all."""
        ...

    def prune(self, before: int) -> int:
        """Remove predictions of before a time with their events; how many predictions."""
        ...

    def close(self) -> None:
        """Give the place back."""
        ...
