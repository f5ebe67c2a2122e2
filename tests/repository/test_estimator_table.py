"""docs/reference/estimators.md says of every estimator of scikit-learn what is so."""

from __future__ import annotations

import re
from pathlib import Path

import estimators
from sklearn.utils import all_estimators

DOCS = Path(__file__).parents[2] / "docs"


def without_figures(text: str) -> str:
    """Counts in a reason may differ from processor to processor."""
    return re.sub(r"\d+", "#", text)


def test_every_estimator_is_exported_and_proved_or_refused_for_the_reason_given() -> None:
    trials = {
        (path, task): estimators.try_out(path, task)
        for path, kind in estimators.paths()
        for task in estimators.TASKS[kind]
    }
    written = (DOCS / "reference/estimators.md").read_text(encoding="utf-8")
    assert without_figures(written) == without_figures(estimators.page(trials))
    for kind in estimators.TASKS:
        for name, _ in all_estimators(kind):
            assert len(re.findall(rf"\.{name}` \|", written)) == 1
    for trial in trials.values():
        assert bool(trial.engine) != bool(trial.why_not)
