"""The journal on a server: for several machines, and after the server has gone away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from perennial.live.journal.postgres import PostgresStore
from perennial.live.journal.records import Watermark
from perennial.live.journal.store import Horizon, JournalError

from .conftest import prediction

EVERY = Horizon(1, absent=False)


def test_readers_miss_none_of_what_several_machines_write(postgres: Any) -> None:
    """A number that is seen is above no number that is still to come."""
    stores = [PostgresStore(postgres.get_uri(), schema="several") for _ in range(4)]

    def write(store: PostgresStore) -> None:
        for _ in range(25):
            store.append([prediction(time=0)])

    reader = PostgresStore(postgres.get_uri(), schema="several")
    seen: list[Any] = []
    since = Watermark()

    def read() -> None:
        nonlocal since
        matured = reader.matured("flights-late", since, now=10, horizon=EVERY, limit=1_000)
        seen.extend(row.prediction.id for row in matured.rows)
        since = matured.watermark

    with ThreadPoolExecutor(len(stores)) as machines:
        writers = [machines.submit(write, store) for store in stores]
        while not all(writer.done() for writer in writers):
            read()
    read()
    assert len(seen) == len(set(seen)) == 100
    for store in [*stores, reader]:
        store.close()


def test_a_server_that_restarts_loses_nothing_and_is_found_again(postgres: Any) -> None:
    store = PostgresStore(postgres.get_uri(), schema="restarted")
    kept, failed, later = prediction(), prediction(), prediction()
    store.append([kept])
    with psycopg.connect(postgres.get_uri(), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    with pytest.raises(JournalError, match="terminat"):
        store.append([failed])
    store.append([later])
    assert [store.find(one.id) for one in (kept, failed, later)] == [kept, None, later]
    store.close()


def test_a_newer_journal_is_refused(postgres: Any) -> None:
    PostgresStore(postgres.get_uri(), schema="newer").close()
    with psycopg.connect(postgres.get_uri(), autocommit=True) as other:
        other.execute("INSERT INTO newer.schema_version VALUES (99)")
    with pytest.raises(JournalError, match="newer version"):
        PostgresStore(postgres.get_uri(), schema="newer")


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@127.0.0.1:1/x", "postgresql://me:s3cret@/x?nonsense=1", "what?"]
)
def test_an_unreachable_server_is_one_message_without_the_password(url: str) -> None:
    with pytest.raises(JournalError) as caught:
        PostgresStore(url)
    assert "s3cret" not in str(caught.value)
    assert "journal failed" in str(caught.value)
