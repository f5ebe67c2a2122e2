"""A hostile bundle executes nothing, and nothing outside its folder is read.

Each is loaded in a process of its own under resource limits, traced by strace where that is
installed. The digests are the boundary of trust: a file that the manifest does not vouch for is
never parsed. One that a forger's manifest vouches for may crash a parser that is not ours, and no
more than that.
"""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import timeit
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from perennial.bundle import manifest
from perennial.model.engines.skops import types_in
from perennial.runtime import jsonfile

HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "src"
SOUND = HERE.parents[1] / "golden/format-1/iris"

#: Bytes that loading may take more than the process had, however large the bomb.
ALLOWED = 32 * 2**20
BOMB = 160 * 2**20


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.flag}",)


def joblib_file(flag: Path) -> bytes:
    buffer = io.BytesIO()
    joblib.dump([Evil(flag)], buffer)
    return buffer.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


def hijacked(flag: Path) -> bytes:
    """An estimator of scikit-learn's whose method is somebody else's code."""
    estimator = LogisticRegression()
    estimator.predict_proba = functools.partial(
        timeit.timeit, "pass", f"import os; os.system('touch {flag}')"
    )
    return bytes(skops.io.dumps(estimator))


def skops_file(flag: Path) -> bytes:
    return skops.io.dumps(functools.partial(os.system, f"touch {flag}"))


def graph(outside: str) -> bytes:
    """An ONNX graph, right in all but this: its weights lie in a file outside the bundle."""
    made: Any = onnx.helper
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.DOUBLE, dims=[4, 3])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=outside)
    double = onnx.TensorProto.DOUBLE
    return made.make_model(
        made.make_graph(
            [made.make_node("MatMul", ["matrix", "w"], ["scores"])],
            "outside",
            [made.make_tensor_value_info("matrix", double, [None, 4])],
            [made.make_tensor_value_info("scores", double, [None, 3])],
            [tensor],
        ),
        opset_imports=[made.make_opsetid("", 18)],
        ir_version=9,
    ).SerializeToString()


def payloads(flag: Path, outside: Path) -> dict[str, bytes]:
    """Files that do harm to a reader who trusts them."""
    return {
        "pickle": pickle.dumps(Evil(flag)),
        "joblib": joblib_file(flag),
        "skops": skops_file(flag),
        "onnx": graph(str(outside)),
        "onnx-above": graph("../../outside"),
        # Where the process stands: onnxruntime opens this one, if it is let.
        "onnx-here": graph(outside.name),
        "traversal": archive({"../../outside": b"x", "/tmp/outside": b"x"}),
        "bomb": archive({"schema.json": bytes(BOMB)}),
        "deep": b"[" * 1_000_000,
        "wide": b"[" + b"[]," * 100_000 + b"[]]",
    }


def vouch(bundle: Path, **changes: Any) -> None:
    """Make the manifest agree with the files, as a forger would."""
    manifest.write(bundle, {**jsonfile.read(bundle / "manifest.json"), **changes})


def with_engine(bundle: Path, name: str, file: str, content: bytes, **options: Any) -> None:
    """Make a bundle of another engine, with its own file."""
    program = jsonfile.read(bundle / "compiled/program.json")
    program["engine"] = {"name": name, "options": {"method": "predict_proba", **options}}
    jsonfile.write(bundle / "compiled/program.json", program)
    (bundle / "compiled/model.tl").unlink()
    (bundle / "compiled" / file).write_bytes(content)
    vouch(bundle, engine=name)


