"""The same commit gives the same bytes, whatever the machine, the day and the folder are like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from conftest import Project

# Each differs from the other, and from whoever runs the tests, in all of its settings.
TOKYO = {
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "1",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
}
NEW_YORK = {
    "OMP_NUM_THREADS": "4",
    "PYTHONHASHSEED": "2",
    "TZ": "America/New_York",
    "LC_ALL": "C.UTF-8",
}


def test_another_machine_gives_the_same_bytes(
    new_iris: Project, iris: Project, tmp_path: Path
) -> None:
    project = new_iris.copy(tmp_path / "übung mit leerzeichen")
    project.stages(env=NEW_YORK, umask=0o002)
    hashes = project.hashes()
    assert "models/model.joblib" in hashes
    assert len(hashes) > 20
    assert hashes == iris.hashes()


def test_dvc_records_the_same_hashes_again(
    new_iris: Project, iris: Project, tmp_path: Path
) -> None:
    """A checkout without a cache: `dvc.lock` comes out as it was committed."""
    project = new_iris.copy(tmp_path / "a folder with a space")
    project.dvc("repro", env=TOKYO, umask=0o077)
    assert (project.root / "dvc.lock").read_text() == (iris.root / "dvc.lock").read_text()
    assert project.hashes() == iris.hashes()


def test_a_row_of_every_type_is_prepared_judged_and_packed_alike(
    cancer: Project, tmp_path: Path
) -> None:
    project = cancer.copy(tmp_path / "another folder")
    project.stages("collect", "prepare", "evaluate", "export", env=TOKYO)
    assert project.hashes() == cancer.hashes()


def test_no_fact_of_the_machine_is_in_an_output(iris: Project) -> None:
    facts = [str(iris.root), str(Path.home()), os.uname().nodename, str(os.getpid())]
    facts = [fact for fact in facts if len(fact) > 4]
    for name in iris.hashes():
        content = (iris.root / name).read_bytes()
        for fact in facts:
            assert fact.encode() not in content, (name, fact)


def test_the_lock_holds_the_hash_of_every_package_pin_and_file_of_code(iris: Project) -> None:
    lock = YAML(typ="safe").load(iris.root / "dvc.lock")
    for name, stage in lock["stages"].items():
        deps = {dep["path"]: dep["md5"] for dep in stage["deps"]}
        assert all(deps.values())
        assert f"src/perennial/stages/{name}.py" in deps
        assert "requirements/build.txt" in deps
