"""The bundle: a model to be served, in files without pickle that describe themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from perennial.bundle import agreement, integrity, signing
from perennial.bundle.manifest import BundleError, shown
from perennial.bundle.request import Outside, RequestError, RequestRules
from perennial.model import compiled as compiled_model
from perennial.model.columns import Columns
from perennial.model.compiled import CompiledModel
from perennial.model.types import text_of
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError

__all__ = ["COMPILED", "Bundle", "BundleError", "Outside", "RequestError", "load"]

#: The compiled model's folder in a bundle.
COMPILED = "compiled"

Array = NDArray[Any]


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
        self._rules = RequestRules(manifest)

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
            Raw contract values, in any form of `perennial.model.tables`; columns that are no
            feature may be there, and do not count.

        Returns
        -------
        numpy.ndarray
            Shape (rows,).

        Raises
        ------
        RequestError
            If a column is unknown, absent or there twice, a value is not of its type, or the
            model cannot take it.
        """
        return self._model.decision.labels(self._answers(self.columns(rows)))

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
        return self._answers(self.columns(rows))

    def respond(self, rows: Any) -> list[dict[str, Any]]:
        """The service's answer to each row.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            As for `predict`.

        Returns
        -------
        list of dict
            `prediction`, and for a classification `probabilities` by class. Where the contract says
            ``requests: {outside: mark}``, a row with values that `prepare` would reject has
            `outside` too: why, by column.
        """
        columns = self.columns(rows)
        responses = self._responses(self._answers(columns))
        if self._rules.setting == "mark":
            for outside in self._rules.outside(columns):
                responses[outside.row].setdefault("outside", {})[outside.column] = outside.reason
        return responses

    def _responses(self, answers: Array) -> list[dict[str, Any]]:
        labels = self._model.decision.labels(answers).tolist()
        if not self.classes:
            return [{"prediction": label} for label in labels]
        names = [text_of(name) for name in self.classes]
        return [
            {"prediction": label, "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(labels, answers.tolist(), strict=True)
        ]

    def check(self, rows: Any) -> list[Outside]:
        """Values that are of their type, and that `prepare` would reject.

        A number or a moment below the contract's `min` or above its `max`, and a category that is
        not in its list. The contract's `requests.outside` decides what becomes of them.

        Parameters
        ----------
        rows : list of mappings, mapping of columns, pandas.DataFrame or pyarrow.Table
            As for `predict`.

        Returns
        -------
        list of Outside
            `row`, `column`, `value` and what is `allowed`; empty if there is none.

        Raises
        ------
        RequestError
            As for `predict`.
        """
        return self._rules.outside(self._rules.read(rows))

    def columns(self, rows: Any) -> Columns:
        """Check raw rows, in any form that `predict` takes, and turn them into numpy columns."""
        columns = self._rules.read(rows)
        if self._rules.setting == "refuse":
            for outside in self._rules.outside(columns):
                raise RequestError(f"row {outside.row}, {outside.column}: {outside.reason}")
        return columns

    def _answers(self, columns: Columns) -> Array:
        try:
            return self._model.answers(columns)
        except ValueError as error:
            # The fitted model refused such rows too: parity counts them.
            raise RequestError(str(error)) from error


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
    is_signed = signing.configured(public_key) is not None
    manifest, files = integrity.read(folder, public_key)
    model_files = {
        name.removeprefix(f"{COMPILED}/"): files.pop(name)
        for name in list(files)
        if name.startswith(f"{COMPILED}/")
    }
    _check_program(folder, manifest, model_files, None if is_signed else trusted)
    return Bundle(manifest, _model(folder, model_files, threads), files)


def _check_program(
    folder: Path,
    manifest: Mapping[str, Any],
    files: Mapping[str, bytes],
    trusted: Collection[str] | None,
) -> None:
    """Check, before anything is built, what is to be built; `trusted` is None where all is."""
    try:
        program = jsonfile.loads(files[compiled_model.FILE])
        agreement.check(manifest, program)
        types = program["engine"]["options"].get("trusted", ())
        unknown = [] if trusted is None else sorted(set(types) - set(trusted))
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from None
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
