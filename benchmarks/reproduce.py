"""Prove that a commit gives the same bytes again, whatever the machine is set to.

Run the pipeline from nothing, without any cache, in fresh copies of the repository: with other
Pythons, thread counts, hash seeds, time zones, locales, umasks and folders, and on other CPUs, as
far as one CPU can play another. Compare every output of every run with a reference run, and that
with the repository's dvc.lock.

Exit code: 0 the same bytes everywhere, 1 not the same, 2 could not tell.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from perennial.review.revision import environments
from perennial.runtime.errors import PerennialError

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENTS = REPOSITORY / environments.FOLDER
PYTHONS = ("3.11", "3.12", "3.13")
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"

#: Variables that a run may not inherit: the runs differ in them.
VARIED = {
    "ARROW_USER_SIMD_LEVEL", "GLIBC_TUNABLES", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE",
    "NPY_DISABLE_CPU_FEATURES", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED", "PYTHONHOME", "PYTHONPATH", "TZ", "VIRTUAL_ENV",
}  # fmt: skip

#: Prints how this process computes. A simulated CPU that changes none of it would prove nothing.
PROBE = """
import hashlib, json, math
import numpy, pyarrow
def digest(values):
    return hashlib.md5(numpy.ascontiguousarray(values).tobytes()).hexdigest()
generator = numpy.random.Generator(numpy.random.PCG64(0))
values, matrix = generator.uniform(-9, 9, 100_003), generator.random((2000, 61))
print(json.dumps({
    "libm": digest([math.exp(value) for value in values]),
    "numpy": digest([numpy.exp(values), numpy.tanh(values)]),
    "openblas": digest(matrix.T @ matrix),
    "arrow": pyarrow.runtime_info().simd_level,
}))
"""


class CannotTell(Exception):
    """Why there is no answer."""


@dataclass(frozen=True)
class Setting:
    """One difference of a run from the reference."""

    label: str
    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = -1
    folder: str = ""
    python: str = ""
    probe: str = ""
    """The key of `PROBE` that the setting must change; empty where it simulates no CPU."""


@dataclass(frozen=True)
class Outcome:
    """The output files of a run, or its failure."""

    files: dict[str, str]
    """MD5 by path of each output file."""
    lock: bytes
    probe: dict[str, str]
    seconds: float
    failure: str = ""


def variable(name: str, value: str, probe: str = "") -> Setting:
    return Setting(f"{name}={value}", {name: value}, probe=probe)


def python(version: str) -> Setting:
    return Setting(f"Python {version}", python=version)


def umask(value: int) -> Setting:
    return Setting(f"umask {value:03o}", umask=value)


def folder(name: str) -> Setting:
    return Setting(f"folder “{name}”", folder=name)


#: glibc's mathematical functions have variants for FMA, which round differently.
GLIBC_OLD = variable("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-FMA4,-AVX", "libm")
ARROW_OLD = variable("ARROW_USER_SIMD_LEVEL", "NONE", "arrow")


def numpy_without(features: list[str]) -> Setting:
    return variable("NPY_DISABLE_CPU_FEATURES", " ".join(features), "numpy")


def openblas(core: str) -> Setting:
    return variable("OPENBLAS_CORETYPE", core, "openblas")


def plan(pythons: list[str], dispatched: list[str], quick: bool) -> list[list[Setting]]:
    """Combine the variations into few runs; if one differs, each of its settings is run alone."""
    others = [version for version in pythons if version != RUNNING]
    wide = [name for name in dispatched if name.startswith(("AVX512", "X86_V4"))]
    process = [
        variable("OMP_NUM_THREADS", "4"),
        variable("PYTHONHASHSEED", "12345"),
        variable("TZ", "Asia/Kathmandu"),
        variable("LC_ALL", "C"),
        umask(0o077),
        folder("a folder, näher 雪"),
        *map(python, others[-1:]),
    ]
    oldest = [numpy_without(dispatched), openblas("Nehalem"), ARROW_OLD, GLIBC_OLD]
    if quick:
        return [process, oldest]
    return [
        process,
        [
            variable("OMP_NUM_THREADS", "1"),
            variable("PYTHONHASHSEED", "0"),
            variable("TZ", "UTC"),
            variable("LC_ALL", "C.UTF-8"),
            umask(0o022),
            *map(python, others[:1]),
        ],
        [variable("OMP_NUM_THREADS", "2"), *map(python, others[1:-1])],
        [numpy_without(wide), openblas("Haswell"), variable("ARROW_USER_SIMD_LEVEL", "AVX2")],
        [openblas("Sandybridge"), GLIBC_OLD],
        [openblas("Prescott"), variable("OMP_NUM_THREADS", "1")],
        oldest,
    ]


def main() -> int:
    arguments = parse_arguments()
    try:
        report = prove(arguments.working_tree, arguments.quick, arguments.keep)
    except CannotTell as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2) if arguments.json else "\n".join(describe(report)))
    return 0 if report["reproduced"] else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="the two most telling combinations")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--working-tree", action="store_true", help="take the files as they are, not HEAD's"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the runs' copies there")
    return parser.parse_args()


def prove(working_tree: bool, quick: bool, keep: Path | None) -> dict[str, Any]:
    """Run everything, and return the report as a JSON value."""
    pythons = {version: path for version in PYTHONS if (path := interpreter(version))}
    with laboratory(keep) as ground:
        source = Source(working_tree, ground / "tree")
        homes = {version: environment(version, path, source) for version, path in pythons.items()}
        combinations = plan(sorted(homes), dispatched(homes[RUNNING]), quick)
        bench = Bench(source, homes, ground, len(combinations) + 1)
        reference = bench.run([])
        if reference.failure:
            raise CannotTell(f"the pipeline does not run here at all:\n{reference.failure}")
        runs = [examine(bench, reference, settings) for settings in combinations]
        lock = against_lock(source.read("dvc.lock"), reference.lock)
    return {
        "tree": source.name,
        "changed": source.changed,
        "pythons": {version: str_version(homes[version]) for version in homes},
        "absent_pythons": [version for version in PYTHONS if version not in homes],
        "files": len(reference.files),
        "reference_seconds": round(reference.seconds, 1),
        "lock": lock,
        "runs": runs,
        "reproduced": lock["same"] and all(run["same"] for run in runs),
    }


class Source:
    """The tree that is proved, HEAD's or the files as they are, copied once, as it may change."""

    def __init__(self, working_tree: bool, tree: Path) -> None:
        head = run(["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"], fails="").strip()
        if not (head or working_tree):
            raise CannotTell("there is no commit yet: commit, or give --working-tree")
        self.name = "the working tree" if working_tree else f"commit {head}"
        self.changed = git("status", "--porcelain").splitlines()
        self._tree = tree
        if working_tree:
            commit_files(tree)
        else:
            run(["git", "clone", "--quiet", str(REPOSITORY), str(tree)])
            run(["git", "-C", str(tree), "reset", "--quiet", "--hard", head])

    def clone(self, to: Path, mask: int) -> None:
        """Make a fresh clone: no output, no cache."""
        run(["git", "clone", "--quiet", "--no-hardlinks", str(self._tree), str(to)], mask)

    def read(self, name: str) -> bytes:
        return (self._tree / name).read_bytes()


