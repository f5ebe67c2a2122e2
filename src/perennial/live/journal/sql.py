"""The journal in SQL, whatever the database: SQLite's and PostgreSQL's stores say how to reach it.

Predictions and events are numbered in the order of their commits, so that a reader who has come to
a number has seen all below it. Statements name their values as `:name`.

Why so: docs/decisions.md#d68, docs/decisions.md#d70
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol
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

FIELDS = (
    "id", "time", "model", "version", "digest", "inputs", "fingerprint", "scores", "label",
    "latency", "caller", "key",
)  # fmt: skip
#: Each brings a journal of the version before to its own; a journal's version is their number.
MIGRATIONS = (
    """
    CREATE TABLE predictions (
        number {number},
        id {bytes} NOT NULL UNIQUE,
        time {integer} NOT NULL,
        model TEXT NOT NULL,
        version TEXT NOT NULL,
        digest TEXT NOT NULL,
        inputs TEXT NOT NULL,
        fingerprint {bytes} NOT NULL,
        scores TEXT NOT NULL,
        label TEXT NOT NULL,
        latency {integer} NOT NULL,
        caller TEXT,
        key TEXT
    );
    CREATE UNIQUE INDEX of_caller ON predictions (model, caller) WHERE caller IS NOT NULL;
    CREATE INDEX of_key ON predictions (model, key) WHERE key IS NOT NULL;
    CREATE INDEX of_time ON predictions (time);
    CREATE TABLE events (
        number {number},
        value TEXT NOT NULL,
        outcome_time {integer} NOT NULL,
        arrival_time {integer} NOT NULL,
        prediction {bytes},
        model TEXT,
        key TEXT
    );
    CREATE INDEX events_of_prediction ON events (prediction) WHERE prediction IS NOT NULL;
    CREATE INDEX events_of_key ON events (model, key) WHERE key IS NOT NULL;
    """,
)

EVENT_FIELDS = ("value", "outcome_time", "arrival_time", "prediction", "model", "key")

_COLUMNS = ", ".join(f"p.{name}" for name in FIELDS)


def _insert(table: str, fields: Sequence[str]) -> str:
    values = ", ".join(f":{name}" for name in fields)
    return f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({values})"


_INSERT, _INSERT_EVENT = _insert("predictions", FIELDS), _insert("events", EVENT_FIELDS)

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

# The rule of `perennial.live.journal.store`. Bytes are compared, not words of some language.
_RESOLVED = """
    SELECT prediction, value FROM (
        SELECT prediction, value,
            row_number() OVER (
                PARTITION BY prediction
                ORDER BY outcome_time DESC, arrival_time DESC, {bytes_of_value} DESC
            ) AS place
        FROM ({about}) AS about
    ) AS ranked WHERE place = 1
