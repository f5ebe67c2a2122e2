"""The preprocessing: raw columns to the matrix that an engine takes.

It is data, not code: a list of steps in JSON that this one interpreter runs in training, in
evaluation and in production. So no skew between them can arise.

Why so: docs/decisions.md#d12
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from perennial.model.columns import Columns

Array = NDArray[Any]

_DAY = np.timedelta64(1, "D")
_MINUTE = np.timedelta64(1, "m")


class Refused(ValueError):
    """A row that the model cannot answer, as the fitted one could not."""


@dataclass(frozen=True)
class Number:
    """A number, an integer or a boolean as it is; `fill` stands for a missing one, if given."""

    op: ClassVar[str] = "number"
    column: str
    fill: float | None = None

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [self.column]

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) float64 to (n, 1)."""
        column = values.astype(np.float64)
        if self.fill is not None:
            column = np.where(np.isnan(column), self.fill, column)
        return column[:, np.newaxis]


class _Places(dict[Any, int]):
    def __missing__(self, _: Any) -> int:
        return -1


@dataclass(frozen=True)
class Category:
    """The place of a category in the list, from 0; a category not listed counts as missing."""

    op: ClassVar[str] = "category"
    column: str
    categories: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [self.column]

    @cached_property
    def _places(self) -> _Places:
        return _Places((category, place) for place, category in enumerate(self.categories))

    def places(self, values: Array) -> NDArray[np.int64]:
        """Place of each value, -1 for one that is missing or not listed."""
        return np.fromiter(map(self._places.__getitem__, values), np.int64, len(values))

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) object to (n, 1), NaN for missing."""
        places = self.places(values).astype(np.float64)
        return np.where(places < 0, np.nan, places)[:, np.newaxis]


@dataclass(frozen=True)
class OneHot(Category):
    """A matrix column of 0 and 1 for each category; all 0 for one that is missing or not listed."""

    op: ClassVar[str] = "onehot"

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [f"{self.column}={category}" for category in self.categories]

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) object to (n, categories)."""
        every = np.arange(len(self.categories))
        return (self.places(values)[:, np.newaxis] == every).astype(np.float64)


@dataclass(frozen=True)
class TargetMean(Category):
    """The smoothed mean of the target in each category; `default` for one not listed.

    `means` has a row a category and, for a multiclass target, a column a class.
    Source: Micci-Barreca 2001, as fitted by `sklearn.preprocessing.TargetEncoder`.
    """

    op: ClassVar[str] = "target"
    means: list[list[float]] = field(default_factory=list)
    default: list[float] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [f"{self.column}:mean{place or ''}" for place in range(len(self.default))]

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) object to (n, classes or 1)."""
        table = np.array([*self.means, self.default], dtype=np.float64)
        return np.asarray(table[self.places(values)])


@dataclass(frozen=True)
class Calendar:
    """Calendar parts of a datetime; `fill` stands for each part of a missing one, if given."""

    op: ClassVar[str] = "calendar"
    column: str
    parts: list[str]
    fill: list[float] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [f"{self.column}:{part}" for part in self.parts]

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) datetime64[us] to (n, parts)."""
        missing = np.isnat(values)
        known = np.where(missing, np.datetime64("2000-01-01", "us"), values)
        matrix = np.stack([_part(known, part) for part in self.parts], axis=1)
        fill = np.full(len(self.parts), np.nan) if self.fill is None else np.array(self.fill)
        return np.where(missing[:, np.newaxis], fill, matrix)


def _part(when: Array, part: str) -> Array:
    days = when.astype("datetime64[D]")
    months = when.astype("datetime64[M]")
    years = when.astype("datetime64[Y]")
    minutes = (when - days) // _MINUTE
    parts: dict[str, Callable[[], Array]] = {
        "year": lambda: years.astype(np.int64) + 1970,
        "month": lambda: (months - years.astype("datetime64[M]")).astype(np.int64) + 1,
        "day": lambda: (days - months.astype("datetime64[D]")) // _DAY + 1,
        # 1970-01-01 was a Thursday; Monday counts 0.
        "weekday": lambda: (days.astype(np.int64) + 3) % 7,
        "day_of_year": lambda: (days - years.astype("datetime64[D]")) // _DAY + 1,
        "hour": lambda: minutes // 60,
        "minute": lambda: minutes % 60,
        "minute_of_day": lambda: minutes,
    }
    return parts[part]().astype(np.float64)


