"""Ask a bundle its own samples in a fresh process that has no training library.

What the process can import is what production will have: scikit-learn, pandas and joblib are
blocked, so that a bundle that needs them fails here and not there. A bundle whose engine is skops
declares that it needs scikit-learn, and gets it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from perennial.bundle.signing import PUBLIC_KEY
from perennial.model.engines.registry import ENGINES

#: Packages that the fresh process cannot import.
BLOCKED = ("sklearn", "pandas", "joblib", "dvc", "pyarrow", "pydantic")

#: Sent to the process once the bundle is packed; where packing failed, its input ends without.
_GO = "go"

_SOURCE = Path(__file__).resolve().parents[2]


def start(folder: Path, engine: str) -> subprocess.Popen[str]:
    """Start a fresh process that will ask a bundle the requests of its `sample.json`.

    It imports what the engine needs, and waits: the bundle may be packed meanwhile. As a context
    manager it leaves no process behind.
    """
    # -I: no environment variable and no current folder may lend the process a module.
    code = (
        f"import sys; sys.path.insert(0, {str(_SOURCE)!r}); "
        "import perennial.bundle.fresh_process as f; f.main()"
    )
    # A bundle that is not published yet is not signed either.
    environment = {key: text for key, text in os.environ.items() if key != PUBLIC_KEY}
    return subprocess.Popen(
        [sys.executable, "-I", "-c", code, str(folder), engine],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def ask_samples(process: subprocess.Popen[str]) -> str | None:
    """Let a process of `start` ask the bundle, now packed; what went wrong, or None."""
    _, errors = process.communicate(_GO)
    if process.returncode == 0:
        return None
    return (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]


class _Missing(MetaPathFinder):
    """Hides packages, as if they were not installed.

    None in `sys.modules` would do for an import, and not for scikit-learn, which looks there.
    """

    def __init__(self, packages: set[str]) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        del path, target
        if fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"import of {fullname} halted: not in production")


def main() -> None:
    """Ask the bundle named on the command line; the body of the fresh process."""
    folder, engine = sys.argv[1:]
    sys.meta_path.insert(0, _Missing(set(BLOCKED) - ENGINES[engine].training_imports))
    from perennial.bundle.bundle import load
    from perennial.bundle.manifest import MANIFEST
    from perennial.model.compiled import engine_type
    from perennial.runtime import jsonfile

    engine_type(engine)
    if sys.stdin.read(len(_GO)) != _GO:
        sys.exit("the bundle was not packed")
    # This repository made it a moment ago, of types that `train.trusted` confirmed.
    trusted = jsonfile.read(Path(folder) / MANIFEST).get("trusted", ())
    bundle = load(folder, trusted=trusted)
    cases = jsonfile.loads(bundle.files["sample.json"])["cases"]
    answers = bundle.respond([case["request"] for case in cases])
    for number, (case, answer) in enumerate(zip(cases, answers, strict=True)):
        if answer != case["response"]:
            sys.exit(f"sample {number}: answered {answer}, on record is {case['response']}")


if __name__ == "__main__":
    main()
