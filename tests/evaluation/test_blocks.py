"""The evidence of unequal blocks."""

import numpy as np
import pytest

from perennial.evaluation.blocks import effective_blocks


def test_equal_blocks_count_each():
    assert effective_blocks(np.repeat(np.arange(7), 5)) == pytest.approx(7)


def test_one_block_with_most_rows_leaves_little_evidence():
    codes = np.concatenate([np.zeros(600, dtype=int), 1 + np.arange(400) // 21])
    assert 2 < effective_blocks(codes) < 3


def test_rows_that_do_not_count_carry_none():
    codes = np.array([0, 0, 1, 1, 2, 2])
    assert effective_blocks(codes, np.array([1.0, 0, 1, 0, 0, 0])) == pytest.approx(2)
    assert effective_blocks(codes, np.zeros(6)) == 0
