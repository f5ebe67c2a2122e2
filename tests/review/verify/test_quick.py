"""Each check of the working tree: silent on a sound one, with a finding on a broken one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

SOUND = {f"PV00{number}": "pass" for number in range(1, 9)} | {
    "PV004": "not applicable",
    "PV012": "pass",
}


def statuses(checks: dict[str, Any]) -> dict[str, str]:
    return {code: check["status"] for code, check in checks.items() if code != "report"}


def stored(project: Project, path: str, folder: str = ".dvc/cache") -> Path:
    """Where an output, or a file of one, lies in a cache or a remote."""
    from perennial.review.revision.checkout import Checkout

    checkout = Checkout(project.root)
    for stage in checkout.stages:
        for out in stage.outs:
            for oid, below in checkout.objects(str(out.oid)):
                if f"{out.path}/{below}".rstrip("/") == path:
                    return project.root / folder / "files/md5" / oid[:2] / oid[2:]
    raise AssertionError(f"nothing is stored of {path}")


def damage(project: Project, path: str) -> None:
    """Change one byte, as a failing disk does: nobody's permissions and times tell."""
    file = stored(project, path)
    before = file.stat()
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    file.chmod(before.st_mode)


def test_a_sound_project_passes_and_is_left_as_it_was(project: Project, verify: Any) -> None:
    before = project.files()
    code, checks = verify("--quick")
    assert code == 0
    assert statuses(checks) == SOUND
    assert checks["PV004"]["reason"] == "no remote is configured"
    assert checks["report"]["judged"] == "the working tree"
    assert project.files() == before
    assert project.git("status", "--porcelain") == ""