@dataclass(frozen=True)
class Tfidf:
    """TF-IDF weights of a text's words or characters, of unit length; all 0 for a missing text.

    Source: Salton & Buckley 1988, as fitted by scikit-learn's `TfidfVectorizer` at its defaults.
    """

    op: ClassVar[str] = "tfidf"
    column: str
    terms: list[str]
    idf: list[float]
    tokens: str = "words"

    def __post_init__(self) -> None:
        """Refuse a program that splits texts in another way than there is."""
        if self.tokens not in TOKENS:
            raise ValueError(f"no way to split a text is called {self.tokens!r}")

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [f"{self.column}~{term}" for term in self.terms]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def apply(self, values: Array) -> Array:
        """Compute the matrix columns: (n,) object to (n, terms)."""
        matrix = np.zeros((len(values), len(self.terms)))
        for row, text in enumerate(values):
            for term, count in Counter(TOKENS[self.tokens](text or "")).items():
                place = self._places.get(term)
                if place is not None:
                    matrix[row, place] = count * self.idf[place]
        length = np.sqrt(np.cumsum(matrix * matrix, axis=1)[:, -1:])
        return matrix / np.where(length == 0, 1, length)


_PIECE = re.compile(r"\w+")
_WORD = re.compile(r"(?u)\b\w\w+\b")


def words(text: str) -> list[str]:
    """Split a text as `TfidfVectorizer` does: lower case, words of two letters or more."""
    return _WORD.findall(text.lower())


def characters(text: str) -> list[str]:
    """Split a text where words have one letter, or no space between them, as in Chinese."""
    return [
        letter
        for piece in _PIECE.findall(text.lower())
        for letter in piece
        if len(piece) == 1 or unicodedata.category(letter) == "Lo"
    ]


#: What the terms of a text can be.
TOKENS: dict[str, Callable[[str], list[str]]] = {"words": words, "characters": characters}


Step = Number | Category | OneHot | TargetMean | Calendar | Tfidf

_STEPS: dict[str, type[Any]] = {
    kind.op: kind for kind in (Number, Category, OneHot, TargetMean, Calendar, Tfidf)
}

#: Standard deviations past which a standardised value counts no further, ±inf included.
CLIP = 10.0


@dataclass(frozen=True)
class Standard:
    """Standardisation of the whole matrix, for models that depend on scale."""

    mean: list[float]
    scale: list[float]

    def apply(self, matrix: Array) -> Array:
        """Subtract the mean, divide by the scale, clip: (n, m) to (n, m)."""
        with np.errstate(over="ignore"):
            standard = matrix - np.array(self.mean)
            # In place: fresh memory costs more than the arithmetic.
            standard /= np.array(self.scale)
        return np.clip(standard, -CLIP, CLIP, out=standard)


@dataclass(frozen=True)
class Preprocessing:
    """Steps in order, one a raw column, then an optional standardisation of the whole matrix.

    `types` has the contract type of each raw column. `dtype` is ``float32`` where the engine
    compares in it: values are cast before they are compared. With `finite`, a value that is
    infinite in `dtype` is refused, as the fitted model refuses it.
    """

    types: dict[str, str]
    steps: list[Step]
    standard: Standard | None = None
    dtype: str = "float64"
    finite: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [name for step in self.steps for name in step.names]

    @property
    def origin(self) -> list[str]:
        """The raw column that each matrix column comes from."""
        return [step.column for step in self.steps for _ in step.names]

    def encode(self, columns: Columns) -> Array:
        """Run the steps on numpy columns: a float64 matrix (rows, len(names)), in C order."""
        parts = [step.apply(columns[step.column]) for step in self.steps]
        matrix = np.concatenate(parts, axis=1)
        return matrix if self.standard is None else self.standard.apply(matrix)

    def cast(self, matrix: Array) -> Array:
        """Round the matrix to what the engine compares in, and refuse what it refuses."""
        with np.errstate(over="ignore"):
            cast = np.ascontiguousarray(matrix, dtype=self.dtype)
        if self.finite and np.isinf(cast).any():
            row, place = np.argwhere(np.isinf(cast))[0]
            raise Refused(f"row {row}, {self.origin[place]}: {matrix[row, place]} is too large")
        return cast

    def to_json(self) -> dict[str, Any]:
        """Describe the preprocessing as a JSON value."""
        return {
            "types": self.types,
            "steps": [{"op": step.op, **asdict(step)} for step in self.steps],
            "standard": None if self.standard is None else asdict(self.standard),
            "dtype": self.dtype,
            "finite": self.finite,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Preprocessing:
        """Rebuild a preprocessing from `to_json`'s value."""
        steps = [dict(step) for step in value["steps"]]
        return cls(
            types=dict(value["types"]),
            steps=[_STEPS[step.pop("op")](**step) for step in steps],
            standard=None if value["standard"] is None else Standard(**value["standard"]),
            dtype=value["dtype"],
            finite=value["finite"],
        )
