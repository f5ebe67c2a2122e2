"""`requirements/live.txt` is enough to load a bundle, to check its signature, and to answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from perennial.runtime.environment import pinned

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/format-1"

#: Loads a bundle and asks it its samples, where nothing can be imported but the standard library,
#: this repository, and the packages named on the command line.
CODE = """\
import sys
allowed = {*sys.stdlib_module_names, "perennial", *sys.argv[2].split(",")}
class Fence:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{name} is not in the lock", name=name)
sys.meta_path.insert(0, Fence())
import json
from perennial.bundle.bundle import load
bundle = load(sys.argv[1], public_key=sys.argv[3] or None)
cases = json.loads(bundle.files["sample.json"])["cases"]
assert bundle.respond([case["request"] for case in cases]) == [case["response"] for case in cases]
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def locked(name: str) -> set[str]:
    """The modules of the packages that a lock names."""
    wanted = dict(pinned((ROOT / "requirements" / name).read_text(encoding="utf-8"))).keys()
    providers: Mapping[str, list[str]] = packages_distributions()
    return {
        module
        for module, packages in providers.items()
        if wanted & {package.lower().replace("_", "-") for package in packages}
    }


def answered(name: str, public_key: str, modules: set[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, GOLDEN / name, ",".join(modules), public_key],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("name", "is_signed"), [("iris", True), ("cancer", False)])
def test_what_answers_is_in_the_lock(name: str, is_signed: bool) -> None:
    modules = locked("live.txt")
    assert {"numpy", "treelite", "cryptography"} <= modules
    assert not {"pandas", "sklearn", "joblib", "dvc", "pyarrow", "pydantic", "yaml"} & modules
    key = (GOLDEN / "iris.pub").read_text() if is_signed else ""
    done = answered(name, key, modules)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {"numpy", "treelite"} <= loaded
    # Without a key, nobody pays for the import.
    assert ("cryptography" in loaded) == is_signed


def test_a_package_that_is_not_locked_would_be_missed() -> None:
    done = answered("iris", "", locked("live.txt") - {"treelite"})
    assert done.returncode != 0
    assert "treelite" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["land.txt", "review.txt", "dev.txt"])
def test_what_adds_to_the_pipeline_holds_all_of_its_lock(name: str) -> None:
    """So that one environment serves both, and `scripts/environment` knows that it does."""
    build, more = (
        (ROOT / "requirements" / lock).read_text(encoding="utf-8") for lock in ("build.txt", name)
    )
    assert dict(pinned(build)).items() < dict(pinned(more)).items()


def test_extras_lock_the_same_versions() -> None:
    live = dict(pinned((ROOT / "requirements/live.txt").read_text(encoding="utf-8")))
    build = dict(pinned((ROOT / "requirements/build.txt").read_text(encoding="utf-8")))
    assert live.items() <= build.items()
    for path in (ROOT / "requirements").glob("live-*.txt"):
        assert live.items() <= dict(pinned(path.read_text(encoding="utf-8"))).items(), path.name
