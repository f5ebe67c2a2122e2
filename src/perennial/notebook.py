"""A project at any revision, for notebooks: data, figures and models through DVC.

Nothing is checked out: files come out of git, DVC's cache or a remote.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import NotDvcRepoError
from dvc.repo import Repo
from dvc.scm import RevError
from dvc_data.index import DataIndexDirError

from perennial.bundle import bundle as bundles
from perennial.bundle.bundle import Bundle
from perennial.data.contract import Contract
from perennial.model.fitted import Model
from perennial.params import paths, yamlfile
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

__all__ = ["Project", "open"]


class Project:
    """A project at one revision; `perennial.open` makes one.

    Parameters
    ----------
    files : dvc.api.DVCFileSystem
        The files of the revision.
    name : str
        The revision, for messages.

    Examples
    --------
    >>> import perennial
    >>> project = perennial.open()                                    # doctest: +SKIP
    >>> project.split("test").groupby(project.contract.target).size()  # doctest: +SKIP
    """

    def __init__(self, files: DVCFileSystem, name: str) -> None:
        self._files = files
        self._name = name

    def __repr__(self) -> str:
        return f"<Project at {self._name}>"

    @property
    def contract(self) -> Contract:
        """What a row is, column by column.

        Examples
        --------
        >>> import perennial
        >>> perennial.open().contract.target  # the flights' is 'late'
        '...'
        """
        return yamlfile.parse(
            Contract, self._yaml(paths.CONTRACT), where=self._where(paths.CONTRACT)
        )

    @property
    def params(self) -> dict[str, Any]:
        """The content of `params.yaml`, unchecked: an older revision may have other keys.

        Examples
        --------
        >>> import perennial
        >>> perennial.open().params["train"]["estimator"]  # by its dotted path
        '...'
        """
        return self._yaml(paths.PARAMS)

    def split(self, name: str) -> pd.DataFrame:
        """Prepared rows of one split.

        Parameters
        ----------
        name : {"train", "validation", "test"}
            The split.

        Returns
        -------
        pandas.DataFrame
            Arrow-backed, so that missing values stay missing and whole numbers whole.

        Raises
        ------
        PerennialError
            If there is no such split, or neither the cache nor a remote has its file.

        Examples
        --------
        >>> perennial.open("main").split("train").describe()  # doctest: +SKIP
        """
        if name not in paths.SPLITS:
            raise PerennialError(f"no split {name!r}", hint=f"one of {', '.join(paths.SPLITS)}")
        content = io.BytesIO(self._read(paths.SPLITS[name]))
        return pd.read_parquet(content, dtype_backend="pyarrow")

    def metrics(self, name: str) -> Any:
        """The content of a report: `metrics/NAME.json`.

        Parameters
        ----------
        name : str
            For example ``"evaluate"``, ``"validation"``, ``"train"`` or ``"data"``.

        Returns
        -------
        object
            A JSON value.

        Raises
        ------
        PerennialError
            If the revision has no such report.

        Examples
        --------
        >>> import perennial
        >>> sorted(perennial.open().metrics("data")["rows"])
        ['raw', 'rejected', 'test', 'train', 'unlabelled', 'validation']
        """
        return jsonfile.loads(self._read(paths.METRICS / f"{name}.json"))

    def model(self) -> Model:
        """The fitted scikit-learn model of `models/model.joblib`.

        It is a pickle, which runs code when it is loaded. So only the file that the revision's own
        `dvc.lock` records is loaded; `bundle` answers the same without pickle.

        Raises
        ------
        PerennialError
            If there is none, it is not the recorded one, or other code pickled it.

        Examples
        --------
        >>> perennial.open().model().estimator  # doctest: +SKIP
        HistGradientBoostingClassifier(...)
        """
        where = self._where(paths.FITTED)
        content = self._read(paths.FITTED)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != self._recorded(paths.FITTED):
            raise PerennialError(
                "not the file that dvc.lock records", where=where, hint="dvc repro"
            )
        try:
            model: Model = joblib.load(io.BytesIO(content))
        except (ImportError, AttributeError) as error:
            raise PerennialError(
                f"pickled by other code than is here: {error}",
                where=where,
                hint="open(...).bundle(), which any later code can load",
            ) from None
        return model

    def bundle(self) -> Bundle:
        """The bundle of `models/bundle`, ready to answer.

        Returns
        -------
        Bundle
            With `predict`, `predict_proba` and the `manifest`.

        Raises
        ------
        PerennialError
            If neither the cache nor a remote has it.
        BundleError
            As for `perennial.load`.

        Examples
        --------
        >>> project = perennial.open("v1.2.0")                      # doctest: +SKIP
        >>> project.bundle().predict_proba(project.split("test"))   # doctest: +SKIP
        """
        with tempfile.TemporaryDirectory(prefix="perennial-") as folder:
            copy = Path(folder, paths.BUNDLE.name)
            for source in (paths.BUNDLE, paths.SIGNATURE):
                if source == paths.BUNDLE or self._files.exists(_absolute(source)):
                    self._copy(source, copy.with_name(source.name))
            return bundles.load(copy)

    def _recorded(self, path: Path) -> str | None:
        if not self._files.exists(_absolute(paths.LOCK)):
            return None
        stages = self._yaml(paths.LOCK).get("stages", {}).values()
        outs = (out for stage in stages for out in stage.get("outs", []))
        return next((out["md5"] for out in outs if out["path"] == path.as_posix()), None)

    def _yaml(self, path: Path) -> dict[str, Any]:
        return yamlfile.loads(self._read(path), where=self._where(path))

    def _where(self, path: Path) -> str:
        return f"{path} at {self._name}"

    def _read(self, path: Path) -> bytes:
        try:
            content: bytes = self._files.read_bytes(_absolute(path))
        except OSError as error:
            raise self._absent(path) from error
        return content

    def _copy(self, path: Path, to: Path) -> None:
        try:
            self._files.get(_absolute(path), str(to), recursive=True)
        except (OSError, DataIndexDirError) as error:
            raise self._absent(path) from error

    def _absent(self, path: Path) -> PerennialError:
        where = self._where(path)
        if self._recorded(path) is None:
            return PerennialError("no such file", where=where, hint="dvc repro")
        hint = "dvc pull, or dvc repro there"
        return PerennialError("in neither the cache nor a remote", where=where, hint=hint)


def open(rev: str | None = None, repository: str | Path = ".") -> Project:
    """Open a project at a revision.

    Parameters
    ----------
    rev : str, optional
        A branch, tag or commit; the working tree by default.
    repository : str or Path
        The project's folder, or one inside it.

    Returns
    -------
    Project
        Its data, figures and models.

    Raises
    ------
    PerennialError
        If git knows no such revision, or the folder is in no project.

    Examples
    --------
    >>> import perennial
    >>> perennial.open("HEAD~1").split("test")  # doctest: +SKIP
    """
    try:
        files = DVCFileSystem(Repo.find_root(str(repository)), rev=rev)
        _ = files.repo  # opened now, so that an unknown revision is refused here
    except RevError:
        raise PerennialError(
            "git knows no such revision", where=rev, hint="git branch -a, git tag, or git fetch"
        ) from None
    except NotDvcRepoError:
        raise PerennialError("not inside a project of DVC", where=str(repository)) from None
    return Project(files, rev or "the working tree")


def md5(content: bytes) -> str:
    """MD5 of a file's content, by which `dvc.lock` records it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _absolute(path: Path) -> str:
    # DVC takes a relative path from where one stands, which may be a folder of notebooks.
    return f"/{path.as_posix()}"
