"""The files that a landing adds to `data/landing/`: written whole, and tracked by DVC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from perennial.data import parquet
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing
from perennial.sources import files


def path_of(name: str) -> Path:
    """The file of a period, or of rows that were given a name."""
    return files.FOLDER / f"{name}.parquet"


def check_free(names: Iterable[str]) -> None:
    """Refuse names of files that are there, for no file is ever overwritten."""
    taken = [str(path_of(name)) for name in names if path_of(name).exists()]
    if taken:
        raise PerennialError(
            "the file holds other rows than its name says",
            where=", ".join(taken),
            hint="rename it, or choose another --name",
        )


def write(name: str, rows: pd.DataFrame) -> Path:
    """Write the rows of a period, whole or not at all."""
    with publishing(path_of(name)) as partial:
        parquet.write(partial, rows)
    return path_of(name)


def untracked(names: Iterable[str]) -> list[Path]:
    """Files that DVC does not track, also those that an interrupted run wrote and did not add."""
    paths = [path_of(name) for name in names]
    return [path for path in paths if path.exists() and not Path(f"{path}.dvc").exists()]


def track(paths: Sequence[Path]) -> None:
    """Have DVC track files: `dvc add`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            repo.add([str(path) for path in paths])
    except DvcException as error:
        raise PerennialError(
            f"landed, but `dvc add` failed: {error}",
            where=str(files.FOLDER),
            hint="correct that and run the same command again, or add --no-dvc",
        ) from None
