"""The names of metrics, which parameters give before anything is computed."""

from __future__ import annotations

from typing import Literal

#: Which values of a metric are better, by task; a test holds that `evaluation` computes these.
DIRECTIONS: dict[str, dict[str, Literal["up", "down", "zero"]]] = {
    "binary": {
        "roc_auc": "up",
        "average_precision": "up",
        "log_loss": "down",
        "brier": "down",
        "calibration_error": "down",
        "precision": "up",
        "recall": "up",
        "f1": "up",
    },
    "multiclass": {
        "accuracy": "up",
        "balanced_accuracy": "up",
        "f1_macro": "up",
        "log_loss": "down",
        "roc_auc": "up",
    },
    "regression": {
        "mae": "down",
        "rmse": "down",
        "r2": "up",
        "median_absolute_error": "down",
        "bias": "zero",
    },
}
