"""How many threads to compute with."""

from __future__ import annotations

import os
from pathlib import Path


def cores() -> int:
    """Cores that this process may use, one or more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Threads to compute with: OMP_NUM_THREADS if it is set, else a thread a core.

    No output depends on it.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return int(setting) if setting.isdigit() and int(setting) > 0 else cores()


def is_busy() -> bool:
    """Whether another thread runs now, or the last minute's load filled the cores."""
    try:
        # The fourth field of proc(5)'s loadavg: runnable entities, this thread among them.
        average, _, _, running, _ = Path("/proc/loadavg").read_text().split()
    except OSError:
        return True
    return float(average) >= cores() or int(running.partition("/")[0]) > 1
