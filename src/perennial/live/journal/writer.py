"""One thread that writes what many requests wait for: one commit and one fsync for all of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from perennial.live.journal.records import Conflict, Prediction
from perennial.live.journal.store import Appends, JournalFullError

Written = list[Prediction | Conflict]


@dataclass(slots=True)
class Counts:
    """Predictions, since the start."""

    queued: int = 0
    """That wait now."""
    written: int = 0
    refused: int = 0
    """For want of room in the queue."""
    failed: int = 0
    """That the store could not write."""


class GroupWriter:
    """Write predictions from many threads, in groups; memory is bounded by `capacity`.

    Parameters
    ----------
    store : Appends
        Used by the writer's thread alone.
    capacity : int
        Predictions that may wait.

    Examples
    --------
    >>> from pathlib import Path
    >>> from perennial.live.journal.sqlite import SqliteStore
    >>> writer = GroupWriter(SqliteStore(Path("journal.sqlite")))    # doctest: +SKIP
    >>> writer.submit([prediction]).result()                         # doctest: +SKIP
    """

    def __init__(self, store: Appends, capacity: int = 10_000) -> None:
        self.counts = Counts()
        self._store = store
        self._capacity = capacity
        self._waiting: deque[tuple[Sequence[Prediction], Future[Written]]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(self, predictions: Sequence[Prediction]) -> Future[Written]:
        """Queue predictions; the future has `SqlStore.append`'s result once they are on the disk.

        Raises
        ------
        JournalFullError
            If there is no room for them; none is written.
        """
        future: Future[Written] = Future()
        with self._changed:
            if self._is_closed or self.counts.queued + len(predictions) > self._capacity:
                self.counts.refused += len(predictions)
                raise JournalFullError(
                    "the journal is closed" if self._is_closed else
                    f"{self.counts.queued} predictions wait to be written, of {self._capacity}",
                    hint="try again in a moment",
                )  # fmt: skip
            self.counts.queued += len(predictions)
            self._waiting.append((predictions, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._write(group)

    def _next_group(self) -> list[tuple[Sequence[Prediction], Future[Written]]]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            group = list(self._waiting)
            self._waiting.clear()
            return group

    def _write(self, group: list[tuple[Sequence[Prediction], Future[Written]]]) -> None:
        predictions = [one for some, _ in group for one in some]
        try:
            written = self._store.append(predictions)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            self._count(failed=len(predictions))
            for _, future in group:
                future.set_exception(error)
            return
        self._count(written=len(predictions))
        start = 0
        for some, future in group:
            future.set_result(written[start : start + len(some)])
            start += len(some)

    def _count(self, *, written: int = 0, failed: int = 0) -> None:
        with self._changed:
            self.counts.queued -= written + failed
            self.counts.written += written
            self.counts.failed += failed
