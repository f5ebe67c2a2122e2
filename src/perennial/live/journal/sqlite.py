"""The journal in one SQLite file, for the workers of one machine.

Written ahead (WAL) with `synchronous=FULL`: a commit returns after its fsync.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perennial.live.journal.sql import Database, Purpose, SqlStore, closing_on_error
from perennial.live.journal.store import JournalError

#: Seconds to wait for another worker's commit.
PATIENCE = 30.0


class SqliteStore(SqlStore):
    """A journal in a file.

    Parameters
    ----------
    path : Path
        The file; it is made where there is none.

    Raises
    ------
    JournalError
        If the file is no journal, or a newer version of this package wrote it.
    """

    bytes_of_value = "value"
    types = {"number": "INTEGER PRIMARY KEY AUTOINCREMENT", "integer": "INTEGER", "bytes": "BLOB"}

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)
        self._lock = threading.Lock()
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            with _alone(path):
                self._write_ahead()
            self._connection.execute("PRAGMA synchronous = FULL")
        with closing_on_error(self):
            self.migrate()

    @contextmanager
    def transaction(self, purpose: Purpose) -> Iterator[Database]:
        """See `SqlStore.transaction`."""
        connection = self._connection
        with self._lock, _explained(self.path):
            connection.execute("BEGIN IMMEDIATE" if purpose == "write" else "BEGIN")
            try:
                yield _Connection(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def version(self, database: Database) -> int:
        """The file's own number for it."""
        return int(database.rows("PRAGMA user_version")[0][0])

    def set_version(self, database: Database, version: int) -> None:
        """Record it in the file's header."""
        database.run(f"PRAGMA user_version = {version}")

    def _write_ahead(self) -> None:
        # Asking waits for one that is just closing the file; a change, even to the same, does not.
        (mode,) = self._connection.execute("PRAGMA journal_mode").fetchone()
        if mode not in {"wal", "memory"}:
            self._connection.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _Connection:
    """A `Database`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: dict[str, Any] | None = None) -> int:
        return self._connection.execute(statement, values or {}).rowcount

    def run_many(self, statement: str, values: Sequence[dict[str, Any]]) -> None:
        self._connection.executemany(statement, values)

    def rows(self, statement: str, values: dict[str, Any] | None = None) -> list[Any]:
        return self._connection.execute(statement, values or {}).fetchall()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    # Of two that change a new file to WAL at once, SQLite lets one fail, and does not wait.
    with path.with_name(f"{path.name}-lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        hint = "free some space" if "full" in str(error) else "name another file, or repair it"
        raise JournalError(f"the journal failed: {error}", where=str(path), hint=hint) from error
