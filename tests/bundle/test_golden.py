"""A bundle of every format that there ever was loads, and answers as it did when it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.bundle.bundle import load
from perennial.bundle.manifest import FORMAT
from perennial.runtime import jsonfile

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLES = sorted(path.parent for path in GOLDEN.rglob("manifest.json"))


def test_every_format_has_its_bundles() -> None:
    formats = {jsonfile.read(path / "manifest.json")["format"] for path in BUNDLES}
    assert formats == set(range(1, FORMAT + 1))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_answers_its_samples(folder: Path) -> None:
    bundle = load(folder)
    cases = jsonfile.loads(bundle.files["sample.json"])["cases"]
    assert len(cases) >= 5
    answers = bundle.respond([case["request"] for case in cases])
    assert answers == [case["response"] for case in cases]
    assert len({repr(answer) for answer in answers}) > 1


def test_a_signature_of_openssl_is_verified() -> None:
    folder = GOLDEN / "format-1/iris"
    load(folder, public_key=folder.with_suffix(".pub").read_text())
