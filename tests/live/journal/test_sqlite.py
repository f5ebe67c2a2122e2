"""The journal in a file: for the next process, of an older schema, on a full disk, after a kill."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from perennial.live.journal import sql
from perennial.live.journal.sqlite import SqliteStore
from perennial.live.journal.store import JournalError

from .conftest import prediction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A new journal in a file."""
    journal = SqliteStore(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    one, path = prediction(), tmp_path / "deep/journal.sqlite"
    first = SqliteStore(path)
    first.append([one])
    first.close()
    second = SqliteStore(path)
    assert second.find(one.id) == one
    second.close()


def test_an_older_journal_is_brought_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, one = tmp_path / "journal.sqlite", prediction()
    SqliteStore(path).append([one])
    monkeypatch.setattr(sql, "MIGRATIONS", (*sql.MIGRATIONS, "CREATE TABLE more (x)"))
    newer = SqliteStore(path)
    assert newer.find(one.id) == one
    assert sqlite3.connect(path).execute("SELECT count(*) FROM more").fetchone() == (0,)


def test_a_newer_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    SqliteStore(path).close()
    sqlite3.connect(path).execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer version"):
        SqliteStore(path)
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (99,)


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to have a header\n" * 5)
    with pytest.raises(JournalError, match="not a database"):
        SqliteStore(path)
    assert path.read_text().startswith("not a database")


def test_a_full_disk_loses_nothing_that_was_written(store: SqliteStore) -> None:
    kept = prediction()
    store.append([kept])
    pages = sqlite3.connect(store.path).execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full"):
        store.append([prediction(inputs="y" * 100_000)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    later = prediction()
    store.append([later])
    assert [store.find(one.id) for one in (kept, later)] == [kept, later]
    assert store.statistics().predictions == 2


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from perennial.live.journal.ids import IdSequence
    from perennial.live.journal.records import Prediction
    from perennial.live.journal.sqlite import SqliteStore

    store, ids = SqliteStore(Path(sys.argv[1])), IdSequence()
    for group in range(int(sys.argv[2])):
        made = [
            Prediction(ids.next(), group, "m", "v", "d", "{}", b"", "[1]", "1") for _ in range(5)
        ]
        store.append(made)
        print(*(one.id for one in made), flush=True)
    """
)


def writer(path: Path, groups: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(groups)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ids_in(path: Path) -> list[str]:
    rows = sqlite3.connect(path).execute("SELECT id FROM predictions").fetchall()
    return [str(UUID(bytes=identity)) for (identity,) in rows]


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "journal.sqlite"
    with writer(path, 10**6) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    answered = [identity for line in lines if line.endswith("\n") for identity in line.split()]
    SqliteStore(path).close()
    kept = ids_in(path)
    assert len(answered) >= 5 * acknowledged
    assert len(kept) == len(set(kept))
    assert set(kept) >= set(answered)


def test_several_workers_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    processes = [writer(path, 20) for _ in range(4)]
    answered = [identity for one in processes for identity in one.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(ids_in(path)) == sorted(answered)
    assert len(answered) == 4 * 20 * 5


OPENER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from perennial.live.journal.sqlite import SqliteStore

    sys.stdin.read(1)
    for number in range(60):
        SqliteStore(Path(sys.argv[1], str(number))).close()
    """
)


def test_workers_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    """In step with each other, over many files: a single file meets the moment too seldom."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b".")
        worker.stdin.flush()
    errors = [worker.communicate()[1] for worker in workers]
    assert errors == [b""] * 4
