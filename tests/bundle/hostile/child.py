"""Load hostile bundles, each in a fork of its own under resource limits; print what became of them.

A script, for `test_hostile.py`: python child.py SOUND_BUNDLE FOLDER_OF_CASES
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import json
import os
import pickle
import pkgutil
import resource
import sys
from pathlib import Path
from typing import Any

from perennial.bundle import bundle
from perennial.model import compiled, engines

#: Memory that loading may take on top of what the imports take, and seconds of a processor.
MEMORY, SECONDS = 512 * 2**20, 2


def main(sound: Path, cases: Path) -> None:
    """Try every case."""
    # Whatever is imported when it is needed is imported now, so that a case reads nothing but its
    # own files.
    for module in pkgutil.iter_modules(engines.__path__):
        importlib.import_module(f"perennial.model.engines.{module.name}")
    for name in ("cp437", "utf-16-be", "utf-32-be"):
        codecs.lookup(name)
    bundle.load(sound)
    print(json.dumps({case.name: attempt(case) for case in sorted(cases.iterdir())}))


def attempt(case: Path) -> dict[str, Any]:
    """Load one bundle in a fork."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        limit(taken + MEMORY)
        outcome = outcome_of(case)
        os.write(writing, json.dumps(outcome).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status, _ = os.wait4(child, 0)
    return json.loads(answer) if answer else {"died": os.waitstatus_to_exitcode(status)}


def outcome_of(case: Path) -> dict[str, Any]:
    """Load one bundle, between two marks that a trace shows."""
    parsed = []
    whole = compiled.from_files

    def noticed(files: Any, threads: int = 1) -> Any:
        parsed.append(sorted(files))
        return whole(files, threads)

    compiled.from_files = noticed
    before = peak()
    mark("begin", case.name)
    try:
        if case.name.startswith("control"):
            pickle.loads((case / "bundle/more.pkl").read_bytes())  # noqa: S301  to show the trace
        loaded = bundle.load(case / "bundle")
        with contextlib.suppress(Exception):
            loaded.respond([sample["request"] for sample in samples(loaded)])
        ended = "loaded"
    except bundle.BundleError as error:
        ended = f"refused: {error}"
    except BaseException as error:  # noqa: BLE001  it is reported
        ended = f"{type(error).__name__}: {error}"
    mark("end", case.name)
    return {"ended": ended, "parsed": bool(parsed), "memory": peak() - before}


def samples(loaded: bundle.Bundle) -> Any:
    """What a bundle says that it should be asked."""
    return json.loads(loaded.files["sample.json"])["cases"]


def limit(memory: int) -> None:
    """Bound what this process may take. It cannot write a byte into any file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def peak() -> int:
    """Most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mark(what: str, case: str) -> None:
    """Leave a mark in a trace: the question after a file that is not there."""
    Path("/", what, case).exists()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