def test_a_fresh_clone_is_sound_without_its_outputs(
    project: Project, verify: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.git("clone", "--quiet", str(project.root), str(tmp_path / "fresh"))
    monkeypatch.chdir(tmp_path / "fresh")
    code, checks = verify("--quick")
    assert code == 0
    assert statuses(checks) == SOUND | {"PV005": "not applicable"}


def tear(project: Project) -> None:
    """Let dvc.lock say that train used other rows than prepare made."""
    text = (project.root / "dvc.lock").read_text()
    place = text.index(
        "md5: ", text.index("path: data/prepared/train.parquet", text.index("src train"))
    )
    before = text[place:].partition("\n")[0]
    # `hash: md5` stands between path and hash.
    project.write("dvc.lock", text[:place] + text[place:].replace(before, "md5: " + "ab" * 16, 1))


def rows_left_to_dvc(project: Project) -> None:
    """Have git ignore landed rows, as this repository's own does."""
    project.write("data/landing/.gitignore", "/*\n!/.gitignore\n!/*.dvc\n")
    project.git("rm", "--quiet", "--cached", "data/landing/rows.csv")
    project.commit("leave the rows to DVC")


#: How to break a project, and the findings then: code, where, and part of what.
Break = Callable[["Project"], object]
BROKEN: dict[str, tuple[Break, list[tuple[str, str, str]]]] = {
    "a dep too few": (
        lambda p: p.edit("dvc.yaml", "      - src/perennial/stages/export.py\n", ""),
        [
            ("PV001", "export", "runs src/perennial/stages/export.py, which none"),
            ("PV003", "dvc.yaml", "differs from the commit"),
        ],
    ),
    "a dep too many": (
        lambda p: p.edit(
            "dvc.yaml", "    params:\n      - collect\n",
            "      - src/perennial/bundle/card.py\n    params:\n      - collect\n",
        ),
        [
            ("PV001", "collect", "runs nothing of its dep src/perennial/bundle/card.py"),
            ("PV002", "collect", "src/perennial/bundle/card.py is modified"),
            ("PV003", "dvc.yaml", "differs from the commit"),
        ],
    ),
    "another command": (
        lambda p: p.edit("dvc.yaml", "cmd: python src export", "cmd: python -B src export"),
        [
            ("PV002", "export", "changed command"),
            ("PV003", "dvc.yaml", "differs from the commit"),
        ],
    ),
    "a merge of dvc.lock by hand": (
        tear,
        [
            ("PV002", "train", "used another data/prepared/train.parquet than prepare made"),
            ("PV003", "dvc.lock", "differs from the commit"),
        ],
    ),
    "a changed output": (
        lambda p: (p.root / "models/model.joblib").write_bytes(b"another"),
        [("PV002", "train", "models/model.joblib is modified")],
    ),
    "a changed metric": (
        lambda p: p.write("metrics/slices.json", "{}\n"),
        [
            ("PV002", "evaluate", "metrics/slices.json is modified"),
            ("PV003", "metrics/slices.json", "differs from the commit"),
        ],
    ),
    "a metric that is not in git": (
        lambda p: (p.git("rm", "--quiet", "--cached", "metrics/train.json")),
        [("PV003", "metrics/train.json", "is not in git")],
    ),
    "a damaged model": (
        lambda p: damage(p, "models/model.joblib"),
        [("PV005", ".dvc/cache/files/md5", "bytes are not those of models/model.joblib")],
    ),
    "a damaged file of a folder": (
        lambda p: damage(p, "models/bundle/sample.json"),
        [("PV005", ".dvc/cache/files/md5", "bytes are not those of models/bundle/sample.json")],
    ),
    "a damaged list of a folder": (
        lambda p: damage(p, "data/raw"),
        [("PV005", ".dvc/cache/files/md5", "bytes are not those of data/raw")],
    ),
    "an unknown parameter": (
        lambda p: committed(p, "params.yaml", "rows: 200\n", "rows: 200\n  sead: 1\n"),
        [
            ("PV002", "train", "params.yaml: train.sead: absent before, 1 now"),
            ("PV006", "params.yaml", "train.sead: no such key"),
        ],
    ),
    "a parameter that the gate does not know": (
        lambda p: committed(p, "params.yaml", "export: {", "gate: {marging: 1}\nexport: {"),
        [("PV006", "params.yaml", "marging: no such key")],
    ),
    # DVC takes 200.0 for the 200 that it knows, so its status is silent.
    "a parameter of the wrong type": (
        lambda p: committed(p, "params.yaml", "rows: 200\n", "rows: 200.0\n"),
        [("PV006", "params.yaml", "train.adversarial_rows: ")],
    ),
    "a parameter that no stage declares": (
        lambda p: committed(p, "dvc.yaml", "      - prepare.split\n      - train\n",
                            "      - prepare.split\n      - train.params\n"),
        [
            ("PV002", "train", "params.yaml: train.params is new"),
            ("PV006", "train.adversarial_rows", "no stage declares it"),
        ],
    ),
    "a parameter without a value": (
        lambda p: committed(p, "dvc.yaml", "      - collect\n    outs",
                            "      - collect\n      - train.seed\n    outs"),
        [
            ("PV002", "collect", "params.yaml: train.seed is deleted"),
            ("PV006", "collect: train.seed", "has no value"),
        ],
    ),
    "a password in DVC's configuration": (
        lambda p: committed(p, ".dvc/config", "[core]",
                            "['remote \"web\"']\n    url = https://example.org\n"
                            "    password = correct-horse\n[core]"),
        [("PV007", ".dvc/config, line 3", "a value for password")],
    ),
    "source files that nobody ran": (
        lambda p: (
            p.write("src/perennial/learning/onnx/new.py", "NEW = 1\n"),
            committed(p, "src/perennial/learning/search.py", "import", "import  "),
        ),
        [
            ("PV002", "train", "src/perennial/learning is modified (onnx/new.py, search.py)"),
        ],
    ),
    "a checkout with CRLF": (
        lambda p: (p.root / "src/perennial/learning/pickling.py").write_bytes(
            (p.root / "src/perennial/learning/pickling.py").read_bytes().replace(b"\n", b"\r\n")
        ),
        [
            ("PV002", "train", "src/perennial/learning is modified (pickling.py)"),
            ("PV008", "src/perennial/learning/pickling.py", "CRLF here, LF in git"),
        ],
    ),
    "rows that nobody added": (
        rows_left_to_dvc,
        [("PV012", "data/landing/rows.csv", "is in neither git nor DVC")],
    ),
    "a source file that nobody added": (
        lambda p: p.git("rm", "--quiet", "--cached", "src/perennial/learning/search.py"),
        [("PV012", "src/perennial/learning/search.py", "is in neither git nor DVC")],
    ),
}  # fmt: skip


def committed(project: Project, name: str, old: str, new: str) -> None:
    project.edit(name, old, new)
    project.commit()


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_project_is_reported_by_code_place_and_remedy(
    project: Project, verify: Any, case: str
) -> None:
    breaks, expected = BROKEN[case]
    breaks(project)
    code, checks = verify("--quick")
    assert code == 1
    assert statuses(checks) == SOUND | {code: "finding" for code, _, _ in expected}
    for code, where, what in expected:
        (finding,) = checks[code]["findings"]
        assert finding["where"].startswith(where)
        assert what in finding["what"]
        assert checks[code]["remedy"]


@pytest.mark.parametrize(
    ("name", "old", "new", "stage"),
    [
        *((f"src/perennial/stages/{name}.py", "def main", "def  main", name)
          for name in ("collect", "prepare", "train", "evaluate", "export")),
        ("params.yaml", "period: all", "period: day", "collect"),
        ("params.yaml", "test: 0.25", "test: 0.26", "prepare"),
        ("params.yaml", "max_iter: 10", "max_iter: 11", "train"),
        ("params.yaml", "resamples: 200", "resamples: 201", "evaluate"),
        ("params.yaml", "samples: 5", "samples: 6", "export"),
        ("data/landing/rows.csv", "5.1,3.5", "5.1,3.6", "collect"),
        ("data/contract.yaml", "max: 10", "max: 11", "collect"),
        ("requirements/build.txt", "#", "##", "collect"),
    ],
)  # fmt: skip
def test_one_changed_character_makes_its_stage_stale(
    project: Project, verify: Any, name: str, old: str, new: str, stage: str
) -> None:
    """In the clone, before anything is run; the working tree gives the same."""
    text = (project.root / name).read_text()
    project.write(name, text.replace(old, new, 1))
    project.commit("and no dvc repro")
    code, checks = verify("HEAD", "--environment", "current")
    assert code == 1
    assert checks["PV002"]["findings"][0]["where"] == stage
    what = checks["PV002"]["findings"][0]["what"]
    assert what.startswith(name.removesuffix("/rows.csv"))
    if name == "params.yaml":
        key, _, value = old.partition(": ")
        assert f".{key}: " in what
        assert f"{value.strip('}')} before, " in what.replace('"', "")
    assert "nothing was run" in checks["PV010"]["reason"]


def test_rows_that_dvc_tracks_are_kept(project: Project, verify: Any) -> None:
    rows_left_to_dvc(project)
    project.dvc("add", "data/landing/rows.csv")
    project.dvc("commit", "--force", "collect")
    project.commit("their hash")
    code, checks = verify("--quick")
    assert code == 0
    assert statuses(checks) == SOUND


class TestRemote:
    @pytest.fixture
    def remote(self, project: Project) -> Path:
        project.write(
            ".dvc/config.local",
            "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n",
        )
        project.dvc("push")
        return project.root.parent / "store"

    def test_a_remote_that_has_all_passes(self, remote: Path, verify: Any) -> None:
        assert remote.is_dir()
        assert statuses(verify("--quick")[1]) == SOUND | {"PV004": "pass"}

    @pytest.mark.parametrize(
        ("lost", "path"),
        [
            ("models/model.joblib", "models/model.joblib"),
            ("models/bundle", "models/bundle"),
            # DVC's own status does not see this one.
            ("models/bundle/sample.json", "models/bundle"),
        ],
    )
    def test_each_lacking_object_is_reported(
        self, project: Project, remote: Path, verify: Any, lost: str, path: str
    ) -> None:
        stored(project, lost, f"../{remote.name}").unlink()
        code, checks = verify("--quick")
        assert code == 1
        (finding,) = checks["PV004"]["findings"]
        name = path if lost == path else lost.removeprefix(f"{path}/")
        assert finding == {"where": path, "what": f"remote store lacks {name}"}

    def test_a_remote_that_does_not_answer_is_neither_yes_nor_no(
        self, project: Project, remote: Path, verify: Any
    ) -> None:
        assert remote.is_dir()
        project.edit(".dvc/config.local", "../../store", "http://127.0.0.1:9/store")
        code, checks = verify("--quick")
        assert code == 2
        assert checks["PV004"]["status"] == "could not tell"
        assert "remote store does not answer" in checks["PV004"]["reason"]

    def test_a_remote_without_a_default_is_reported(
        self, project: Project, remote: Path, verify: Any
    ) -> None:
        assert remote.is_dir()
        project.edit(".dvc/config.local", "    remote = store\n", "    autostage = false\n")
        code, checks = verify("--quick")
        assert code == 0
        assert "dvc remote default" in checks["PV004"]["reason"]


def test_the_process_that_holds_dvcs_lock_is_named(project: Project, verify: Any) -> None:
    lock = {"write": {str(project.root / "data/raw"): {"pid": 1, "cmd": "dvc repro"}}}
    project.write(".dvc/tmp/rwlock", json.dumps(lock))
    code, checks = verify("--quick")
    assert code == 2
    assert "(PID 1): dvc repro" in checks["PV002"]["reason"]
