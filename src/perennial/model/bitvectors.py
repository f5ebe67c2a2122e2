"""A walk through all trees at once, by numpy: the same bits as treelite's interpreter, sooner.

The leaves of a tree are numbered from left to right, one bit each. A test that sends a row to the
right rules out the leaves on its left; the leaf that the row reaches is the lowest bit that no
test has ruled out (Lucchese et al. 2015, "QuickScorer", SIGIR). Which leaves a value rules out in
every tree is a row of a table, by the value's place among the thresholds of its feature. So a
column costs one binary search and one bitwise `and`, however many trees there are.

Leaf values are added in the order of the trees, as treelite adds them.

Why so: docs/decisions.md#d67
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import treelite
from numpy.typing import NDArray

Array = NDArray[Any]

#: Rows at once: their words stay in a CPU's cache. Changes no result.
CHUNK = 1024

#: Leaves of a tree that one word has bits for.
MOST_LEAVES = 64

#: Bytes of all tables: more of them are no longer near the CPU.
MOST_MEMORY = 32 << 20

_LEAF, _NUMBER = 0, 1
_LESS, _LESS_OR_EQUAL = 2, 3


class UnsupportedTreesError(ValueError):
    """Trees that this walk is not made for."""


@dataclass(frozen=True, slots=True)
class _Test:
    """An inner node: whom it sends left, and the leaves that remain for those it sends right."""

    tree: int
    feature: int
    is_number: bool
    threshold: float
    operator: int
    categories: Array
    sends_listed_left: bool
    sends_missing_left: bool
    remaining: int


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The words (thresholds + 2, trees) of a number, by its place among the thresholds."""

    thresholds: Array
    side: Literal["left", "right"]
    words: Array

    def places(self, values: Array) -> Array:
        return self.thresholds.searchsorted(values, side=self.side)


@dataclass(frozen=True, slots=True)
class _Categories:
    """The words (codes + 2, trees) of a category code; the last but one is of all others."""

    words: Array

    def places(self, values: Array) -> Array:
        others = len(self.words) - 2
        return np.where((values >= 0) & (values < others), values, others).astype(np.intp)


class BitVectors:
    """Trees as tables of bits.

    Parameters
    ----------
    model : treelite.Model
        With one target, and one value in each leaf.

    Raises
    ------
    UnsupportedTreesError
        For averages, vectors in leaves, more than 64 leaves, or tests that cannot share a table.
    """

    def __init__(self, model: treelite.Model) -> None:
        head = model.get_header_accessor()
        _refuse_other_outputs(head)
        trees = [_Tree(model.get_tree_accessor(tree)) for tree in range(model.num_tree)]
        most = max((tree.leaf_count for tree in trees), default=1)
        if most > MOST_LEAVES:
            raise UnsupportedTreesError(f"a tree has {most} leaves")
        self._dtype = np.dtype(model.input_type)
        self._word = np.dtype(np.uint32 if most <= 32 else np.uint64)
        width = 8 * self._word.itemsize
        self._all_leaves = (1 << width) - 1
        self._leaves = np.zeros(len(trees) * width, self._dtype)
        self._first_leaf = np.arange(len(trees))[:, np.newaxis] * width
        tests: dict[int, list[_Test]] = {}
        for number, tree in enumerate(trees):
            values, inner = tree.numbered(number, self._all_leaves)
            self._leaves[number * width : number * width + len(values)] = values
            for test in inner:
                tests.setdefault(test.feature, []).append(test)
        self._tables = [
            (feature, _table(tests[feature], len(trees), self._word, self._dtype))
            for feature in sorted(tests)
        ]
        self._base = np.asarray(head.get_field("base_scores"), np.float64)
        classes = np.asarray(head.get_field("class_id"))
        self._trees_of_class = [classes == k for k in range(len(self._base))]

    def margins(self, matrix: Array) -> Array:
        """Sums of leaves and base scores, (rows, features) to (rows, classes)."""
        sums = np.zeros((len(self._base), len(matrix)), self._dtype)
        scratch = _Scratch.of(min(CHUNK, len(matrix)), len(self._first_leaf), self._word)
        for start in range(0, len(matrix), CHUNK):
            part = matrix[start : start + CHUNK]
            leaves = self._leaves.take(self._reached(part, scratch))
            for row, trees in zip(sums, self._trees_of_class, strict=True):
                ours = leaves if len(sums) == 1 else leaves[trees]
                # Over the first axis numpy adds in order; over the last, in pairs.
                np.add.reduce(ours, axis=0, out=row[start : start + CHUNK])
        return (sums.T + self._base).astype(self._dtype)

    def _reached(self, matrix: Array, scratch: _Scratch) -> Array:
        # Where the leaves are that rows reach, shape (trees, rows).
        words, allowed = scratch.words[: len(matrix)], scratch.allowed[: len(matrix)]
        words.fill(self._all_leaves)
        for feature, table in self._tables:
            values = matrix[:, feature]
            with np.errstate(invalid="ignore"):
                places = table.places(values)
            places[np.isnan(values)] = len(table.words) - 1
            # "clip" only because numpy buffers the output otherwise; no place is outside.
            table.words.take(places, axis=0, out=allowed, mode="clip")
            words &= allowed
        # The lowest bit. A power of two as a float has its logarithm in the exponent.
        np.negative(words, out=allowed)
        words &= allowed
        powers = scratch.powers[:, : len(matrix)]
        powers[:] = words.T
        numbers = powers.view(np.int64)
        numbers >>= 52
        numbers += self._first_leaf - 1023
        return numbers


