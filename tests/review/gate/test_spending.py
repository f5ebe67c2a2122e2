"""A look may use less than the one before it, and all looks together no more than alpha."""

from __future__ import annotations

from itertools import pairwise

import pytest

from perennial.review.gate.spending import level_of, spent_by


@pytest.mark.parametrize("planned", [1, 10, 200])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_levels_fall_and_never_sum_to_more_than_alpha(alpha: float, planned: int) -> None:
    levels = [level_of(look, alpha, planned) for look in range(1, 3_000)]
    assert all(later < earlier for earlier, later in pairwise(levels))
    assert levels[-1] > 0
    assert sum(levels) < alpha
    assert sum(levels) == pytest.approx(spent_by(len(levels), alpha, planned))


def test_half_of_alpha_is_spent_on_the_planned_looks() -> None:
    assert spent_by(7, 0.04, 7) == pytest.approx(0.02)
    assert sum(level_of(look, 0.04, 7) for look in range(1, 8)) == pytest.approx(0.02)
