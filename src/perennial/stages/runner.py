"""What every stage does around its work: check versions and parameters, report errors, log.

Why so: docs/decisions.md#d14
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from perennial.data.agreement import refuse_faults
from perennial.runtime.environment import refuse_other_versions
from perennial.runtime.errors import PerennialError
from perennial.runtime.threads import is_busy

#: Durations and memory of each run. Ignored by git: facts of a machine are no output.
LOG = Path(".perennial/stages.jsonl")

_RESTORE = (
    "  DVC removed this stage's earlier outputs before it ran; to have them back:\n"
    "    git restore metrics && dvc checkout"
)


def run(name: str) -> int:
    """Run a stage, a module of `perennial.stages` with a ``main()``, in the current folder.

    The exit code is 0 if it is done, 1 if it was refused or failed, 130 if it was interrupted.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.perf_counter()
    _set_waiting_policy()
    try:
        refuse_other_versions()
        refuse_faults()
        main: Callable[[], None] = importlib.import_module(f"perennial.stages.{name}").main
        main()
    except PerennialError as error:
        return _report(name, str(error))
    except KeyboardInterrupt:
        _report(name, "interrupted; nothing half-written was left")
        return 130
    except OSError as error:
        return _report(name, str(_as_perennial(error)))
    except Exception:
        # Our own mistake: Python prints the traceback.
        print(f"{name}: an unexpected fault\n{_RESTORE}", file=sys.stderr)
        raise
    _log(name, time.perf_counter() - started)
    return 0


def _set_waiting_policy() -> None:
    # Before any library that reads it is imported. Threads that spin while they wait halve the
    # time of a fit on a quiet machine, and triple it where another process needs the cores.
    if is_busy():
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _interrupt(*_: object) -> None:
    # SIGTERM ends a stage as Ctrl-C does, so that what it was writing is removed.
    raise KeyboardInterrupt


def _report(name: str, message: str) -> int:
    print(f"{name}: {message}\n{_RESTORE}", file=sys.stderr)
    return 1


def _as_perennial(error: OSError) -> PerennialError:
    hint = {
        errno.ENOSPC: "free some space, then run it again",
        errno.EDQUOT: "free some space, then run it again",
        errno.ENOENT: "dvc repro, or dvc checkout",
        errno.EACCES: "make the folder writable",
        errno.EROFS: "make the folder writable",
    }.get(error.errno or 0)
    return PerennialError(error.strerror or str(error), where=error.filename, hint=hint)


def _log(name: str, wall: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime + children.ru_utime + children.ru_stime
    record = {
        "stage": name,
        "wall_s": round(wall, 3),
        "cpu_s": round(cpu, 3),
        "peak_mib": round(max(usage.ru_maxrss, children.ru_maxrss) / 1024, 1),
        "pid": os.getpid(),
    }
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
