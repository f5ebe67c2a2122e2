"""The journal in a file: what is written stays, once, and labels resolve by one rule."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.live.journal import sqlite
from perennial.live.journal.records import Conflict, LabelEvent, Prediction, Watermark
from perennial.live.journal.sqlite import SqliteStore
from perennial.live.journal.store import Horizon, JournalError

from .conftest import prediction

MODEL = "flights-late"
START = Watermark()


def event(one: Prediction, value: Any, outcome: int, arrival: int = 0) -> LabelEvent:
    return LabelEvent(value, outcome, arrival, prediction=one.id)


def values(store: SqliteStore, since: Watermark = START, **asked: Any) -> dict[UUID, Any]:
    asked = {"now": 10**9, "horizon": None, **asked}
    matured = store.matured(MODEL, since, **asked)
    return {row.prediction.id: row.value for row in matured.rows}


def test_a_prediction_comes_back_as_it_was_written(store: SqliteStore) -> None:
    one = prediction(
        inputs='{"carrier": "雪", "n": 1152921504606846976}', label='"late"',
        caller="c-1", key='{"flight_id":"1"}', latency=120,
    )  # fmt: skip
    store.append([one])
    assert store.find(one.id) == one


def test_an_unknown_id_is_nothing(store: SqliteStore) -> None:
    assert store.find(prediction().id) is None


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    one, path = prediction(), tmp_path / "deep/journal.sqlite"
    first = SqliteStore(path)
    first.append([one])
    first.close()
    second = SqliteStore(path)
    assert second.find(one.id) == one
    second.close()


def test_the_same_caller_s_id_and_row_is_one_prediction(store: SqliteStore) -> None:
    first, again = prediction(caller="a"), prediction(caller="a", scores="[0.0, 1.0]")
    assert store.append([first]) == [first]
    assert store.append([again]) == [first]
    assert store.statistics().predictions == 1


def test_also_within_one_group(store: SqliteStore) -> None:
    first, again = prediction(caller="a"), prediction(caller="a")
    assert store.append([first, again]) == [first, first]


def test_the_same_caller_s_id_with_another_row_is_refused_alone(store: SqliteStore) -> None:
    first, other, third = (
        prediction(caller="a"),
        prediction(caller="a", fingerprint=b"2"),
        prediction(),
    )
    assert store.append([first, other, third]) == [first, Conflict("a", first.id), third]
    assert store.find(other.id) is None


def test_a_caller_s_id_counts_for_each_model_by_itself(store: SqliteStore) -> None:
    ours, theirs = prediction(caller="a"), prediction(caller="a", model="other")
    assert store.append([ours, theirs]) == [ours, theirs]


def test_a_group_is_written_whole_or_not_at_all(store: SqliteStore) -> None:
    one = prediction()
    with pytest.raises(JournalError):
        store.append([prediction(), one, replace(one)])
    assert store.statistics().predictions == 0


def test_the_newest_outcome_counts_then_the_newest_arrival(store: SqliteStore) -> None:
    one = prediction()
    store.append([one])
    events = [event(one, "a", 5, 9), event(one, "b", 6, 7), event(one, "c", 6, 8)]
    store.append_events(events)
    assert values(store) == {one.id: "c"}


EVENTS = st.lists(
    st.tuples(st.sampled_from([True, False, 3, "x", None]), st.integers(0, 3), st.integers(0, 3)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_labels_resolve_alike_in_any_order_of_writing(events: list[tuple[Any, int, int]]) -> None:
    resolved = set()
    for order in permutations(events):
        store = SqliteStore(Path(":memory:"))
        one = prediction(time=0)
        store.append([one])
        store.append_events([event(one, *given) for given in order])
        resolved.add(repr(list(values(store).values())))
        store.close()
    assert len(resolved) == 1


def test_a_label_that_came_before_its_prediction_is_kept_for_it(store: SqliteStore) -> None:
    one = prediction()
    store.append_events([event(one, True, 2_000)])
    assert (store.statistics().orphans, values(store)) == (1, {})
    store.append([one])
    assert (store.statistics().orphans, values(store)) == (0, {one.id: True})


def test_a_label_by_key_counts_for_what_was_predicted_up_to_it(store: SqliteStore) -> None:
    before, after = prediction(time=10, key="k"), prediction(time=30, key="k")
    other = prediction(time=10, key="other")
    store.append([before, after, other])
    store.append_events([LabelEvent("late", 20, 40, model=MODEL, key="k")])
    assert values(store) == {before.id: "late"}


def test_absence_becomes_a_label_when_the_horizon_has_passed(store: SqliteStore) -> None:
    early, late = prediction(time=100), prediction(time=200)
    store.append([early, late])
    horizon = Horizon(50, absent=False)
    assert values(store, now=149, horizon=horizon) == {}
    assert values(store, now=150, horizon=horizon) == {early.id: False}
    assert values(store, now=250, horizon=horizon) == {early.id: False, late.id: False}


def test_a_late_event_revises_an_absence_and_its_withdrawal_restores_it(store: SqliteStore) -> None:
    one, horizon = prediction(time=100), Horizon(50, absent=False)
    store.append([one])
    first = store.matured(MODEL, START, now=200, horizon=horizon)
    assert [(row.value, row.is_absent) for row in first.rows] == [(False, True)]
    store.append_events([event(one, True, 150, 300)])
    second = store.matured(MODEL, first.watermark, now=400, horizon=horizon)
    assert [(row.value, row.is_absent) for row in second.rows] == [(True, False)]
    store.append_events([event(one, None, 150, 500)])
    third = store.matured(MODEL, second.watermark, now=600, horizon=horizon)
    assert [(row.value, row.is_absent) for row in third.rows] == [(False, True)]


@settings(max_examples=80, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([None, 5, 20]),
    st.sampled_from([None, False]),
)
def test_a_reader_by_watermark_ends_with_what_a_reader_of_all_sees(
    chance: random.Random, length: int | None, absent: Any
) -> None:
    """Predictions and events come in any order, clocks run back, and nothing is missed."""
    store, horizon = SqliteStore(Path(":memory:")), Horizon(length, absent) if length else None
    made: list[Prediction] = []
    seen: dict[UUID, Any] = {}
    since = START
    for now in range(0, 60, 3):
        fresh = [
            prediction(time=max(0, now - chance.randrange(4))) for _ in range(chance.randrange(3))
        ]
        made += fresh
        store.append(fresh)
        about = chance.sample(made, min(len(made), chance.randrange(3)))
        store.append_events([event(one, chance.choice([True, False]), now, now) for one in about])
        if chance.random() < 0.5:
            matured = store.matured(MODEL, since, now=now, horizon=horizon, limit=4)
            seen |= {row.prediction.id: row.value for row in matured.rows}
            since = matured.watermark
    while True:
        matured = store.matured(MODEL, since, now=10**6, horizon=horizon, limit=4)
        seen |= {row.prediction.id: row.value for row in matured.rows}
        if matured.watermark == since:
            break
        since = matured.watermark
    assert seen == values(store, now=10**6, horizon=horizon)
    store.close()


def test_pruning_removes_old_predictions_with_their_events(store: SqliteStore) -> None:
    old, new = prediction(time=10), prediction(time=100)
    store.append([old, new])
    store.append_events([event(old, True, 200, 200), event(new, True, 200, 200)])
    assert store.prune(before=50) == 1
    statistics = store.statistics()
    assert (statistics.predictions, statistics.events, statistics.orphans) == (1, 1, 0)
    assert values(store) == {new.id: True}


def test_numbers_are_not_used_again_after_pruning(store: SqliteStore) -> None:
    store.append([prediction(time=10)])
    since = store.matured(MODEL, START, now=10**6, horizon=Horizon(1, False)).watermark
    store.prune(before=50)
    later = prediction(time=60)
    store.append([later])
    assert values(store, since, horizon=Horizon(1, False)) == {later.id: False}


def test_an_older_journal_is_brought_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, one = tmp_path / "journal.sqlite", prediction()
    SqliteStore(path).append([one])
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*sqlite.MIGRATIONS, "CREATE TABLE more (x)"))
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
        made = [Prediction(ids.next(), group, "m", "v", "d", "{}", b"", "[1]", "1") for _ in range(5)]
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
