"""The walk by tables of bits gives the very bits that treelite's interpreter gives."""

from __future__ import annotations

import numpy as np
import pytest
import treelite
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

from perennial.model.bitvectors import CHUNK, BitVectors, UnsupportedTreesError
from perennial.model.engines.treelite import MANY, TreeliteEngine

FEATURES = 5
CATEGORICAL = {3, 4}


def interpreted(model, matrix):
    margins = treelite.gtil.predict(model, matrix, nthread=1, pred_margin=True)
    return margins.reshape(len(matrix), -1)


def assert_same_bits(model, matrix):
    matrix = matrix.astype(model.input_type)
    expected, actual = interpreted(model, matrix), BitVectors(model).margins(matrix)
    assert actual.dtype == expected.dtype
    assert actual.tobytes() == expected.tobytes()


def random_model(rng, *, operator, dtype, leaves, classes):
    """Trees of random shape over numbers, categories, and both children as the default one."""
    trees = 12
    builder = ModelBuilder(
        threshold_type=dtype,
        leaf_output_type=dtype,
        metadata=Metadata(
            num_feature=FEATURES,
            task_type="kMultiClf" if classes > 1 else "kRegressor",
            average_tree_output=False,
            num_target=1,
            num_class=[classes],
            leaf_vector_shape=(1, 1),
        ),
        tree_annotation=TreeAnnotation(
            num_tree=trees,
            target_id=[0] * trees,
            class_id=rng.integers(0, classes, trees).tolist(),
        ),
        postprocessor=PostProcessorFunc(name="identity_multiclass" if classes > 1 else "identity"),
        base_scores=rng.normal(size=classes).tolist(),
    )
    for _ in range(trees):
        build_tree(builder, rng, operator, int(rng.integers(1, leaves + 1)))
    return builder.commit()


def build_tree(builder, rng, operator, leaves):
    builder.start_tree()
    pending, next_key = [(0, leaves)], 1
    while pending:
        key, share = pending.pop()
        builder.start_node(key)
        if share == 1:
            builder.leaf(float(rng.normal()))
            builder.end_node()
            continue
        feature = int(rng.integers(0, FEATURES))
        children = {"left_child_key": next_key, "right_child_key": next_key + 1}
        default_left = bool(rng.integers(0, 2))
        if feature in CATEGORICAL:
            builder.categorical_test(
                feature,
                default_left=default_left,
                category_list=sorted(rng.choice(9, rng.integers(1, 6), replace=False).tolist()),
                category_list_right_child=bool(rng.integers(0, 2)),
                **children,
            )
        else:
            # Few values, so that thresholds and rows meet, and infinity among them.
            threshold = float(rng.choice([-1.0, -0.25, 0.0, 0.5, 2.0, np.inf]))
            builder.numerical_test(
                feature, threshold, default_left=default_left, opname=operator, **children
            )
        builder.end_node()
        first = int(rng.integers(1, share))
        pending += [(next_key, first), (next_key + 1, share - first)]
        next_key += 2
    builder.end_tree()


def hard_rows(rng, rows=300):
    """Values on thresholds and beside them, missing, infinite, between and beyond categories."""
    around = [-1.0, -0.25, 0.0, -0.0, 0.5, 2.0]
    values = [
        *around,
        *np.nextafter(np.float32(around), np.float32(9)).tolist(),
        *np.nextafter(np.float32(around), np.float32(-9)).tolist(),
        np.nan, np.inf, -np.inf, 0.999, 3.0, 8.0, 8.5, 9.0, -0.5, 2.0**24, 2.0**33, 1e30,
    ]  # fmt: skip
    return rng.choice(values, (rows, FEATURES))


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("leaves", [1, 31, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("operator", ["<", "<="])
def test_any_trees_answer_hard_rows_bit_for_bit(operator, dtype, leaves, classes):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        model = random_model(rng, operator=operator, dtype=dtype, leaves=leaves, classes=classes)
        assert_same_bits(model, hard_rows(rng))


@pytest.mark.parametrize("rows", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_rows_are_answered_whatever_their_number(rows):
    rng = np.random.default_rng(1)
    model = random_model(rng, operator="<=", dtype="float64", leaves=31, classes=1)
    matrix = hard_rows(rng, rows)
    assert BitVectors(model).margins(matrix).shape == (rows, 1)
    if rows:
        assert_same_bits(model, matrix)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=30, categorical_features=[0, 1]),
        HistGradientBoostingRegressor(max_iter=30),
        GradientBoostingClassifier(n_estimators=10),
    ],
)
@pytest.mark.parametrize("classes", [2, 4])
def test_scikit_learn_s_boosted_trees_answer_bit_for_bit(estimator, classes):
    matrix, target = make_classification(
        600, 6, n_informative=5, n_redundant=1, n_classes=classes, random_state=0
    )
    matrix[:, :2] = np.abs(matrix[:, :2] * 4).astype(int) % 7
    if not isinstance(estimator, GradientBoostingClassifier):
        matrix[::7, 2] = np.nan
        matrix[::5, 3] = np.nan
    model = treelite.sklearn.import_model(estimator.fit(matrix, target))
    assert_same_bits(model, matrix)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (RandomForestClassifier(n_estimators=3), "average"),
        (GradientBoostingClassifier(n_estimators=1, max_depth=9), "leaves"),
    ],
)
def test_other_trees_are_left_to_the_interpreter(model, reason):
    matrix, target = make_classification(2000, FEATURES, n_redundant=1, flip_y=0.5, random_state=0)
    trees = treelite.sklearn.import_model(model.fit(matrix, target))
    with pytest.raises(UnsupportedTreesError, match=reason):
        BitVectors(trees)
    engine = TreeliteEngine(trees, "identity")
    expected = interpreted(trees, matrix.astype(trees.input_type))[:, 0]
    np.testing.assert_array_equal(engine.scores(matrix), expected)


def test_a_row_has_one_answer_alone_and_among_many():
    rng = np.random.default_rng(3)
    model = random_model(rng, operator="<=", dtype="float64", leaves=31, classes=1)
    engine = TreeliteEngine(model, "identity")
    matrix = hard_rows(rng, 4 * MANY)
    alone = [engine.scores(matrix[i : i + 1])[0] for i in range(len(matrix))]
    np.testing.assert_array_equal(engine.scores(matrix), alone)
