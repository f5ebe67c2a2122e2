"""Fit the preprocessing: the contract decides what becomes of each column.

Why so: docs/decisions.md#d13
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from perennial.data.contract import DEFAULT_PARTS, Column, Contract, Task
from perennial.learning.estimators import Traits
from perennial.model.columns import Columns
from perennial.model.preprocessing import (
    TOKENS,
    Calendar,
    Category,
    Number,
    OneHot,
    Preprocessing,
    Standard,
    Step,
    TargetMean,
    Tfidf,
)
from perennial.params.train import Train
from perennial.runtime.errors import PerennialError

Array = NDArray[Any]

#: Where a smaller share of the texts than this has a known word, characters are tried.
FEW = 0.5

#: Folds of the cross-fitted target means that the training rows see.
FOLDS = 5


@dataclass(frozen=True)
class Fitted:
    """A preprocessing, and the matrix of the rows that it was fitted on.

    The matrix is not always what it makes of those rows: a target mean that saw a row's
    own target would leak it, so training rows get means of the other folds (Micci-Barreca 2001).
    """

    preprocessing: Preprocessing
    matrix: Array


def fit_preprocessing(
    columns: Columns,
    target: Array,
    contract: Contract,
    traits: Traits,
    params: Train,
    *,
    standardise: bool = False,
) -> Fitted:
    """Fit the preprocessing on training rows; `standardise` for models that mind scale."""
    makers = _Makers(target, contract.task, traits, params)
    fitted = [
        makers.step(name, contract.columns[name], columns[name]) for name in contract.features
    ]
    preprocessing = Preprocessing(
        types={name: contract.columns[name].type for name in contract.features},
        steps=[step for step, _ in fitted],
        dtype=traits.dtype,
        finite=traits.finite,
    )
    matrix = np.concatenate([part for _, part in fitted], axis=1)
    if not standardise:
        return Fitted(preprocessing, matrix)
    standard = _standard(matrix)
    return Fitted(replace(preprocessing, standard=standard), standard.apply(matrix))


@dataclass(frozen=True)
class _Makers:
    target: Array
    task: Task
    traits: Traits
    params: Train

    def step(self, name: str, column: Column, values: Array) -> tuple[Step, Array]:
        make: Mapping[str, Callable[[str, Column, Array], tuple[Step, Array]]] = {
            "category": self._category,
            "datetime": self._calendar,
            "text": self._text,
        }
        return make.get(column.type, self._number)(name, column, values)

    def _number(self, name: str, column: Column, values: Array) -> tuple[Step, Array]:
        step = Number(name, fill=None if self.traits.missing else _fill(values))
        return step, step.apply(values)

    def _calendar(self, name: str, column: Column, values: Array) -> tuple[Step, Array]:
        parts: list[str] = list(column.parts or DEFAULT_PARTS)
        step = Calendar(name, parts)
        if not self.traits.missing:
            step = Calendar(name, parts, [_fill(part) for part in step.apply(values).T])
        return step, step.apply(values)

    def _category(self, name: str, column: Column, values: Array) -> tuple[Step, Array]:
        seen = {value for value in values if value is not None}
        categories = [value for value in column.labels or sorted(seen) if value in seen]
        encoding = self._encoding(name, len(categories))
        if encoding == "target":
            return self._target_mean(name, categories, values)
        step = (Category if encoding == "native" else OneHot)(name, categories)
        return step, step.apply(values)

    def _encoding(self, name: str, count: int) -> str:
        most = self.traits.native
        if self.params.categories == "native" and count > most:
            limit = f"{most} values of a category at most" if most else "no categories"
            raise PerennialError(
                f"column {name} has {count} values, and the estimator takes {limit} as they are",
                where="params.yaml: train.categories",
                hint="set it to auto, onehot or target",
            )
        if count == 1 and self.params.categories in {"auto", "native"}:
            # Its only news is whether it is there: a 0 or 1 that any estimator can split, and no
            # code of one category, which each treats in its own way.
            return "onehot"
        if self.params.categories != "auto":
            return self.params.categories
        if count <= most:
            return "native"
        return "onehot" if count <= self.params.onehot_max else "target"

    def _target_mean(self, name: str, categories: list[str], values: Array) -> tuple[Step, Array]:
        encoder = TargetEncoder(
            categories=[np.arange(-1, len(categories))],
            target_type="continuous" if self.task == "regression" else self.task,
            smooth="auto",
            cv=self._folds(),
        )
        places = Category(name, categories).places(values)[:, np.newaxis]
        crossfitted = np.asarray(encoder.fit_transform(places, self.target))
        # The encoder's categories are -1, 0, 1, …; what is missing or unseen gets the overall mean.
        means = np.stack(encoder.encodings_, axis=1)[1:]
        default = np.atleast_1d(encoder.target_mean_)
        step = TargetMean(name, categories, means.tolist(), default.tolist())
        return step, np.where(places < 0, default, crossfitted)

    def _folds(self) -> KFold | StratifiedKFold:
        kind = KFold if self.task == "regression" else StratifiedKFold
        return kind(FOLDS, shuffle=True, random_state=self.params.seed)

    def _text(self, name: str, column: Column, values: Array) -> tuple[Step, Array]:
        step, seen = self._terms(name, values, "words")
        if seen < FEW * np.count_nonzero([bool(text) for text in values]):
            other, seen_by_it = self._terms(name, values, "characters")
            step = other if seen_by_it > seen else step
        return step, step.apply(values)

    def _terms(self, name: str, values: Array, tokens: str) -> tuple[Tfidf, int]:
        """The step, and how many texts have one of its terms."""
        vectorizer = TfidfVectorizer(
            analyzer=TOKENS[tokens],
            max_features=self.params.text.max_features,
            min_df=max(1, min(self.params.text.min_documents, len(values))),
        )
        try:
            matrix = vectorizer.fit_transform(["" if text is None else text for text in values])
        except ValueError:
            # No term stands in enough rows: there is nothing to learn from this text.
            return Tfidf(name, [], [], tokens), 0
        terms = [str(term) for term in vectorizer.get_feature_names_out()]
        step = Tfidf(name, terms, vectorizer.idf_.tolist(), tokens)
        return step, int(np.count_nonzero(matrix.getnnz(axis=1)))


def _fill(values: Array) -> float:
    """What stands for a missing number: the median, or, beside one value alone, another one."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    has_gaps_alone = len(known) < len(values) and known.min() == known.max()
    return 0.0 + (known[0] == 0) if has_gaps_alone else float(np.median(known))


def _standard(matrix: Array) -> Standard:
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    for place in np.flatnonzero(np.isnan(mean)):
        # What takes missing values keeps them: the known ones alone have a mean.
        known = matrix[~np.isnan(matrix[:, place]), place]
        mean[place], scale[place] = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    return Standard(mean.tolist(), np.where(scale > 0, scale, 1.0).tolist())
