"""A folder that rows can land in: a contract, parameters, and nothing landed yet."""

from __future__ import annotations

from pathlib import Path

import pytest

CONTRACT = """\
version: 1
name: sales
columns:
  id: {type: text, role: id}
  at: {type: datetime, role: time}
  price: {type: number}
  sold: {type: boolean, role: target}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "data/landing").mkdir(parents=True)
    (folder / "data/contract.yaml").write_text(CONTRACT)
    (folder / "params.yaml").write_text("collect: {source: files}\n")
    monkeypatch.chdir(folder)
    return folder
