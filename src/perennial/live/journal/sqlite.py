"""The journal in one SQLite file, for the workers of one machine.

Written ahead (WAL) with `synchronous=FULL`: a commit returns after its fsync. Predictions are
numbered as they are committed, so that a reader who has come to a number has seen all below it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from perennial.live.journal.records import (
    Conflict,
    LabelEvent,
    Labelled,
    Matured,
    Prediction,
    Watermark,
)
from perennial.live.journal.store import Horizon, JournalError, Statistics

#: Seconds to wait for another worker's commit.
PATIENCE = 30.0

#: Each brings a journal of the version before to its own; a journal's version is their number.
MIGRATIONS = (
    """
    CREATE TABLE predictions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        time INTEGER NOT NULL,
        model TEXT NOT NULL,
        version TEXT NOT NULL,
        digest TEXT NOT NULL,
        inputs TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        scores TEXT NOT NULL,
        label TEXT NOT NULL,
        latency INTEGER NOT NULL,
        caller TEXT,
        key TEXT
    );
    CREATE UNIQUE INDEX caller ON predictions (model, caller) WHERE caller IS NOT NULL;
    CREATE INDEX key ON predictions (model, key) WHERE key IS NOT NULL;
    CREATE INDEX time ON predictions (time);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        value TEXT NOT NULL,
        outcome_time INTEGER NOT NULL,
        arrival_time INTEGER NOT NULL,
        prediction BLOB,
        model TEXT,
        key TEXT
    );
    CREATE INDEX of_prediction ON events (prediction) WHERE prediction IS NOT NULL;
    CREATE INDEX of_key ON events (model, key) WHERE key IS NOT NULL;
    """,
)

_COLUMNS = (
    "id, time, model, version, digest, inputs, fingerprint, scores, label, latency, caller, key"
)
_INSERT = f"INSERT INTO predictions ({_COLUMNS}) VALUES ({', '.join('?' * 12)})"

# Every event with the number of a prediction that it is about, {of_predictions} among them.
_ABOUT = """
    SELECT p.number AS prediction, e.number AS event, e.value, e.outcome_time, e.arrival_time
    FROM predictions AS p JOIN events AS e ON e.prediction = p.id
    WHERE {of_predictions}
    UNION ALL
    SELECT p.number, e.number, e.value, e.outcome_time, e.arrival_time
    FROM predictions AS p JOIN events AS e
      ON e.model = p.model AND e.key = p.key AND e.outcome_time >= p.time
    WHERE {of_predictions}
"""
_RESOLVED = """
    SELECT prediction, value FROM (
        SELECT prediction, value,
            row_number() OVER (
                PARTITION BY prediction ORDER BY outcome_time DESC, arrival_time DESC, value DESC
            ) AS place
        FROM ({about})
    ) WHERE place = 1
