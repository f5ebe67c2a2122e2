"""The user's source: CSV, Parquet and JSON Lines files in `data/landing/`.

Why so: docs/decisions.md#d8
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from perennial.data.contract import Contract
from perennial.params import paths
from perennial.params.collect import Collect
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading import formats
from perennial.sources.reading.together import together

FOLDER = paths.LANDING

_BESIDE = ("README.md", ".gitignore")


def read(contract: Contract, params: Collect, folder: Path = FOLDER) -> pd.DataFrame:
    """Read every file of the folder, in order of their names."""
    paths = present(folder)
    if not paths:
        raise PerennialError(
            "no rows: it holds no file",
            where=str(folder),
            hint=f"put files there ({', '.join(formats.FORMATS)}), or `perennial land SOURCE`",
        )
    rows = together(((str(path), formats.content(path)) for path in paths), contract, params.csv)
    assert rows is not None
    return rows


def present(folder: Path = FOLDER) -> list[Path]:
    """List the folder's files of rows by name; refuse other files, and tracked ones not here."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    paths = [path for path in entries if formats.ending(path.name)]
    _refuse_others([path for path in entries if path not in paths], folder)
    tracked = [path.with_suffix("") for path in entries if path.suffix == ".dvc"]
    absent = [path.name for path in tracked if not path.exists()]
    if absent:
        raise PerennialError(
            f"files that DVC tracks are not here:{listed(absent)}",
            where=str(folder),
            hint="dvc pull",
        )
    return paths


def untracked(folder: Path = FOLDER) -> list[Path]:
    """List the files of rows that have no `.dvc` file beside them, as `dvc add` would leave one.

    The folder is the stage's input, so what lies in it is known; what git keeps is not.
    """
    return [path for path in present(folder) if not Path(f"{path}.dvc").exists()]


def _refuse_others(paths: list[Path], folder: Path) -> None:
    others = [path for path in paths if path.name not in _BESIDE and path.suffix != ".dvc"]
    if others:
        remedies = [
            f"move what is in {path.name}/ up" if path.is_dir() else formats.remedy(path.name)
            for path in others
        ]
        raise PerennialError(
            f"files that are not rows:{listed(path.name for path in others)}",
            where=str(folder),
            hint="; ".join(["remove them", *dict.fromkeys(remedies)]),
        )