def commit_files(tree: Path) -> None:
    """Make a repository of the working tree's files, to be cloned."""
    for name in git("ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and (REPOSITORY / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, tree / name)
    own = [
        "git",
        "-C",
        str(tree),
        "-c",
        "user.name=reproduce",
        "-c",
        "user.email=reproduce@invalid",
    ]
    run(["git", "init", "--quiet", str(tree)])
    run([*own, "add", "--all"])
    run([*own, "commit", "--quiet", "--no-verify", "--message", "The working tree"])


class Bench:
    """Makes the runs."""

    def __init__(self, source: Source, homes: dict[str, Path], ground: Path, wanted: int) -> None:
        self._source = source
        self._homes = homes
        self._ground = ground
        self._wanted = wanted
        self._count = 0

    def expect(self, more: int) -> None:
        """Count further runs among those wanted."""
        self._wanted += more

    def run(self, settings: list[Setting]) -> Outcome:
        """Run the pipeline once, from nothing."""
        self._count += 1
        say(f"run {self._count} of {self._wanted}: {title(settings)}")
        home = self._homes[next((s.python for s in settings if s.python), RUNNING)]
        mask = next((s.umask for s in settings if s.umask >= 0), -1)
        name = next((s.folder for s in settings if s.folder), "project")
        project = self._ground / str(self._count) / name
        project.parent.mkdir()
        self._source.clone(project, mask)
        variables = self._variables(home, settings)
        started = time.perf_counter()
        command = [str(home / "bin/dvc"), "repro", "--force", "--no-run-cache"]
        done = subprocess.run(
            command, cwd=project, env=variables, umask=mask, capture_output=True, text=True,
            errors="replace", stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        say(f"run {self._count} took {seconds:.1f} s")
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-6:]
            return Outcome({}, b"", {}, seconds, "\n".join(last))
        probe = run([str(home / "bin/python"), "-c", PROBE], environment=variables)
        lock = (project / "dvc.lock").read_bytes()
        return Outcome(output_files(project, lock), lock, json.loads(probe), seconds)

    def _variables(self, home: Path, settings: list[Setting]) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if key not in VARIED}
        dvc = self._ground / "dvc"
        isolated = {
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            **{f"DVC_{name}_DIR": str(dvc / name) for name in
               ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")},
        }  # fmt: skip
        return clean | isolated | {k: v for s in settings for k, v in s.environment.items()}


def examine(bench: Bench, reference: Outcome, settings: list[Setting]) -> dict[str, Any]:
    """Compare a run with the reference; where it differs, each of its settings alone."""
    outcome = bench.run(settings)
    report = compared(reference, outcome, settings)
    if not report["same"] and len(settings) > 1:
        bench.expect(len(settings))
        alone = [compared(reference, bench.run([one]), [one]) for one in settings]
        report["alone"] = alone
    return report


def compared(reference: Outcome, outcome: Outcome, settings: list[Setting]) -> dict[str, Any]:
    stages = stages_of(reference.lock)
    differing = sorted(
        (path for path in reference.files.keys() | outcome.files.keys()
         if reference.files.get(path) != outcome.files.get(path)),
        key=lambda path: (place(path, stages), path),
    )  # fmt: skip
    idle = [
        s.label for s in settings
        if s.probe and not outcome.failure and outcome.probe[s.probe] == reference.probe[s.probe]
    ]  # fmt: skip
    report = {
        "settings": [setting.label for setting in settings],
        "seconds": round(outcome.seconds, 1),
        "same": not outcome.failure and not differing and reference.lock == outcome.lock,
        "differing": [{"stage": stage_of(path, stages), "path": path} for path in differing],
        "without_effect": idle,
    }
    return {**report, "failure": outcome.failure} if outcome.failure else report


def against_lock(recorded: bytes, computed: bytes) -> dict[str, Any]:
    """Compare the reference's dvc.lock with the repository's."""
    old, new = (yaml.safe_load(text)["stages"] for text in (recorded, computed))
    stale = sorted({
        path for stage in new
        for path, md5 in hashes(new, stage, "deps").items()
        if path not in outputs(new) and hashes(old, stage, "deps").get(path) != md5
    })  # fmt: skip
    return {
        "same": recorded == computed,
        "stale": stale,
        "differing": [
            {"stage": stage, "path": path} for stage in new
            for path, md5 in hashes(new, stage, "outs").items()
            if hashes(old, stage, "outs").get(path) != md5
        ],
    }  # fmt: skip


def hashes(stages: dict[str, Any], stage: str, kind: str) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in stages.get(stage, {}).get(kind, [])}