def broken_trees(whole: bytes) -> Iterator[bytes]:
    """Trees cut off and changed; treelite's parser has been seen to crash on their like."""
    rng = random.Random(0)
    for share in (0, 0.1, 0.5, 0.9):
        yield whole[: int(share * len(whole))]
    for _ in range(24):
        changed = bytearray(whole)
        for place in rng.sample(range(min(len(whole), 400)), 3):
            changed[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        yield bytes(changed)
    for place in (0, 12, 30, 60, 100, 200):
        yield whole[:place] + b"\xff" * 8 + whole[place + 8 :]


def lay_out(root: Path, flag: Path) -> None:
    """Make every hostile bundle, a folder each."""
    outside = root / "outside"
    outside.write_bytes(np.zeros((4, 3)).tobytes())

    def case(name: str, change: Callable[[Path], Any]) -> None:
        change(Path(shutil.copytree(SOUND, root / f"cases/{name}/bundle")))

    def writes(name: str, content: bytes) -> Callable[[Path], Any]:
        return lambda bundle: (bundle / name).write_bytes(content)

    def vouches(name: str, content: bytes) -> Callable[[Path], Any]:
        return lambda bundle: ((bundle / name).write_bytes(content), vouch(bundle))

    for name, content in payloads(flag, outside).items():
        case(f"smuggled-extra-{name}", writes("compiled/model.pkl", content))
        case(f"smuggled-trees-{name}", writes("compiled/model.tl", content))
        case(f"smuggled-program-{name}", writes("compiled/program.json", content))
        case(f"smuggled-manifest-{name}", writes("manifest.json", content))
        case(f"vouched-trees-{name}", vouches("compiled/model.tl", content))
        case(f"vouched-program-{name}", vouches("compiled/program.json", content))
        onnx_engine = functools.partial(
            with_engine, name="onnx", file="model.onnx", content=content
        )
        case(f"vouched-onnx-{name}", onnx_engine)
        skops_engine = functools.partial(
            with_engine, name="skops", file="model.skops", content=content, types=[], trusted=[]
        )
        case(f"vouched-skops-{name}", skops_engine)
    content = hijacked(flag)
    types, trusted = types_in(content), skops.io.get_untrusted_types(data=content)
    assert "timeit.timeit" in trusted
    trusting = functools.partial(
        with_engine, name="skops", file="model.skops", content=content, types=types, trusted=trusted
    )
    case("vouched-skops-trusting", trusting)
    for number, content in enumerate(broken_trees((SOUND / "compiled/model.tl").read_bytes())):
        case(f"smuggled-broken-{number}", writes("compiled/model.tl", content))
        case(f"broken-{number}", vouches("compiled/model.tl", content))
    case("smuggled-link", functools.partial(link_out, outside=outside))
    case("smuggled-folder-link", functools.partial(link_folder_out, outside=root))
    for name in ("../outside", "../../../outside", str(outside), "compiled/../../outside"):
        number = len(list((root / "cases").iterdir()))
        case(f"smuggled-name-{number}", functools.partial(name_outside, name=name, path=outside))
    case("smuggled-sparse", lambda bundle: os.truncate(bundle / "compiled/model.tl", 2**40))
    case("smuggled-sparse-manifest", lambda bundle: os.truncate(bundle / "manifest.json", 2**40))
    case("control-pickle", writes("more.pkl", pickle.dumps(Evil(root / "control"))))


def link_out(bundle: Path, outside: Path) -> None:
    outside.with_name("same").write_bytes((bundle / "sample.json").read_bytes())
    (bundle / "sample.json").unlink()
    (bundle / "sample.json").symlink_to(outside.with_name("same"))


def link_folder_out(bundle: Path, outside: Path) -> None:
    (bundle / "compiled").rename(outside / "compiled")
    (bundle / "compiled").symlink_to(outside / "compiled")


def name_outside(bundle: Path, name: str, path: Path) -> None:
    listed = {"bytes": path.stat().st_size, "sha256": manifest.sha256(path)}
    content = jsonfile.read(bundle / "manifest.json")
    content["files"][name] = listed
    jsonfile.write(bundle / "manifest.json", {**content, "sha256": manifest.digest_of(content)})


def can_trace() -> bool:
    strace = shutil.which("strace")
    return (
        bool(strace)
        and subprocess.run(
            [str(strace), "-qq", "-o", os.devnull, "true"], check=False, capture_output=True
        ).returncode
        == 0
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    lay_out(root, root / "flag")
    return root


@pytest.fixture(scope="module")
def outcomes(root: Path) -> dict[str, Any]:
    """What became of each case; the trace, where there is one, lies in `root`."""
    trace = ["strace", "-f", "-qq", "-s", "1000", "-e", "trace=%file,%network,%process,kill"]
    before = [*trace, "-o", str(root / "trace")] if can_trace() else []
    done = subprocess.run(
        [*before, sys.executable, HERE / "child.py", SOUND, root / "cases"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={"PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1", "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def names(outcomes: dict[str, Any], kind: str) -> list[str]:
    chosen = [name for name in outcomes if name.startswith(kind)]
    assert chosen
    return chosen


def test_what_the_manifest_does_not_vouch_for_is_refused_unparsed(outcomes: dict[str, Any]) -> None:
    for name in names(outcomes, "smuggled"):
        assert outcomes[name].get("ended", "").startswith("refused: "), (name, outcomes[name])
        assert not outcomes[name]["parsed"], name


def test_what_a_forger_vouches_for_is_parsed_as_what_it_is_not_and_refused(
    outcomes: dict[str, Any],
) -> None:
    for name in names(outcomes, "vouched"):
        assert outcomes[name].get("ended", "").startswith("refused: "), (name, outcomes[name])


def test_broken_trees_are_refused_or_loaded_or_kill_their_process(outcomes: dict[str, Any]) -> None:
    for name in names(outcomes, "broken"):
        ended = outcomes[name].get("ended", "refused: it died")
        assert ended.startswith("refused: ") or ended == "loaded", (name, outcomes[name])


def test_nothing_was_executed(outcomes: dict[str, Any], root: Path) -> None:
    assert not (root / "flag").exists()
    # That this would have been seen, a file shows that is unpickled for once.
    assert (root / "control").exists()
    assert outcomes["control-pickle"]["ended"].startswith("refused: ")


def test_what_is_refused_unparsed_takes_no_memory(outcomes: dict[str, Any]) -> None:
    """The rest is bounded by the limits of its process, as a service's is by its container."""
    for name in names(outcomes, "smuggled"):
        assert outcomes[name]["memory"] < ALLOWED, (name, outcomes[name])


def calls(trace: Path, case: str) -> list[str]:
    """The system calls between a case's marks."""
    lines = trace.read_text(errors="replace").splitlines()
    parent = lines[0].split()[0]
    first = next(place for place, line in enumerate(lines) if f'"/begin/{case}"' in line)
    own = []
    for line in lines[first + 1 :]:
        if '"/begin/' in line or f'"/end/{case}"' in line:
            break
        pid, _, call = line.partition(" ")
        if pid != parent:
            own.append(call.strip())
    return own


def breaches(own: list[str], folder: Path) -> list[str]:
    """Those of them that do more than look into the bundle's folder."""
    looks = re.compile(r'(?:openat|newfstatat|stat|lstat|readlink)\((?:AT_FDCWD, )?"([^"]*)"')
    # An open file may be asked its size; a process may end; a call may end that began above; and a
    # path below /dev/null, where there is nothing, may be looked for.
    harmless = re.compile(
        r'newfstatat\(\d+, "", |exit(_group)?\(|\+\+\+ |--- SIG|<\.\.\. |'
        r'(stat|lstat|readlink)\("/(dev(/null[^"]*)?)?"'
    )
    others = []
    for call in own:
        look = looks.match(call)
        is_inside = look and Path(os.path.normpath(look[1])).is_relative_to(folder)
        is_writing = re.search("O_(WRONLY|RDWR|CREAT|TRUNC)", call)
        if not harmless.match(call) and (not is_inside or is_writing):
            others.append(call)
    return others


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace here")
def test_the_trace_shows_that_nothing_else_is_touched(outcomes: dict[str, Any], root: Path) -> None:
    for name in outcomes.keys() - {"control-pickle"}:
        own = calls(root / "trace", name)
        assert own, name
        assert breaches(own, root / "cases" / name / "bundle") == [], name
    # Nor did what was imported to load them call home, before or meanwhile.
    assert "AF_INET" not in (root / "trace").read_text(errors="replace")
    own = calls(root / "trace", "control-pickle")
    assert any("execve" in call for call in breaches(own, root / "cases/control-pickle/bundle"))
