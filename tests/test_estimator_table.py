"""docs/reference/estimators.md says of every estimator of scikit-learn what is so."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.utils import all_estimators

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def table() -> Any:
    """The module that writes the page."""
    path = DOCS / "tables/estimators.py"
    specification = importlib.util.spec_from_file_location("estimator_table", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # A dataclass looks its module up.
    sys.modules["estimator_table"] = module
    specification.loader.exec_module(module)
    return module


def without_figures(text: str) -> str:
    """Counts in a reason may differ from processor to processor."""
    return re.sub(r"\d+", "#", text)


def test_every_estimator_is_exported_and_proved_or_refused_for_the_reason_given(table: Any) -> None:
    trials = {
        (path, task): table.try_out(path, task)
        for path, kind in table.paths()
        for task in table.TASKS[kind]
    }
    written = (DOCS / "reference/estimators.md").read_text(encoding="utf-8")
    assert without_figures(written) == without_figures(table.page(trials))
    for kind in table.TASKS:
        for name, _ in all_estimators(kind):
            assert len(re.findall(rf"\.{name}` \|", written)) == 1
    for trial in trials.values():
        assert bool(trial.engine) != bool(trial.why_not)