"""


class SqliteStore:
    """A `perennial.live.journal.store.Store` in a file.

    Parameters
    ----------
    path : Path
        The file; it is made where there is none.

    Raises
    ------
    JournalError
        If the file is no journal, or a newer version of this package wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._migrate()

    def append(self, predictions: Sequence[Prediction]) -> list[Prediction | Conflict]:
        """Write predictions; see `Store.append`."""
        with self._transaction() as connection:
            plain = [_row(one) for one in predictions if one.caller is None]
            connection.executemany(_INSERT, plain)
            return [one if one.caller is None else _once(connection, one) for one in predictions]

    def append_events(self, events: Sequence[LabelEvent]) -> None:
        """Write label events."""
        rows = [
            (
                _json(event.value),
                event.outcome_time,
                event.arrival_time,
                event.prediction.bytes if event.prediction else None,
                event.model,
                event.key,
            )
            for event in events
        ]
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO events (value, outcome_time, arrival_time, prediction, model, key)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def find(self, prediction: UUID) -> Prediction | None:
        """A prediction by its id."""
        rows = self._all(f"SELECT {_COLUMNS} FROM predictions WHERE id = ?", prediction.bytes)
        return _prediction(rows[0]) if rows else None

    def matured(
        self,
        model: str,
        since: Watermark,
        *,
        now: int,
        horizon: Horizon | None,
        limit: int = 10_000,
    ) -> Matured:
        """Predictions whose value is new or changed; see `Store.matured`."""
        with self._transaction("DEFERRED") as connection:
            last_event = connection.execute("SELECT max(number) FROM events").fetchone()[0] or 0
            last = self._reached(connection, since.prediction, now, horizon, limit)
            rows = _new(connection, model, since, last, horizon)
            rows += _revised(connection, model, since, horizon)
            return Matured(rows, Watermark(last, last_event))

    def statistics(self, model: str | None = None) -> Statistics:
        """Count what there is."""
        of_model = "p.model = ?1" if model else "?1 IS NULL"
        about = _ABOUT.format(of_predictions=of_model)
        with self._transaction("DEFERRED") as connection:
            count, first, last = connection.execute(
                f"SELECT count(*), min(time), max(time) FROM predictions AS p WHERE {of_model}",
                (model,),
            ).fetchone()
            labelled, matched = connection.execute(
                f"SELECT count(DISTINCT prediction), count(DISTINCT event) FROM ({about})",
                (model,),
            ).fetchone()
            (events,) = connection.execute(
                "SELECT count(*) FROM events WHERE ?1 IS NULL OR model IS NULL OR model = ?1",
                (model,),
            ).fetchone()
        return Statistics(count, events, labelled, events - matched, first, last)

    def prune(self, before: int) -> int:
        """Remove predictions of before a time, their events, and older events of none."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM events WHERE outcome_time < ?1 AND arrival_time < ?1"
                " OR prediction IN (SELECT id FROM predictions WHERE time < ?1)",
                (before,),
            )
            return connection.execute("DELETE FROM predictions WHERE time < ?", (before,)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _migrate(self) -> None:
        with self._transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise JournalError(
                    f"a newer version wrote it (schema {version}, this one knows "
                    f"{len(MIGRATIONS)})",
                    where=str(self.path),
                    hint="upgrade Perennial, or name another journal",
                )
            for script in MIGRATIONS[version:]:
                for statement in script.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @staticmethod
    def _reached(
        connection: sqlite3.Connection, since: int, now: int, horizon: Horizon | None, limit: int
    ) -> int:
        # The last number below which every prediction has matured.
        last = connection.execute(
            "SELECT max(number) FROM"
            " (SELECT number FROM predictions WHERE number > ? ORDER BY number LIMIT ?)",
            (since, limit),
        ).fetchone()[0]
        if last is None:
            return since
        (open_one,) = connection.execute(
            "SELECT min(number) FROM predictions WHERE number > ? AND number <= ? AND time > ?",
            (since, last, now - (horizon.length if horizon else 0)),
        ).fetchone()
        return int(last if open_one is None or horizon is None else open_one - 1)

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock, _explained(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(self.path):
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _new(
    connection: sqlite3.Connection, model: str, since: Watermark, last: int, horizon: Horizon | None
) -> list[Labelled]:
    about = _ABOUT.format(of_predictions="p.model = ?1 AND p.number > ?2 AND p.number <= ?3")
    rows = connection.execute(
        f"SELECT {_COLUMNS}, r.value FROM predictions AS p"
        f" LEFT JOIN ({_RESOLVED.format(about=about)}) AS r ON r.prediction = p.number"
        " WHERE p.model = ?1 AND p.number > ?2 AND p.number <= ?3 ORDER BY p.number",
        (model, since.prediction, last),
    )
    labelled = (_labelled(fields, value, horizon) for *fields, value in rows)
    return [one for one in labelled if one.value is not None]


def _revised(
    connection: sqlite3.Connection, model: str, since: Watermark, horizon: Horizon | None
) -> list[Labelled]:
    # Predictions that the reader has passed, with events that it has not seen.
    about = _ABOUT.format(
        of_predictions="p.model = ?1 AND p.number <= ?2 AND p.number IN (SELECT number FROM heard)"
    )
    fresh = _ABOUT.format(of_predictions="p.model = ?1 AND p.number <= ?2 AND e.number > ?3")
    rows = connection.execute(
        f"WITH heard AS (SELECT DISTINCT prediction AS number FROM ({fresh}))"
        f" SELECT {_COLUMNS}, r.value FROM ({_RESOLVED.format(about=about)}) AS r"
        " JOIN predictions AS p ON p.number = r.prediction ORDER BY p.number",
        (model, since.prediction, since.event),
    )
    return [_labelled(fields, value, horizon) for *fields, value in rows]


def _labelled(fields: Sequence[Any], text: str | None, horizon: Horizon | None) -> Labelled:
    value = None if text is None else _value(text)
    is_absent = value is None and horizon is not None and horizon.absent is not None
    return Labelled(
        _prediction(fields), horizon.absent if horizon and is_absent else value, is_absent
    )


def _once(connection: sqlite3.Connection, one: Prediction) -> Prediction | Conflict:
    earlier = connection.execute(
        f"SELECT {_COLUMNS} FROM predictions WHERE model = ? AND caller = ?",
        (one.model, one.caller),
    ).fetchone()
    if earlier is None:
        connection.execute(_INSERT, _row(one))
        return one
    known = _prediction(earlier)
    if known.fingerprint == one.fingerprint:
        return known
    return Conflict(str(one.caller), known.id)


def _row(one: Prediction) -> tuple[Any, ...]:
    return (
        one.id.bytes, one.time, one.model, one.version, one.digest, one.inputs, one.fingerprint,
        one.scores, one.label, one.latency, one.caller, one.key,
    )  # fmt: skip


def _prediction(row: Sequence[Any]) -> Prediction:
    return Prediction(UUID(bytes=row[0]), *row[1:])


@lru_cache
def _value(text: str) -> Any:
    return json.loads(text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        hint = (
            "free some space" if "full" in str(error) else "name another file, or repair this one"
        )
        raise JournalError(f"the journal failed: {error}", where=str(path), hint=hint) from error
