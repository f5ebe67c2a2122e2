"""Ids of predictions: ordered by time, and not to be guessed.

UUIDs of version 7 (RFC 9562, section 5.7): milliseconds, a counter within the millisecond (method 1
of its section 6.2), and 62 random bits. Python's own come with 3.14.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from uuid import UUID

_COUNTER_BITS, _RANDOM_BITS = 12, 62


class IdSequence:
    """Ids that rise, whatever the clock does; for one process, from any of its threads.

    Examples
    --------
    >>> ids = IdSequence(milliseconds=lambda: 1_700_000_000_000)
    >>> first, second = ids.next(), ids.next()
    >>> first < second, first.version
    (True, 7)
    """

    def __init__(self, milliseconds: Callable[[], int] | None = None) -> None:
        self._milliseconds = milliseconds or (lambda: time.time_ns() // 1_000_000)
        self._tick = 0  # Milliseconds and counter as one number: a full counter carries over.
        self._lock = threading.Lock()

    def next(self) -> UUID:
        """The next id, above all before it."""
        with self._lock:
            self._tick = max(self._tick + 1, self._milliseconds() << _COUNTER_BITS)
            tick = self._tick
        milliseconds, counter = tick >> _COUNTER_BITS, tick & ((1 << _COUNTER_BITS) - 1)
        head = (milliseconds << 16 | 0x7000 | counter) << 64
        return UUID(int=head | 0b10 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))
