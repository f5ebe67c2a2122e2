"""A journal in a temporary file, and predictions for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial.live.journal.ids import IdSequence
from perennial.live.journal.records import Prediction
from perennial.live.journal.sqlite import SqliteStore

_IDS = IdSequence()


def prediction(**other: Any) -> Prediction:
    """A prediction of the flights model; every one has an id of its own."""
    values: dict[str, Any] = {
        "id": _IDS.next(),
        "time": 1_000,
        "model": "flights-late",
        "version": "v1.0.0",
        "digest": "ab" * 32,
        "inputs": '{"carrier": "UA", "distance": 719.0, "tailnum": null}',
        "fingerprint": b"row 1",
        "scores": "[0.25, 0.75]",
        "label": "true",
    }
    return Prediction(**{**values, **other})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A new journal."""
    journal = SqliteStore(tmp_path / "journal.sqlite")
    yield journal
    journal.close()
