"""Adding up gives what a matrix product gives, in an order of its own that never changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perennial.model.engines.linear import LinearEngine

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(20, 5))
OUTPUTS = {"sigmoid": 1, "softmax": 3, "identity": 1}


def engine(link: str) -> LinearEngine:
    rng = np.random.default_rng(1)
    return LinearEngine(rng.normal(size=(OUTPUTS[link], 5)), rng.normal(size=OUTPUTS[link]), link)


def expected(link: str) -> Any:
    rng = np.random.default_rng(1)
    coefficients, intercept = rng.normal(size=(OUTPUTS[link], 5)), rng.normal(size=OUTPUTS[link])
    margins = MATRIX @ coefficients.T + intercept
    if link == "softmax":
        return scipy.special.softmax(margins, axis=1)
    if link == "identity":
        return margins[:, 0]
    positive = scipy.special.expit(margins)
    return np.hstack([1 - positive, positive])


@pytest.mark.parametrize("link", OUTPUTS)
class TestLinear:
    def test_scores(self, link: str) -> None:
        np.testing.assert_allclose(engine(link).scores(MATRIX), expected(link), atol=1e-14)

    def test_saved_and_loaded(self, link: str, tmp_path: Path) -> None:
        engine(link).save(tmp_path)
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        loaded = LinearEngine.load(files, {"link": link}, threads=4)
        assert loaded.scores(MATRIX).tobytes() == engine(link).scores(MATRIX).tobytes()

    @given(matrix=hnp.arrays(np.float64, (4, 5), elements=st.floats(-1e6, 1e6)))
    def test_no_row_depends_on_another(self, link: str, matrix: Any) -> None:
        together = engine(link).scores(matrix)
        for row in range(4):
            assert engine(link).scores(matrix[[row]]).tobytes() == together[[row]].tobytes()
