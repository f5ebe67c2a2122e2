"""Trees in treelite's format: saved, loaded and asked by any number of threads alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import treelite
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from threadpoolctl import threadpool_limits

from perennial.model.engines.treelite import TreeliteEngine

SRC = Path(__file__).parents[3] / "src"


@pytest.fixture(scope="module")
def forest() -> tuple[treelite.Model, Any, Any]:
    matrix, target = load_diabetes(return_X_y=True)
    matrix = matrix.astype(np.float32).astype(np.float64)
    fitted = RandomForestRegressor(n_estimators=10, random_state=0).fit(matrix, target)
    return treelite.sklearn.import_model(fitted), matrix, fitted.predict(matrix)


def test_saved_and_loaded(forest: tuple[Any, Any, Any], tmp_path: Path) -> None:
    model, matrix, expected = forest
    engine = TreeliteEngine(model, "identity")
    engine.save(tmp_path)
    loaded = TreeliteEngine.load(
        {"model.tl": (tmp_path / "model.tl").read_bytes()}, {"link": "identity"}
    )
    np.testing.assert_allclose(engine.scores(matrix), expected, rtol=1e-14)
    assert loaded.scores(matrix).tobytes() == engine.scores(matrix).tobytes()


@pytest.mark.parametrize("threads", [1, 2, 4, 1000])
def test_any_number_of_threads_may_be_given(forest: tuple[Any, Any, Any], threads: int) -> None:
    model, matrix, _ = forest
    expected = TreeliteEngine(model, "identity").scores(matrix)
    with threadpool_limits(threads):
        scores = TreeliteEngine(model, "identity", threads).scores(matrix)
    assert scores.tobytes() == expected.tobytes()


def test_more_threads_than_openmp_may_start(
    forest: tuple[Any, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, matrix, expected = forest
    TreeliteEngine(model, "identity").save(tmp_path)
    np.save(tmp_path / "matrix.npy", matrix)
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from perennial.model.engines.treelite import TreeliteEngine as Engine\n"
        "folder = Path(sys.argv[1])\n"
        "files = {'model.tl': (folder / 'model.tl').read_bytes()}\n"
        "engine = Engine.load(files, {'link': 'identity'}, threads=4)\n"
        "print(engine.scores(np.load(folder / 'matrix.npy')).sum())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    for limit in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        assert float(done.stdout) == pytest.approx(expected.sum())


@pytest.mark.parametrize(
    ("link", "outputs"), [("identity", 0), ("exponential", 0), ("probability", 2), ("sigmoid", 2)]
)
def test_links(forest: tuple[Any, Any, Any], link: str, outputs: int) -> None:
    model, matrix, expected = forest
    with np.errstate(over="ignore"):
        scores = TreeliteEngine(model, link).scores(matrix)
    assert scores.shape == ((len(matrix), outputs) if outputs else (len(matrix),))
    assert scores.dtype == np.float64
    if link == "exponential":
        np.testing.assert_allclose(scores, np.exp(expected), rtol=1e-9)
    assert TreeliteEngine(model, link).scores(matrix[:0]).shape == (0, *scores.shape[1:])
