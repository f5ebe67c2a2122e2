"""Parameters of `train`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from perennial.params.yamlfile import Closed
from perennial.runtime.errors import PerennialError

Rate = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Confidence = Annotated[float, Field(ge=0.5, lt=1)]


class FixedThreshold(Closed):
    """A threshold that somebody chose."""

    method: Literal["fixed"]
    """Take the value."""
    value: Probability = 0.5
    """The threshold."""


class MaxF1Threshold(Closed):
    """The threshold with the highest F1 on validation."""

    method: Literal["max_f1"]
    """Maximise F1."""


class CostThreshold(Closed):
    """The threshold with the lowest cost on validation."""

    method: Literal["cost"]
    """Minimise cost."""
    false_positive: float = Field(1.0, ge=0)
    """Cost of a false alarm."""
    false_negative: float = Field(1.0, ge=0)
    """Cost of a miss."""
    true_positive: float = 0.0
    """Cost of a hit; a gain is negative."""
    true_negative: float = 0.0
    """Cost of a correct rejection."""


class PrecisionThreshold(Closed):
    """The lowest threshold that surely reaches a precision, as far as validation shows."""

    method: Literal["precision_at"]
    """Reach a precision, then recall as much as possible."""
    value: Rate
    """The precision to reach."""
    confidence: Confidence = 0.95
    """How surely it is reached, on rows like those of validation."""


class RecallThreshold(Closed):
    """The highest threshold that surely reaches a recall, as far as validation shows."""

    method: Literal["recall_at"]
    """Reach a recall, then be as precise as possible."""
    value: Rate
    """The recall to reach."""
    confidence: Confidence = 0.95
    """How surely it is reached, on rows like those of validation."""


Threshold = Annotated[
    FixedThreshold | MaxF1Threshold | CostThreshold | PrecisionThreshold | RecallThreshold,
    Field(discriminator="method"),
]


class Search(Closed):
    """A search over the estimator's parameters, on training rows alone."""

    method: Literal["grid", "random"] = "grid"
    """Every combination, or some drawn at random."""
    space: dict[str, list[Any]] = Field(min_length=1)
    """Values to try for each parameter."""
    folds: int = Field(3, ge=2)
    """Folds; in time order, by group or stratified, as the split says."""
    iterations: int = Field(10, ge=1)
    """Combinations that a random search draws."""
    metric: str | None = None
    """A scikit-learn scorer's name; by default roc_auc, neg_log_loss or the like by task."""


class Text(Closed):
    """How text columns become TF-IDF weights."""

    max_features: int = Field(500, ge=1)
    """Terms kept in a column."""
    min_documents: int = Field(2, ge=1)
    """Rows that must hold a term."""


class Train(Closed):
    """Which model, fitted how."""

    estimator: str = "sklearn.ensemble.HistGradientBoostingClassifier"
    """Dotted path of a scikit-learn compatible classifier or regressor."""
    params: dict[str, Any] = {}
    """Its parameters."""
    seed: int = Field(0, ge=0)
    """Seed of everything that train draws."""
    categories: Literal["auto", "native", "onehot", "target"] = "auto"
    """Encoding of categories. `auto`: native where the estimator takes them, else by count."""
    onehot_max: int = Field(32, ge=2)
    """With `auto`, a category with more values is target encoded."""
    text: Text = Text()
    """Text columns."""
    search: Search | None = None
    """An optional search."""
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    """How validation corrects the probabilities."""
    threshold: Threshold = MaxF1Threshold(method="max_f1")
    """How validation chooses the threshold of a binary task."""
    engine: Literal["auto", "treelite", "onnx", "skops"] = "auto"
    """What runs the model in production; `auto` takes the first of these that passes parity."""
    trusted: list[str] = []
    """Types, by dotted name, that a person has looked at and lets the engine `skops` load."""
    tolerance: float = Field(1e-6, ge=0, lt=1)
    """Largest difference between the fitted and the compiled model, in probability or, for a
    regression, relative to the target's spread."""
    adversarial_rows: int = Field(10_000, ge=0)
    """Made-up rows, beside all validation rows, that parity is proved on."""

    def fitted_on_validation(self, classes: int) -> list[str]:
        """The keys that have something chosen on validation, for a target of so many classes."""
        fitted = {
            "train.calibration": classes > 0 and self.calibration != "none",
            "train.threshold.method": classes == 2 and self.threshold.method != "fixed",
        }
        return [key for key, is_fitted in fitted.items() if is_fitted]

    def refuse_unvalidated(self, classes: int) -> None:
        """Refuse to do without validation rows where something is chosen on them."""
        fitted = self.fitted_on_validation(classes)
        if fitted:
            raise PerennialError(
                f"there are no validation rows, and {' and '.join(fitted)} "
                f"{'needs' if len(fitted) == 1 else 'need'} them",
                where="params.yaml",
                hint="give validation rows (prepare.split), or set train.calibration to none "
                "and train.threshold.method to fixed",
            )