"""


class Database(Protocol):
    """What the statements need of a connection in a transaction."""

    def run(self, statement: str, values: dict[str, Any] | None = None) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def run_many(self, statement: str, values: Sequence[dict[str, Any]]) -> None:
        """Run a statement for each of many values."""
        ...

    def rows(self, statement: str, values: dict[str, Any] | None = None) -> list[Any]:
        """The rows of a query."""
        ...


Purpose = Literal["read", "write"]


class SqlStore(ABC):
    """A place for predictions and label events. What a method has written is on the disk."""

    #: How the store's name stands in messages; no password.
    where: str
    #: What the database calls the types of `MIGRATIONS`.
    types: ClassVar[dict[str, str]]
    #: An expression that orders texts by their bytes.
    bytes_of_value: str

    @abstractmethod
    def transaction(self, purpose: Purpose) -> AbstractContextManager[Database]:
        """All that happens in it is on the disk when it ends, or did not happen.

        Those that write follow each other; one that reads sees one state.
        """

    @abstractmethod
    def version(self, database: Database) -> int:
        """The schema's version; 0 for none."""

    @abstractmethod
    def set_version(self, database: Database, version: int) -> None:
        """Record the schema's version."""

    @abstractmethod
    def close(self) -> None:
        """Give the place back."""

    def migrate(self) -> None:
        """Bring an older journal forward, or refuse a newer one."""
        with self.transaction("write") as database:
            version, known = self.version(database), len(MIGRATIONS)
            if version > known:
                raise JournalError(
                    f"a newer version wrote it (schema {version}, this one knows {known})",
                    where=self.where,
                    hint="upgrade Perennial, or name another journal",
                )
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.format(**self.types).split(";")):
                    database.run(statement)
            if version < known:
                self.set_version(database, known)

    def append(self, predictions: Sequence[Prediction]) -> list[Prediction | Conflict]:
        """Write predictions, all or none.

        For each, what counts: itself; the earlier prediction of the same caller's id and row; or
        a conflict with one of another row.
        """
        with self.transaction("write") as database:
            plain = [_values(one) for one in predictions if one.caller is None]
            database.run_many(_INSERT, plain)
            return [one if one.caller is None else _once(database, one) for one in predictions]

    def append_events(self, events: Sequence[LabelEvent]) -> None:
        """Write label events, all or none."""
        with self.transaction("write") as database:
            database.run_many(_INSERT_EVENT, [_event_values(event) for event in events])

    def find(self, prediction: UUID) -> Prediction | None:
        """A prediction by its id."""
        with self.transaction("read") as database:
            rows = database.rows(
                f"SELECT {_COLUMNS} FROM predictions AS p WHERE p.id = :id",
                {"id": prediction.bytes},
            )
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
        """Predictions whose value is new or changed since a watermark, in order of writing.

        Without a horizon a prediction has matured when an event has come; with one, when its
        length has passed. At most about `limit` new rows; the watermark says how far.
        """
        with self.transaction("read") as database:
            ((last_event,),) = database.rows("SELECT coalesce(max(number), 0) FROM events")
            last = _reached(database, since.prediction, now, horizon, limit)
            rows = self._new(database, model, since, last)
            revised = self._revised(database, model, since)
        labelled = [one for one in _labelled(rows, horizon) if one.value is not None]
        return Matured([*labelled, *_labelled(revised, horizon)], Watermark(last, last_event))

    def statistics(self, model: str | None = None) -> Statistics:
        """Count what there is, of one model or of all."""
        of_model = "p.model = :model" if model else "1 = 1"
        of_event = "(model IS NULL OR model = :model)" if model else "1 = 1"
        about = _ABOUT.format(of_predictions=of_model)
        values = {"model": model} if model else {}
        with self.transaction("read") as database:
            ((count, first, last),) = database.rows(
                f"SELECT count(*), min(time), max(time) FROM predictions AS p WHERE {of_model}",
                values,
            )
            ((labelled, matched),) = database.rows(
                f"SELECT count(DISTINCT prediction), count(DISTINCT event) FROM ({about}) AS about",
                values,
            )
            ((events,),) = database.rows(f"SELECT count(*) FROM events WHERE {of_event}", values)
        return Statistics(count, events, labelled, events - matched, first, last)

    def prune(self, before: int) -> int:
        """Remove predictions of before a time, their events, and older events of none.

        It returns how many predictions.
        """
        with self.transaction("write") as database:
            database.run(
                "DELETE FROM events WHERE (outcome_time < :before AND arrival_time < :before)"
                " OR prediction IN (SELECT id FROM predictions WHERE time < :before)",
                {"before": before},
            )
            return database.run("DELETE FROM predictions WHERE time < :before", {"before": before})

    def _new(self, database: Database, model: str, since: Watermark, last: int) -> list[Any]:
        these = "p.model = :model AND p.number > :since AND p.number <= :last"
        return database.rows(
            f"SELECT {_COLUMNS}, r.value FROM predictions AS p"
            f" LEFT JOIN ({self._resolved(these)}) AS r ON r.prediction = p.number"
            f" WHERE {these} ORDER BY p.number",
            {"model": model, "since": since.prediction, "last": last},
        )

    def _revised(self, database: Database, model: str, since: Watermark) -> list[Any]:
        # Predictions that the reader has passed, with events that it has not seen.
        passed = "p.model = :model AND p.number <= :since"
        heard = _ABOUT.format(of_predictions=f"{passed} AND e.number > :event")
        these = f"{passed} AND p.number IN (SELECT number FROM heard)"
        return database.rows(
            f"WITH heard AS (SELECT DISTINCT prediction AS number FROM ({heard}) AS about)"
            f" SELECT {_COLUMNS}, r.value FROM ({self._resolved(these)}) AS r"
            " JOIN predictions AS p ON p.number = r.prediction ORDER BY p.number",
            {"model": model, "since": since.prediction, "event": since.event},
        )

    def _resolved(self, of_predictions: str) -> str:
        about = _ABOUT.format(of_predictions=of_predictions)
        return _RESOLVED.format(about=about, bytes_of_value=self.bytes_of_value)


@contextmanager
def closing_on_error(store: SqlStore) -> Iterator[None]:
    """Close a store whose opening fails."""
    try:
        yield
    except BaseException:
        store.close()
        raise


def _reached(database: Database, since: int, now: int, horizon: Horizon | None, limit: int) -> int:
    # The last number below which every prediction has matured.
    ((last,),) = database.rows(
        "SELECT max(number) FROM (SELECT number FROM predictions WHERE number > :since"
        " ORDER BY number LIMIT :limit) AS next",
        {"since": since, "limit": limit},
    )
    if last is None:
        return since
    if horizon is None:
        return int(last)
    ((unripe,),) = database.rows(
        "SELECT min(number) FROM predictions"
        " WHERE number > :since AND number <= :last AND time > :latest",
        {"since": since, "last": last, "latest": now - horizon.length},
    )
    return int(last if unripe is None else unripe - 1)


def _labelled(rows: list[Any], horizon: Horizon | None) -> list[Labelled]:
    absent = None if horizon is None else horizon.absent
    labelled = []
    for *fields, text in rows:
        value = None if text is None else _parsed(text)
        is_absent = value is None and absent is not None
        labelled.append(Labelled(_prediction(fields), absent if is_absent else value, is_absent))
    return labelled


def _once(database: Database, one: Prediction) -> Prediction | Conflict:
    earlier = database.rows(
        f"SELECT {_COLUMNS} FROM predictions AS p WHERE p.model = :model AND p.caller = :caller",
        {"model": one.model, "caller": one.caller},
    )
    if not earlier:
        database.run(_INSERT, _values(one))
        return one
    known = _prediction(earlier[0])
    if known.fingerprint == one.fingerprint:
        return known
    return Conflict(str(one.caller), known.id)


def _values(one: Prediction) -> dict[str, Any]:
    return {name: getattr(one, name) for name in FIELDS} | {"id": one.id.bytes}


def _prediction(row: Sequence[Any]) -> Prediction:
    return Prediction(UUID(bytes=row[0]), *row[1:])


def _event_values(event: LabelEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in EVENT_FIELDS}
    prediction = None if event.prediction is None else event.prediction.bytes
    return values | {"value": _written(event.value), "prediction": prediction}


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@lru_cache
def _parsed(text: str) -> Any:
    return json.loads(text)
