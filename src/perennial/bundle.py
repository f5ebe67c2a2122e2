"""The bundle: a model to be served, in files without pickle that say what they are.

>>> from perennial.bundle import load                   # doctest: +SKIP
>>> bundle = load("models/bundle")                      # doctest: +SKIP
>>> bundle.predict([{"carrier": "UA", "origin": "EWR"}])  # doctest: +SKIP
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial import compiled as compiled_model
from perennial import jsonfile
from perennial.columns import Columns, from_arrow, from_values, missing_in
from perennial.compiled import CompiledModel

#: Version of the bundle's format. An older one stays loadable for good.
FORMAT = 1
MANIFEST = "manifest.json"
COMPILED = "compiled"

Array = NDArray[Any]


#: Arrow types whose every value is one of the contract's type.
_ARROW_TYPES = {
    "number": {"double", "float", "int8", "int16", "int32", "int64"},
    "integer": {"int8", "int16", "int32", "int64"},
    "boolean": {"bool"},
    "category": {"string", "large_string"},
    "text": {"string", "large_string"},
    "datetime": {"timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]"},
}


class BundleError(ValueError):
    """A bundle that is not whole, not what its manifest says, or newer than this code."""


class RequestError(ValueError):
    """Rows that are not what the contract says."""


class Bundle:
    """A model with the manifest that describes it.

    Parameters
    ----------
    manifest : dict
        The content of `manifest.json`.
    model : CompiledModel
        The compiled model.
    """

    def __init__(self, manifest: dict[str, Any], model: CompiledModel) -> None:
        self.manifest = manifest
        self._model = model

    @property
    def classes(self) -> list[Any]:
        """Class of each column of `predict_proba`; empty for a regression."""
        return self._model.decision.classes

    @property
    def threshold(self) -> float | None:
        """Least probability that is answered with the positive class; binary tasks only."""
        return self._model.decision.threshold

    def predict(self, rows: Any) -> Array:
        """Answer each row with its class, or with its value.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            Raw contract values; columns that are no feature may be there, and do not count.

        Returns
        -------
        numpy.ndarray
            Shape (rows,).

        Raises
        ------
        RequestError
            If a column is unknown or absent, or a value is not of its type.
        """
        return self._model.decision.labels(self._model.answers(self.columns(rows)))

    def predict_proba(self, rows: Any) -> Array:
        """Answer each row with the probability of each class.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            As for `predict`.

        Returns
        -------
        numpy.ndarray
            Shape (rows, classes), in the order of `classes`, to nine decimals.

        Raises
        ------
        RequestError
            As for `predict`; or if the model is a regression.
        """
        if not self.classes:
            raise RequestError("a regression has no probabilities: call predict")
        return self._model.answers(self.columns(rows))

    def respond(self, rows: Any) -> list[dict[str, Any]]:
        """Answer each row as the service does.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            As for `predict`.

        Returns
        -------
        list of dict
            `prediction`, and for a classification `probabilities` by class.
        """
        answers = self._model.answers(self.columns(rows))
        labels = self._model.decision.labels(answers).tolist()
        if not self.classes:
            return [{"prediction": label} for label in labels]
        names = [_class_name(name) for name in self.classes]
        return [
            {"prediction": label, "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(labels, answers.tolist(), strict=True)
        ]

    def columns(self, rows: Any) -> Columns:
        """Check raw rows against the manifest and turn them into numpy columns.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            As for `predict`.

        Returns
        -------
        dict
            A numpy column for each feature.

        Raises
        ------
        RequestError
            As for `predict`.
        """
        types = {name: self.manifest["columns"][name]["type"] for name in self.manifest["features"]}
        try:
            if hasattr(rows, "column_names"):
                columns = self._from_table(rows, types)
            else:
                columns = from_values(self._by_column(rows), types)
        except RequestError:
            raise
        except (ValueError, TypeError) as error:
            raise RequestError(str(error)) from None
        self._check_missing(columns)
        return columns

    def _from_table(self, table: Any, types: dict[str, str]) -> Columns:
        self._check_names(table.column_names)
        columns: Columns = {}
        for name, kind in types.items():
            if name not in table.column_names:
                columns |= from_values({name: [None] * table.num_rows}, {name: kind})
            elif str(table.schema.field(name).type) in _ARROW_TYPES[kind]:
                columns |= from_arrow(table, {name: kind})
            else:
                # Slower, and with the rules for single values.
                columns |= from_values({name: table.column(name).to_pylist()}, {name: kind})
            self._check_finite(name, columns[name])
        return columns

    def _by_column(self, rows: Any) -> dict[str, Sequence[Any]]:
        features = self.manifest["features"]
        if isinstance(rows, Mapping) or hasattr(rows, "columns"):
            self._check_names(list(rows.keys()))
            columns = {name: rows[name] for name in features if name in rows}
            for name, values in columns.items():
                if isinstance(values, str) or not hasattr(values, "__len__"):
                    raise RequestError(f"{name}: a column is a list of values; one row is [row]")
            lengths = {name: len(values) for name, values in columns.items()}
            if len(set(lengths.values())) > 1:
                raise RequestError(f"columns differ in length: {lengths}")
            absent = [None] * next(iter(lengths.values()), 0)
            return {name: columns.get(name, absent) for name in features}
        self._check_names(dict.fromkeys(name for row in rows for name in _keys(row)))
        return {name: [row.get(name) for row in rows] for name in features}

    def _check_names(self, names: Any) -> None:
        known = self.manifest["columns"]
        for name in names:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise RequestError(f"no column {name!r}{hint}")

    def _check_finite(self, name: str, values: Array) -> None:
        if values.dtype.kind == "f" and np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise RequestError(f"row {row}, {name}: {values[row]} is not a number: it is infinite")

    def _check_missing(self, columns: Columns) -> None:
        for name, values in columns.items():
            missing = missing_in(values)
            if self.manifest["columns"][name]["missing"] == 0 and missing.any():
                row = int(missing.argmax())
                raise RequestError(f"row {row}, {name}: missing, and it must not be")


def _keys(row: Any) -> Any:
    if not isinstance(row, Mapping):
        raise RequestError(f"a row is a mapping of columns to values, not {type(row).__name__}")
    return row


def _class_name(name: Any) -> str:
    return str(name).lower() if isinstance(name, bool) else str(name)


def load(folder: str | Path, threads: int = 1) -> Bundle:
    """Load a bundle.

    Nothing in it is parsed before its SHA-256 is what the manifest says.

    Parameters
    ----------
    folder : str or Path
        Where the bundle lies.
    threads : int
        Threads that one call may use; the answers do not depend on it.

    Returns
    -------
    Bundle
        Ready to answer.

    Raises
    ------
    BundleError
        If a file is missing, changed or one too many, the format is newer than this code, or what
        the engine needs is not installed.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    wanted: dict[str, str] = manifest["files"]
    found = digests(folder)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise BundleError(f"{folder / name}: missing; the manifest lists it")
        if name not in wanted:
            raise BundleError(f"{folder / name}: not in the manifest")
        if found[name] != wanted[name]:
            raise BundleError(f"{folder / name}: its SHA-256 is not the manifest's")
    try:
        return Bundle(manifest, compiled_model.load(folder / COMPILED, threads))
    except compiled_model.EngineMissingError as error:
        raise BundleError(f"{folder}: {error}") from None


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = jsonfile.read(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{folder / MANIFEST}: missing; is this a bundle?") from None
    except ValueError as error:
        raise BundleError(f"{folder / MANIFEST}: not a manifest: {error}") from None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is not int:
        raise BundleError(f"{folder / MANIFEST}: not a manifest: it has no format")
    if version > FORMAT:
        raise BundleError(
            f"{folder / MANIFEST}: format {version} is newer than {FORMAT}, which this code reads"
        )
    if manifest.get("sha256") != digest_of(manifest):
        raise BundleError(f"{folder / MANIFEST}: its own SHA-256 is not that of its content")
    return dict(manifest)


def digest_of(manifest: dict[str, Any]) -> str:
    """SHA-256 of a manifest but for its own entry `sha256`, which identifies the bundle."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(jsonfile.dumps(content).encode()).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a bundle but the manifest.

    Parameters
    ----------
    folder : Path
        Where the bundle lies.

    Returns
    -------
    dict
        Hexadecimal digest by path, relative and with forward slashes.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in files
        if path != folder / MANIFEST
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
