"""A file depends on values alone, and joblib reads it."""

from __future__ import annotations

import pickletools
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from perennial.learning import pickling

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pickles")


def dumped(value: Any, folder: Path) -> bytes:
    pickling.dump(value, folder / "value.joblib")
    return (folder / "value.joblib").read_bytes()


def rebuilt(value: Any, known: dict[int, Any] | None = None) -> Any:
    """The same value with no part in common but what Python itself makes one object."""
    if isinstance(value, str):
        return "".join(list(value))
    if isinstance(value, bytes):
        return bytes(bytearray(value))
    if isinstance(value, list | tuple):
        return type(value)([rebuilt(item) for item in value])
    if isinstance(value, dict):
        return {rebuilt(key): rebuilt(item) for key, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            "a text of some length",
            b"some bytes",
            ("a", 1, 2.5, None),
            ((1, "nested"), ("b", (True,))),
            np.arange(5.0),
            np.array(["x", None], dtype=object),
            np.zeros(2, dtype=[("gain", "f8"), ("left", "i4")]),
        ],
        ids=repr,
    )
    def test_equal_is_as_good_as_identical(self, value: Any, folder: Path) -> None:
        other = rebuilt(value)
        assert dumped([value, value], folder) == dumped([value, other], folder)
        assert dumped({"a": value}, folder) == dumped({"a": other}, folder)

    def test_types_made_apart(self, folder: Path) -> None:
        arrays = [np.zeros(2, dtype=np.dtype([("gain", "f8")])) for _ in range(2)]
        assert arrays[0].dtype is not arrays[1].dtype
        assert dumped(arrays, folder) == dumped([arrays[0], arrays[0].copy()], folder)

    @settings(max_examples=60)
    @given(VALUES)
    def test_loaded_it_is_the_same_to_the_type(self, folder: Path, value: Any) -> None:
        dumped([value, rebuilt(value)], folder)
        loaded = joblib.load(folder / "value.joblib")
        assert repr(loaded) == repr([value, value])

    def test_equal_values_of_other_types_stay_apart(self, folder: Path) -> None:
        value = [(1,), (True,), (1.0,), (0.0,), (-0.0,), ("1",), (b"1",), np.dtype("f8"), "float64"]
        dumped(value, folder)
        assert repr(joblib.load(folder / "value.joblib")) == repr(value)

    def test_lists_that_are_one_stay_one(self, folder: Path) -> None:
        shared, apart = [1], [1]
        dumped([shared, shared, apart, (shared,), (apart,)], folder)
        first, second, third, (fourth,), (fifth,) = joblib.load(folder / "value.joblib")
        assert first is second is fourth
        assert third is fifth
        assert first is not third

    def test_a_list_inside_itself(self, folder: Path) -> None:
        value: list[Any] = ["x"]
        value.append(value)
        dumped(value, folder)
        loaded = joblib.load(folder / "value.joblib")
        assert loaded[1] is loaded


class TestFiles:
    def test_an_estimator_answers_as_before(self, folder: Path) -> None:
        matrix, target = load_iris(return_X_y=True)
        forest = RandomForestClassifier(n_estimators=3, random_state=0).fit(matrix, target)
        dumped(forest, folder)
        loaded = joblib.load(folder / "value.joblib")
        np.testing.assert_array_equal(loaded.predict_proba(matrix), forest.predict_proba(matrix))

    def test_arrays_can_be_mapped_into_memory(self, folder: Path) -> None:
        dumped({"x": np.arange(1000.0)}, folder)
        loaded = joblib.load(folder / "value.joblib", mmap_mode="r")
        assert isinstance(loaded["x"], np.memmap)

    def test_the_protocol_is_one_that_all_pythons_share(self, folder: Path) -> None:
        stream = dumped(("x",), folder)
        assert next(pickletools.genops(stream))[1] == pickling.PROTOCOL == 5

    def test_another_process_with_other_hashes_writes_the_same(self, folder: Path) -> None:
        code = (
            "import sys, numpy as np; from pathlib import Path\n"
            "from perennial.learning import pickling\n"
            "word = ''.join(['a ', 'word'])\n"
            "value = {'a word': word, 'n': [(1, 'b'), (1, ''.join('b'))], 'x': np.arange(3.0)}\n"
            "pickling.dump(value, Path(sys.argv[1]))\n"
        )
        src = str(Path(pickling.__file__).parents[2])
        written = set()
        for seed in ("1", "2"):
            path = folder / f"{seed}.joblib"
            environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": src}
            subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
            written.add(path.read_bytes())
        value = {"a word": "a word", "n": [(1, "b"), (1, "b")], "x": np.arange(3.0)}
        assert written == {dumped(value, folder)}
