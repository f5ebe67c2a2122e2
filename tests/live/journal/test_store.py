"""What every store promises: what is written stays, once, and labels resolve by one rule."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.live.journal.records import Conflict, LabelEvent, Prediction, Watermark
from perennial.live.journal.sql import SqlStore
from perennial.live.journal.store import Horizon, JournalError

from .conftest import prediction

#: The store serves all examples, which make predictions of their own.
FIXTURE = HealthCheck.function_scoped_fixture
MODEL = "flights-late"
START = Watermark()


def event(one: Prediction, value: Any, outcome: int, arrival: int = 0) -> LabelEvent:
    return LabelEvent(value, outcome, arrival, prediction=one.id)


def values(store: SqlStore, since: Watermark = START, **asked: Any) -> dict[UUID, Any]:
    asked = {"now": 10**9, "horizon": None, **asked}
    matured = store.matured(MODEL, since, **asked)
    return {row.prediction.id: row.value for row in matured.rows}


def test_a_prediction_comes_back_as_it_was_written(store: SqlStore) -> None:
    one = prediction(
        inputs='{"carrier": "雪", "n": 1152921504606846976}', label='"late"',
        caller="c-1", key='{"flight_id":"1"}', latency=120,
    )  # fmt: skip
    store.append([one])
    assert store.find(one.id) == one


def test_an_unknown_id_is_nothing(store: SqlStore) -> None:
    assert store.find(prediction().id) is None


def test_the_same_caller_s_id_and_row_is_one_prediction(store: SqlStore) -> None:
    first, again = prediction(caller="a"), prediction(caller="a", scores="[0.0, 1.0]")
    assert store.append([first]) == [first]
    assert store.append([again]) == [first]
    assert store.statistics().predictions == 1


def test_also_within_one_group(store: SqlStore) -> None:
    first, again = prediction(caller="a"), prediction(caller="a")
    assert store.append([first, again]) == [first, first]


def test_the_same_caller_s_id_with_another_row_is_refused_alone(store: SqlStore) -> None:
    first, other, third = (
        prediction(caller="a"),
        prediction(caller="a", fingerprint=b"2"),
        prediction(),
    )
    assert store.append([first, other, third]) == [first, Conflict("a", first.id), third]
    assert store.find(other.id) is None


def test_a_caller_s_id_counts_for_each_model_by_itself(store: SqlStore) -> None:
    ours, theirs = prediction(caller="a"), prediction(caller="a", model="other")
    assert store.append([ours, theirs]) == [ours, theirs]


def test_a_group_is_written_whole_or_not_at_all(store: SqlStore) -> None:
    one = prediction()
    with pytest.raises(JournalError):
        store.append([prediction(), one, replace(one)])
    assert store.statistics().predictions == 0


def test_the_newest_outcome_counts_then_the_newest_arrival(store: SqlStore) -> None:
    one = prediction()
    store.append([one])
    events = [event(one, "a", 5, 9), event(one, "b", 6, 7), event(one, "c", 6, 8)]
    store.append_events(events)
    assert values(store) == {one.id: "c"}


EVENTS = st.lists(
    st.tuples(st.sampled_from([True, False, 3, "x", None]), st.integers(0, 3), st.integers(0, 3)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[FIXTURE])
@given(EVENTS)
def test_labels_resolve_alike_in_any_order_of_writing(
    store: SqlStore, events: list[tuple[Any, int, int]]
) -> None:
    orders = list(permutations(events))
    predictions = [prediction(time=0) for _ in orders]
    store.append(predictions)
    for one, order in zip(predictions, orders, strict=True):
        store.append_events([event(one, *given) for given in order])
    resolved = values(store)
    assert len({repr(resolved.get(one.id)) for one in predictions}) == 1


def test_a_label_that_came_before_its_prediction_is_kept_for_it(store: SqlStore) -> None:
    one = prediction()
    store.append_events([event(one, True, 2_000)])
    assert (store.statistics().orphans, values(store)) == (1, {})
    store.append([one])
    assert (store.statistics().orphans, values(store)) == (0, {one.id: True})


def test_a_label_by_key_counts_for_what_was_predicted_up_to_it(store: SqlStore) -> None:
    before, after = prediction(time=10, key="k"), prediction(time=30, key="k")
    other = prediction(time=10, key="other")
    store.append([before, after, other])
    store.append_events([LabelEvent("late", 20, 40, model=MODEL, key="k")])
    assert values(store) == {before.id: "late"}


def test_absence_becomes_a_label_when_the_horizon_has_passed(store: SqlStore) -> None:
    early, late = prediction(time=100), prediction(time=200)
    store.append([early, late])
    horizon = Horizon(50, absent=False)
    assert values(store, now=149, horizon=horizon) == {}
    assert values(store, now=150, horizon=horizon) == {early.id: False}
    assert values(store, now=250, horizon=horizon) == {early.id: False, late.id: False}


def test_a_late_event_revises_an_absence_and_its_withdrawal_restores_it(store: SqlStore) -> None:
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


@settings(max_examples=25, suppress_health_check=[FIXTURE])
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([None, 5, 20]),
    st.sampled_from([None, False]),
)
def test_a_reader_by_watermark_ends_with_what_a_reader_of_all_sees(
    store: SqlStore, chance: random.Random, length: int | None, absent: Any
) -> None:
    """Predictions and events come in any order, clocks run back, and nothing is missed."""
    store.prune(before=10**9)
    horizon = Horizon(length, absent) if length else None
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


def test_pruning_removes_old_predictions_with_their_events(store: SqlStore) -> None:
    old, new = prediction(time=10), prediction(time=100)
    store.append([old, new])
    store.append_events([event(old, True, 200, 200), event(new, True, 200, 200)])
    assert store.prune(before=50) == 1
    statistics = store.statistics()
    assert (statistics.predictions, statistics.events, statistics.orphans) == (1, 1, 0)
    assert values(store) == {new.id: True}


def test_numbers_are_not_used_again_after_pruning(store: SqlStore) -> None:
    store.append([prediction(time=10)])
    since = store.matured(MODEL, START, now=10**6, horizon=Horizon(1, False)).watermark
    store.prune(before=50)
    later = prediction(time=60)
    store.append([later])
    assert values(store, since, horizon=Horizon(1, False)) == {later.id: False}
