"""The user's source: CSV, Parquet and JSON Lines files in `data/landing/`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from perennial.data.contract import Contract
from perennial.params import paths
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading import formats as reading

FOLDER = paths.LANDING

_BESIDE = ("README.md", ".gitignore")


def read(contract: Contract, dialect: Csv, folder: Path = FOLDER) -> pa.Table:
    """Read every file of the folder.

    Parameters
    ----------
    contract : Contract
        The columns and their types.
    dialect : Csv
        How CSV is written.
    folder : Path
        Where the files lie.

    Returns
    -------
    pyarrow.Table
        The rows of all files, in order of their names.

    Raises
    ------
    PerennialError
        If there is no file, one that cannot be read, or one that is tracked but not here.
    """
    paths = present(folder)
    if not paths:
        raise PerennialError(
            "no rows: it holds no file",
            where=str(folder),
            hint=f"put files there ({', '.join(reading.KINDS)}), or `perennial land SOURCE`",
        )
    return pa.concat_tables([reading.read(path, contract, dialect) for path in paths])


def present(folder: Path = FOLDER) -> list[Path]:
    """List the files of the folder that hold rows.

    Parameters
    ----------
    folder : Path
        Where the files lie.

    Returns
    -------
    list of Path
        Sorted by name.

    Raises
    ------
    PerennialError
        If something else lies there, or DVC tracks a file that is not here.
    """
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    paths = [path for path in entries if path.name.endswith(reading.KINDS)]
    _refuse_strangers([path for path in entries if path not in paths], folder)
    tracked = [path.with_suffix("") for path in entries if path.suffix == ".dvc"]
    absent = [path.name for path in tracked if not path.exists()]
    if absent:
        raise PerennialError(
            f"files that DVC tracks are not here:{listed(absent)}",
            where=str(folder),
            hint="dvc pull",
        )
    return paths


def _refuse_strangers(others: list[Path], folder: Path) -> None:
    strangers = [path.name for path in others if path.name not in _BESIDE and path.suffix != ".dvc"]
    if strangers:
        raise PerennialError(
            f"files that are no rows:{listed(strangers)}",
            where=str(folder),
            hint=f"remove them, or name them as what they are: {', '.join(reading.KINDS)}",
        )
