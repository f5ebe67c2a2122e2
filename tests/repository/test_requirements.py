"""The locks: `live.txt` is enough to answer, larger locks hold smaller ones, extras are pinned."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def check_locks() -> Any:
    path = ROOT / "scripts/check_locks.py"
    specification = importlib.util.spec_from_file_location("check_locks", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))


class TestExtras:
    """A lock pins each package with the extras that its other packages require of it."""

    @pytest.mark.parametrize("name", LOCKS)
    def test_each_lock_pins_every_extra(self, check_locks: Any, name: str) -> None:
        assert check_locks.faults((ROOT / "requirements" / name).read_text("utf-8")) == []

    @pytest.mark.parametrize(
        ("name", "pin", "fault"),
        [
            ("dev.txt", "coverage[toml]", "pytest-cov requires coverage[toml]"),
            ("build.txt", "fsspec[http, tqdm]", "scmrepo requires fsspec[tqdm]"),
            ("land.txt", "fsspec[http, tqdm]", "dvc-http requires fsspec[http]"),
        ],
    )
    def test_a_pin_without_its_extra_is_reported(
        self, check_locks: Any, name: str, pin: str, fault: str
    ) -> None:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert f"\n{pin}==" in text
        faults = check_locks.faults(text.replace(pin, pin.partition("[")[0]))
        assert f"{fault}, which is not pinned" in faults

    def test_an_extra_pinned_for_one_python_alone_is_reported(self, check_locks: Any) -> None:
        text = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")
        pin = next(line for line in text.splitlines() if line.startswith("coverage[toml]=="))
        bare = pin.removesuffix(" \\").replace("[toml]", "")
        older = f"{bare} ; python_version < '3.12' \\"
        newer = pin.removesuffix(" \\") + " ; python_version >= '3.12'"
        (fault,) = check_locks.faults(text.replace(pin, f"{newer}\n{older}"))
        assert "coverage[toml]" in fault

    def test_what_a_pinned_extra_requires_is_checked_too(self, check_locks: Any) -> None:
        installed = version("pandas")
        assert check_locks.faults(f"pandas=={installed}\n") == []
        assert check_locks.faults(f"pandas[parquet]=={installed}\n") == [
            "pandas requires pandas[pyarrow], which is not pinned"
        ]
        assert check_locks.faults(f"pandas[parquet, pyarrow]=={installed}\n") == []

    def test_a_version_that_is_not_installed_is_not_vouched_for(self, check_locks: Any) -> None:
        (other,) = check_locks.faults("numpy==0.1\n")
        assert "numpy==0.1 is pinned, and " in other
        (absent,) = check_locks.faults("no-such-package==1\n")
        assert "no-such-package is not installed" in absent
        assert check_locks.faults("no-such-package==1 ; sys_platform == 'win32'\n") == []

    def test_the_command_fails_for_any_lock_that_lacks_one(self, tmp_path: Path) -> None:
        (tmp_path / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/check_locks.py", tmp_path / "scripts")
        shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
        command = [sys.executable, tmp_path / "scripts/check_locks.py"]
        assert subprocess.run(command, check=False).returncode == 0
        lock = tmp_path / "requirements/review.txt"
        lock.write_text(lock.read_text("utf-8").replace("fsspec[http, tqdm]==", "fsspec[http]=="))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == (
            "requirements/review.txt: scmrepo requires fsspec[tqdm], which is not pinned\n"
        )

    def test_make_check_runs_it(self) -> None:
        assert "scripts/check_locks.py\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