@dataclass(frozen=True, slots=True)
class _Scratch:
    """Memory that the chunks of a call share: fresh pages would take half of the time."""

    words: Array
    allowed: Array
    powers: Array

    @classmethod
    def of(cls, rows: int, trees: int, word: Any) -> _Scratch:
        """Room for some rows."""
        words, allowed = np.empty((2, rows, trees), word)
        return cls(words, allowed, np.empty((trees, rows)))


class _Tree:
    """The fields of one tree that the walk reads."""

    def __init__(self, accessor: Any) -> None:
        self._field = accessor.get_field
        self.kind = self._field("node_type").tolist()
        self.leaf_count = self.kind.count(_LEAF)

    def numbered(self, tree: int, full: int) -> tuple[list[float], list[_Test]]:
        """Values of the leaves from left to right, and the tests; `full` has every leaf's bit."""
        left, right = (self._field(name).tolist() for name in ("cleft", "cright"))
        leaf_values = self._field("leaf_value").tolist()
        values: list[float] = []
        spans: list[tuple[int, int, int]] = []

        def visit(node: int) -> None:
            if self.kind[node] == _LEAF:
                values.append(leaf_values[node])
                return
            first = len(values)
            visit(left[node])
            spans.append((node, first, len(values)))
            visit(right[node])

        visit(0)
        return values, list(self._tests(tree, spans, full))

    def _tests(self, tree: int, spans: list[tuple[int, int, int]], full: int) -> Iterator[_Test]:
        names = ("split_index", "threshold", "cmp", "category_list_right_child", "default_left")
        feature, threshold, operator, right_listed, missing_left = (
            self._field(name).tolist() for name in names
        )
        listed = self._field("category_list")
        begin, end = (self._field(f"category_list_{part}").tolist() for part in ("begin", "end"))
        for node, first, past in spans:
            yield _Test(
                tree=tree,
                feature=feature[node],
                is_number=self.kind[node] == _NUMBER,
                threshold=threshold[node],
                operator=operator[node],
                categories=listed[begin[node] : end[node]].astype(np.intp),
                sends_listed_left=not right_listed[node],
                sends_missing_left=bool(missing_left[node]),
                remaining=full & ~((1 << past) - (1 << first)),
            )


def _refuse_other_outputs(head: Any) -> None:
    def values(name: str) -> list[int]:
        return np.asarray(head.get_field(name)).tolist()

    if values("average_tree_output") != [0]:
        raise UnsupportedTreesError("the output is an average")
    if values("num_target") != [1] or values("leaf_vector_shape") != [1, 1]:
        raise UnsupportedTreesError("a leaf holds several values")
    if min(values("class_id") + values("target_id"), default=0) < 0:
        raise UnsupportedTreesError("a tree adds to several classes")


def _table(tests: list[_Test], trees: int, word: Any, dtype: Any) -> _Numbers | _Categories:
    if len({(test.is_number, test.operator) for test in tests}) > 1:
        raise UnsupportedTreesError("one feature is tested in several ways")
    make = _numbers if tests[0].is_number else _categories
    table = make(tests, trees, word, dtype)
    for test in tests:
        if not test.sends_missing_left:
            table.words[-1, test.tree] &= word.type(test.remaining)
    return table


def _numbers(tests: list[_Test], trees: int, word: Any, dtype: Any) -> _Numbers:
    sides: dict[int, Literal["left", "right"]] = {_LESS_OR_EQUAL: "left", _LESS: "right"}
    if tests[0].operator not in sides:
        raise UnsupportedTreesError("a test is neither < nor <=")
    thresholds, places = np.unique(
        np.array([test.threshold for test in tests], dtype), return_inverse=True
    )
    words = _all_leaves(len(thresholds) + 2, trees, word)
    for test, place in zip(tests, places.tolist(), strict=True):
        words[place + 1, test.tree] &= word.type(test.remaining)
    # A value beyond a threshold is beyond all the lower ones.
    np.bitwise_and.accumulate(words[:-1], axis=0, out=words[:-1])
    return _Numbers(thresholds, sides[tests[0].operator], words)


def _categories(tests: list[_Test], trees: int, word: Any, dtype: Any) -> _Categories:
    codes = max(
        (int(test.categories.max()) + 1 for test in tests if len(test.categories)), default=0
    )
    words = _all_leaves(codes + 2, trees, word)
    for test in tests:
        is_left = np.full(codes + 1, not test.sends_listed_left)
        is_left[test.categories] = test.sends_listed_left
        words[:-1, test.tree][~is_left] &= word.type(test.remaining)
    return _Categories(words)


def _all_leaves(places: int, trees: int, word: Any) -> Array:
    if places * trees * word.itemsize > MOST_MEMORY:
        raise UnsupportedTreesError("its table would be too large")
    return np.full((places, trees), -1).astype(word)
