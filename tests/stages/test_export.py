"""Only a bundle that a fresh process could use is exported, and it is the same every time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from perennial.bundle.bundle import load
from perennial.bundle.signing import sign
from perennial.runtime import jsonfile
from perennial.runtime.environment import pinned

if TYPE_CHECKING:
    from conftest import Project


def private_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


ENGINE = "src/perennial/model/engines/treelite.py"
MARKED = "        # treelite computes in its own input type"


def test_it_says_what_was_exported(project: Project) -> None:
    before = project.hashes()
    done = project.stage("export", check=True)
    assert done.stdout == (
        "export: models/bundle, 0.0 MB, engine treelite; 5 samples answered in a fresh process\n"
    )
    assert done.stderr == ""
    assert project.hashes() == before


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("import sklearn", "ModuleNotFoundError: "),
        ("matrix = matrix * 0", "sample 0: answered {"),
        ("import os; os._exit(3)", "exit code 3"),
    ],
)
def test_a_bundle_that_fails_in_the_fresh_process_is_not_exported(
    project: Project, fault: str, message: str
) -> None:
    """Each fault is one that this process does not have, only the fresh one."""
    here = "__import__('sys').argv[0] != 'src'"
    project.edit(ENGINE, MARKED, f"        if {here}:\n            {fault}\n{MARKED}")
    before = project.hashes()
    errors = project.refused("export", "models/bundle: a fresh process could not use the bundle: ")
    assert message in errors
    assert "hint: nothing was exported" in errors
    assert project.hashes() == before


def test_samples_and_reference_are_at_most_the_rows_there_are(project: Project) -> None:
    project.edit(
        "params.yaml", "reference_rows: 20, samples: 5", "reference_rows: 999, samples: 999"
    )
    done = project.stage("export", check=True)
    assert "35 samples answered" in done.stdout
    assert len(jsonfile.read(project.root / "models/bundle/sample.json")["cases"]) == 35
    reference = jsonfile.read(project.root / "models/bundle/reference.json")
    assert len(reference["columns"]["sepal_length"]) == 35


def test_no_reference_may_be_asked_for(project: Project) -> None:
    project.edit("params.yaml", "reference_rows: 20", "reference_rows: 0")
    project.stage("export", check=True)
    reference = jsonfile.read(project.root / "models/bundle/reference.json")
    assert {len(values) for values in reference["columns"].values()} == {0}
    load(project.root / "models/bundle")


def test_the_name_is_the_one_of_the_parameters(project: Project) -> None:
    project.edit("params.yaml", "name: iris", "name: iris-setosa-or-not")
    project.stage("export", check=True)
    bundle = project.root / "models/bundle"
    assert load(bundle).manifest["name"] == "iris-setosa-or-not"
    assert (bundle / "MODEL_CARD.md").read_text().startswith("# iris-setosa-or-not\n")


def test_a_named_key_signs_and_changes_no_output(project: Project, tmp_path: Path) -> None:
    key, other = tmp_path / "release.pem", tmp_path / "other.pem"
    for path in (key, other):
        path.write_bytes(private_key())
    public_key = sign(b"", key.read_bytes())[1]
    project.edit("params.yaml", "name: iris", f"name: iris, sign: {public_key}")
    # Whoever exports a bundle that is to be signed may well have a key configured.
    project.env["PERENNIAL_PUBLIC_KEY"] = public_key
    project.stage("export", check=True)
    before = project.hashes()
    command = ("python", "-m", "perennial.cli", "sign", "--key")
    environment = {"PYTHONPATH": "src"}
    refused = project.run(*command, str(other), env=environment)
    assert refused.returncode == 2
    assert f"export.sign: the bundle names another key, {public_key}" in refused.stderr
    signed = project.run(*command, str(key), env=environment, check=True)
    assert "signed: models/bundle.sig" in signed.stdout
    bundle = project.root / "models/bundle"
    assert load(bundle, public_key=public_key).manifest["public_key"] == public_key
    assert {**project.hashes(), "models/bundle.sig": ""} == {**before, "models/bundle.sig": ""}
    assert project.git("status", "--porcelain", "models") == "?? models/bundle.sig\n"


@pytest.mark.parametrize("key", ["keys/release.pub", "MCowBQYDK2VwAyEA", "''"])
def test_what_is_no_public_key_is_reported(project: Project, key: str) -> None:
    project.edit("params.yaml", "name: iris", f"name: iris, sign: {key}")
    project.refused("export", "export.sign")


def test_versions_are_those_of_the_lock(iris: Project) -> None:
    lock = dict(pinned((iris.root / "requirements/build.txt").read_text()))
    packages = load(iris.root / "models/bundle").manifest["packages"]
    assert {name: lock[name] for name in packages} == packages


@pytest.mark.parametrize(
    "name",
    [
        "models/compiled",
        "data/scored/test.parquet",
        "data/prepared/train.parquet",
        "metrics/card.json",
    ],
)
def test_what_an_earlier_stage_should_have_made_is_asked_for_by_name(
    project: Project, name: str
) -> None:
    path = project.root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    errors = project.refused("export", name)
    assert "hint: dvc repro, or dvc checkout" in errors


def test_nothing_of_the_bundle_depends_on_the_folder(project: Project, iris: Project) -> None:
    text = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (project.root / "models/bundle").rglob("*")
        if path.is_file()
    )
    for folder in (str(iris.root), str(Path.home()), "/tmp/"):
        assert folder not in text
