"""What skops writes becomes the same bytes each time, and lists what it would build."""

from __future__ import annotations

import copy
import io
import zipfile
from typing import Any

import lightgbm
import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.multiclass import OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from perennial.learning.compilation.refusal import Refusal
from perennial.learning.compilation.skops import canonical, compile_, refuse

X, Y = load_iris(return_X_y=True)
TREE = "sklearn.tree._tree.Tree"


class Holder(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Keeps whatever it is given."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)


def again(value: Any) -> Any:
    """What comes back from the canonical file."""
    data = canonical(skops.io.dumps(value))
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        DecisionTreeClassifier(random_state=0),
        KNeighborsClassifier(),
        LogisticRegression(solver="newton-cholesky"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_two_equal_estimators_give_the_same_bytes(estimator: Any) -> None:
    first, second = (copy.deepcopy(estimator).fit(X, Y) for _ in range(2))
    assert skops.io.dumps(first) != skops.io.dumps(second)
    assert canonical(skops.io.dumps(first)) == canonical(skops.io.dumps(second))
    data = canonical(skops.io.dumps(first))
    assert canonical(data) == data
    assert again(first).predict_proba(X).tobytes() == first.predict_proba(X).tobytes()


def test_what_is_one_object_stays_one_and_what_is_two_stays_two() -> None:
    array = np.arange(3.0)
    held = again(Holder(one=array, same=array, other=array.copy(), words=["a", "a"]))
    assert held.one is held.same
    assert held.other is not held.one
    np.testing.assert_array_equal(held.other, array)
    assert held.words == ["a", "a"]


def test_equal_texts_need_not_be_one_object() -> None:
    word = "a word"
    one, two = Holder(words=[word, word]), Holder(words=[word, "".join(["a", " word"])])
    assert one.words[0] is one.words[1]
    assert two.words[0] is not two.words[1]
    assert canonical(skops.io.dumps(one)) == canonical(skops.io.dumps(two))


def test_sets_and_sparse_arrays() -> None:
    words = [f"word{number}" for number in range(20)]
    sparse = scipy.sparse.csr_array(np.eye(3))
    first = Holder(words=set(words), sparse=sparse)
    second = Holder(words={*words[10:], *words[:10]}, sparse=sparse.copy())
    assert canonical(skops.io.dumps(first)) == canonical(skops.io.dumps(second))
    with zipfile.ZipFile(io.BytesIO(canonical(skops.io.dumps(first)))) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".npz")]
        inner = zipfile.ZipFile(io.BytesIO(archive.read(name)))
    # Not compressed: what a compressor makes of it depends on the version of its library.
    for entry in (*archive.infolist(), *inner.infolist()):
        assert (entry.compress_type, entry.date_time) == (0, (1980, 1, 1, 0, 0, 0))
    held = again(first)
    assert held.words == set(words)
    np.testing.assert_array_equal(held.sparse.toarray(), np.eye(3))


def test_the_options_list_the_types_and_those_that_were_confirmed() -> None:
    fitted = DecisionTreeClassifier().fit(X, Y)
    engine, options = compile_(fitted, "multiclass", 1, [TREE, "some.thing.Else"])
    assert options["trusted"] == [TREE]
    assert {TREE, "sklearn.tree._classes.DecisionTreeClassifier"} <= set(options["types"])
    assert options["types"] == sorted(set(options["types"]))
    assert options["method"] == "predict_proba"
    assert engine.scores(X).tobytes() == fitted.predict_proba(X).tobytes()


def test_types_that_nobody_confirmed_are_named_at_once_with_what_to_write() -> None:
    fitted = GaussianProcessClassifier().fit(X[50:], Y[50:] - 1)
    with pytest.raises(Refusal) as caught:
        compile_(fitted, "binary", 1, ["sklearn.gaussian_process.kernels.RBF"])
    unconfirmed = [
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
    ]
    assert caught.value.why == f"nobody has confirmed {', '.join(unconfirmed)}"
    everything = ", ".join([*unconfirmed, "sklearn.gaussian_process.kernels.RBF"])
    assert f"train.trusted: [{everything}]" in str(caught.value.hint)


def test_what_skops_cannot_write_is_refused() -> None:
    with pytest.raises(Refusal, match="skops does not write it"):
        compile_(Holder(part=(number for number in ())), "regression", 1)


def test_before_the_fit() -> None:
    with pytest.raises(Refusal, match="no Python objects"):
        refuse(lightgbm.LGBMClassifier(), "binary")
    with pytest.raises(Refusal, match="neither predict_proba nor decision_function"):
        refuse(OutputCodeClassifier(LogisticRegression()), "multiclass")
    refuse(Perceptron(), "binary")
