"""How many threads to compute with."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores that this process may use, one or more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Threads to compute with: OMP_NUM_THREADS if it is set, else a thread a core.

    No output depends on it.

    Returns
    -------
    int
        One or more.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else cores()
