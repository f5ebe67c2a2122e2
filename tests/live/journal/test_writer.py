"""Many requests share a commit; none is answered before it, and memory has a bound."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perennial.live.journal.records import Conflict, Prediction
from perennial.live.journal.sql import SqlStore
from perennial.live.journal.sqlite import SqliteStore
from perennial.live.journal.store import JournalError, JournalFullError
from perennial.live.journal.writer import GroupWriter

from .conftest import prediction


class SlowStore(SqliteStore):
    """A journal on a disk that waits for a signal, and counts its commits."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may_go, self.is_asked, self.commits = threading.Event(), threading.Event(), 0

    def append(self, predictions: Sequence[Prediction]) -> list[Prediction | Conflict]:
        self.is_asked.set()
        self.may_go.wait()
        self.commits += 1
        return super().append(predictions)


def test_each_request_gets_its_own_predictions(store: SqlStore) -> None:
    writer = GroupWriter(store)

    def request(_: int) -> bool:
        ours = [prediction(), prediction()]
        return writer.submit(ours).result() == ours

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(request, range(200)))
    writer.close()
    assert (writer.counts.written, writer.counts.queued) == (400, 0)
    assert store.statistics().predictions == 400


def test_what_waits_together_is_one_commit(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "journal.sqlite")
    writer = GroupWriter(store)
    first = writer.submit([prediction()])
    store.is_asked.wait()
    others = [writer.submit([prediction()]) for _ in range(50)]
    assert not any(future.done() for future in [first, *others])
    store.may_go.set()
    writer.close()
    assert all(future.done() for future in others)
    assert store.commits == 2


def test_a_slow_disk_lets_no_more_wait_than_the_capacity(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "journal.sqlite")
    writer = GroupWriter(store, capacity=3)
    taken = [writer.submit([prediction()]) for _ in range(3)]
    with pytest.raises(JournalFullError, match="3 predictions wait"):
        writer.submit([prediction()])
    store.may_go.set()
    for future in taken:
        future.result()
    writer.submit([prediction()]).result()
    writer.close()
    assert (writer.counts.written, writer.counts.refused, writer.counts.failed) == (4, 1, 0)


def test_a_failed_commit_is_reported_and_writing_goes_on(
    store: SqlStore,
) -> None:
    writer, one = GroupWriter(store), prediction()
    writer.submit([one]).result()
    with pytest.raises(JournalError, match=r"unique|UNIQUE"):
        writer.submit([one]).result()
    writer.submit([prediction()]).result()
    writer.close()
    assert (writer.counts.written, writer.counts.failed, writer.counts.queued) == (2, 1, 0)


def test_a_closed_writer_has_written_all_and_takes_no_more(store: SqlStore) -> None:
    writer = GroupWriter(store)
    futures = [writer.submit([prediction()]) for _ in range(20)]
    writer.close()
    assert all(future.done() for future in futures)
    with pytest.raises(JournalFullError, match="closed"):
        writer.submit([prediction()])
