"""The bundle: a model to be served, in files without pickle that describe themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.bundle import integrity, signing
from perennial.bundle.manifest import BundleError, shown
from perennial.model import compiled as compiled_model
from perennial.model.columns import Columns, from_arrow, from_values, missing_in
from perennial.model.compiled import CompiledModel
from perennial.model.types import TYPES
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

__all__ = ["COMPILED", "Bundle", "BundleError", "RequestError", "load"]

#: The compiled model's folder in a bundle.
COMPILED = "compiled"

Array = NDArray[Any]


class RequestError(ValueError):
    """Rows that break the contract."""


class Bundle:
    """A model with the manifest that describes it.

    Parameters
    ----------
    manifest : dict
        The content of `manifest.json`.
    model : CompiledModel
        The compiled model.
    files : mapping, optional
        Content, as it was checked, of the files beside the compiled model.

    Examples
    --------
    >>> import perennial
    >>> bundle = perennial.load("models/bundle")               # doctest: +SKIP
    >>> bundle.predict([{"carrier": "UA", "origin": "EWR"}])   # doctest: +SKIP
    """

    def __init__(
        self,
        manifest: dict[str, Any],
        model: CompiledModel,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.manifest = manifest
        self.files = dict(files or {})
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
        """Class of each row, or its value.

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
        """Probability of each class, for each row.

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
        """The service's answer to each row.

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
        """Check raw rows, in any form that `predict` takes, and turn them into numpy columns."""
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
            elif str(table.schema.field(name).type) in TYPES[kind].taken_from:
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


def load(
    folder: str | Path,
    threads: int = 1,
    public_key: str | None = None,
    trusted: Collection[str] = (),
) -> Bundle:
    """Load a bundle, of which nothing is parsed before its signature and SHA-256 are checked.

    Parameters
    ----------
    folder : str or Path
        The bundle. Its signature is beside it, in ``FOLDER.sig``.
    threads : int
        Threads that one call may use; the answers do not depend on it.
    public_key : str, optional
        Whose signature is required, as PEM or base64; by default `PERENNIAL_PUBLIC_KEY`, if set.
    trusted : collection of str, optional
        Types that an unsigned bundle of engine skops may build objects of. Its own list counts only
        if it is signed: who can forge a bundle can forge its list, and run any code by it.

    Raises
    ------
    BundleError
        If the bundle is not whole, not signed as required, or cannot be run here.
    """
    folder = Path(folder)
    manifest, files = integrity.read(folder, public_key)
    model_files = {
        name.removeprefix(f"{COMPILED}/"): files.pop(name)
        for name in list(files)
        if name.startswith(f"{COMPILED}/")
    }
    if signing.configured(public_key) is None:
        _refuse_types(folder, model_files, trusted)
    return Bundle(manifest, _model(folder, model_files, threads), files)


def _refuse_types(folder: Path, files: dict[str, bytes], trusted: Collection[str]) -> None:
    try:
        options = jsonfile.loads(files[compiled_model.FILE])["engine"]["options"]
        unknown = sorted(set(options.get("trusted", ())) - set(trusted))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_model(folder, error) from error
    if unknown:
        raise BundleError(
            f"{folder}: it is not signed, and would build objects of "
            f"{shown(', '.join(unknown), 300)}: configure the public key of who signed it, or name "
            "these types in `trusted`, if you trust whoever can write the bundle"
        )


def _model(folder: Path, files: dict[str, bytes], threads: int) -> CompiledModel:
    try:
        return compiled_model.from_files(files, threads)
    except (ImportError, PerennialError):
        raise
    except compiled_model.EngineMissingError as error:
        raise BundleError(f"{folder}: {error}") from None
    except Exception as error:  # an engine may fail in any way on a file that is not its own
        raise _no_model(folder, error) from error


def _no_model(folder: Path, error: Exception) -> BundleError:
    reason = shown(f"{type(error).__name__}: {error}", 300)
    return BundleError(f"{folder / COMPILED}: not a compiled model: {reason}")
