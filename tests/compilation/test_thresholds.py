"""Every numerical split of a model is known, whatever engine runs it."""

from __future__ import annotations

import numpy as np
import treelite
from sklearn.ensemble import RandomForestRegressor

from perennial.compilation.thresholds import split_points


def test_split_points_by_hand() -> None:
    matrix = np.array([[0.0, 5.0], [1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]])
    forest = RandomForestRegressor(n_estimators=1, bootstrap=False, max_features=None)
    forest.fit(matrix, [0.0, 1.0, 9.0, 3.0])
    points = split_points(treelite.sklearn.import_model(forest), 2)
    # The split that parts the missing value from the others has no finite threshold.
    assert [place.tolist() for place in points] == [[0.5, 2.0], []]
