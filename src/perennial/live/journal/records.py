"""What a journal holds: predictions, and the events that say what came true."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer to one row, as it was given."""

    id: UUID
    time: int
    """Microseconds since 1970, UTC."""
    model: str
    version: str
    """Of the model: a registered version, or the commit; empty where neither is known."""
    digest: str
    """SHA-256 of the bundle's manifest: which bundle has answered."""
    inputs: str
    """The row as it was sent, as a JSON object; sensitive columns as a setting has it."""
    fingerprint: bytes
    """A keyed hash of the whole row: whether two requests asked the same."""
    scores: str
    """JSON: the probability of each class, or the value."""
    label: str
    """JSON: the class or the value that was answered."""
    latency: int = 0
    """Microseconds."""
    caller: str | None = None
    """The caller's own id: one prediction for each of them and each model."""
    key: str | None = None
    """The row's columns of role `id`, by which labels may come."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A caller's id that another row was sent with before; nothing was recorded."""

    caller: str
    earlier: UUID


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """What somebody says came true, of one prediction or of all of one key."""

    value: Any
    """None withdraws what was said before."""
    outcome_time: int
    """Microseconds since 1970, UTC: when it came true."""
    arrival_time: int
    """When the journal heard of it."""
    prediction: UUID | None = None
    model: str | None = None
    key: str | None = None
    """With `model`: of every prediction of this key that was made up to `outcome_time`."""

    def __post_init__(self) -> None:
        by_key = self.model is not None and self.key is not None
        if (self.prediction is not None) == by_key:
            raise ValueError("a label event names a prediction, or a model and a key")


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a reader has come: in predictions, and in label events."""

    prediction: int = 0
    event: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A prediction with what came true of it."""

    prediction: Prediction
    value: Any
    is_absent: bool = False
    """Whether the value stands for a horizon that passed without an event."""


@dataclass(frozen=True, slots=True)
class Matured:
    """Predictions whose label a reader may use now, and how far it has come with them."""

    rows: list[Labelled] = field(default_factory=list)
    watermark: Watermark = Watermark()