def outputs(stages: dict[str, Any]) -> set[str]:
    return {path for stage in stages for path in hashes(stages, stage, "outs")}


def stages_of(lock: bytes) -> dict[str, list[str]]:
    """Outputs by stage, in the order of the pipeline."""
    stages = yaml.safe_load(lock)["stages"]
    return {stage: list(hashes(stages, stage, "outs")) for stage in stages}


def stage_of(path: str, stages: dict[str, list[str]]) -> str:
    return next((name for name, outs in stages.items() if any(
        path == out or path.startswith(f"{out}/") for out in outs)), "?")  # fmt: skip


def place(path: str, stages: dict[str, list[str]]) -> int:
    stage = stage_of(path, stages)
    return list(stages).index(stage) if stage in stages else len(stages)


def output_files(project: Path, lock: bytes) -> dict[str, str]:
    roots = [project / out for outs in stages_of(lock).values() for out in outs]
    files = [file for root in roots for file in ([root] if root.is_file() else root.rglob("*"))]
    return {
        file.relative_to(project).as_posix(): hashlib.md5(file.read_bytes()).hexdigest()  # noqa: S324 (DVC's hash)
        for file in files
        if file.is_file()
    }


def interpreter(version: str) -> Path | None:
    """Find a Python that really starts: on PATH, or where pyenv keeps its own."""
    if version == RUNNING:
        return Path(sys.executable)
    candidates = [shutil.which(f"python{version}")]
    kept = Path.home() / ".pyenv/versions"
    candidates += [str(path) for path in kept.glob(f"{version}.*/bin/python{version}")]
    for candidate in filter(None, candidates):
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run(
            [candidate, "-E", "-S", "-c", code], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == version:
            return Path(candidate)
    return None


def environment(version: str, path: Path, source: Source) -> Path:
    """Make, or find made, an environment of a Python: by the repository's own script."""
    if version == RUNNING:
        return Path(sys.prefix)
    say(f"Python {version}: its environment (minutes the first time)")
    try:
        return environments.provide(ENVIRONMENTS / version, source.read, path)
    except PerennialError as error:
        raise CannotTell(str(error)) from None


def dispatched(home: Path) -> list[str]:
    """CPU features that numpy chooses at run time, and that can be taken from it."""
    code = "from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f"
    code += "; print(*[name for name in d if f[name]])"
    return run([str(home / "bin/python"), "-c", code]).split()


def str_version(home: Path) -> str:
    return run([str(home / "bin/python"), "-V"]).split()[1]


@contextmanager
def laboratory(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="reproduce-") as folder_name:
        yield Path(folder_name)


def describe(report: dict[str, Any]) -> Iterator[str]:
    pythons = ", ".join(report["pythons"].values())
    yield f"Reproduction of {report['tree']}: {report['files']} output files, Python {pythons}"
    if report["absent_pythons"]:
        yield f"Not found on this machine: Python {', '.join(report['absent_pythons'])}"
    if report["changed"] and report["tree"] != "the working tree":
        yield f"The working tree has {len(report['changed'])} uncommitted changes: not proved here"
    yield ""
    yield f"{report['reference_seconds']:6.1f} s  reference: {describe_lock(report['lock'])}"
    for one in report["runs"]:
        yield f"{one['seconds']:6.1f} s  {describe_run(one)}"
        yield from (
            f"{part['seconds']:12.1f} s  alone: {describe_run(part)}"
            for part in one.get("alone", [])
        )
    yield ""
    alike = all(one["same"] for one in report["runs"])
    yield "Every run gave the same bytes." if alike else "NOT every run gave the same bytes."
    if not report["lock"]["same"]:
        yield "They are NOT what dvc.lock records: make repro, and commit what it writes."


def describe_lock(lock: dict[str, Any]) -> str:
    if lock["same"]:
        return "dvc.lock is the repository's, byte for byte"
    stale = f"the repository's dvc.lock is stale ({listed(lock['stale'])} changed since); "
    return (stale if lock["stale"] else "") + describe_outputs(lock["differing"])


def describe_outputs(differing: list[dict[str, str]]) -> str:
    if not differing:
        return "all outputs are those of dvc.lock, whose text differs"
    names = listed([entry["path"] for entry in differing])
    return f"outputs DIFFER from dvc.lock, first in stage {differing[0]['stage']}: {names}"


def describe_run(one: dict[str, Any]) -> str:
    name = ", ".join(one["settings"])
    if one["without_effect"]:
        name += f" (no effect on this machine: {', '.join(one['without_effect'])})"
    if one["same"]:
        return f"same: {name}"
    if "failure" in one:
        return f"FAILED: {name}\n{one['failure']}"
    if not one["differing"]:
        return f"DIFFERS in the text of dvc.lock alone: {name}"
    return f"DIFFERS, first in stage {one['differing'][0]['stage']}: {name}\n" + "".join(
        f"{'':10}{entry['stage']}: {entry['path']}\n" for entry in one["differing"]
    )


def listed(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def title(settings: list[Setting]) -> str:
    return ", ".join(setting.label for setting in settings) or "reference"


def git(*arguments: str) -> str:
    return run(["git", "-C", str(REPOSITORY), *arguments])


def run(
    command: list[str],
    mask: int = -1,
    environment: dict[str, str] | None = None,
    fails: str | None = None,
) -> str:
    """Run a command for its output; `fails` is the answer where it may fail."""
    done = subprocess.run(
        command, env=environment, umask=mask, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode and fails is None:
        raise CannotTell(f"{Path(command[0]).name} failed:\n{done.stderr.strip()}")
    return fails if done.returncode and fails is not None else done.stdout


def say(text: str) -> None:
    print(f"reproduce: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
