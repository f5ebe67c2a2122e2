"""The example that tests and documents use is the one that the repository begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.data.contract import read_contract

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/example"
TABLE = read_contract(ROOT / "data/contract.yaml").name


@pytest.mark.skipif(
    read_contract(ROOT / "data/contract.yaml").name
    != read_contract(EXAMPLE / "contract.yaml").name,
    reason="this repository has a table of its own",
)
@pytest.mark.parametrize("name", ["params.yaml", "data/contract.yaml"])
def test_the_copy_is_the_repositorys_own(name: str) -> None:
    copy = EXAMPLE / Path(name).name
    assert copy.read_bytes() == (ROOT / name).read_bytes(), f"cp {name} {copy.relative_to(ROOT)}"
