"""Ids rise within a process whatever the clock does, and cannot be guessed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from perennial.live.journal.ids import IdSequence


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=50))
def test_ids_rise_whatever_the_clock_says(clock: list[int]) -> None:
    moments = iter(clock)
    ids = IdSequence(milliseconds=lambda: next(moments))
    made = [ids.next() for _ in clock]
    assert made == sorted(set(made))
    assert {one.version for one in made} == {7}


def test_ids_begin_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    identity = IdSequence().next()
    assert before <= identity.int >> 80 <= time.time_ns() // 1_000_000


def test_two_processes_at_one_moment_differ() -> None:
    first, second = (IdSequence(milliseconds=lambda: 5).next() for _ in range(2))
    assert first != second


def test_threads_share_a_sequence() -> None:
    ids = IdSequence()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: ids.next(), range(2_000)))
    assert len(set(made)) == 2_000
