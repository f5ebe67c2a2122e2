"""Write `docs/reference/estimators.md`, from trials: ``python docs/tables/estimators.py``.

Every classifier and regressor of scikit-learn is fitted, compiled and proved as `train` does it, on
a small table with numbers, missing values and a category.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from perennial.data.contract import Contract, Task
from perennial.learning.deciding import fit_decision
from perennial.learning.fitting import Rows, fit, validation_scores
from perennial.learning.training import compile_and_prove
from perennial.model.fitted import Model
from perennial.params.build import BuildParams
from perennial.runtime.errors import PerennialError

PAGE = Path(__file__).parents[1] / "reference/estimators.md"
TASKS: dict[str, tuple[Task, ...]] = {
    "classifier": ("binary", "multiclass"),
    "regressor": ("regression",),
}
TARGETS: dict[Task, dict[str, Any]] = {
    "binary": {"type": "category", "categories": ["no", "yes"]},
    "multiclass": {"type": "category", "categories": ["low", "middle", "high"]},
    "regression": {"type": "number"},
}
COLUMNS = {
    "carrier": {"type": "category", "missing": 0.5},
    "x": {"type": "number", "missing": 0.5},
    "z": {"type": "number"},
}
#: What keeps a trial short, where an estimator has it.
SMALL = {"n_estimators": 10, "max_iter": 100, "n_components": 1}

HEAD = """\
# Estimators

Written by `python docs/tables/estimators.py`, and held by a test. Each classifier and regressor of
scikit-learn was given to `train` with `train.engine: auto`, on a small table with numbers, missing
values and a category; those that have no probabilities, with `train.calibration: sigmoid`. What the
table calls an engine passed parity there; your own model is proved anew whenever it is trained.

Of `onnx` and `skops`, a bundle's manifest says in `requires` what has to be installed. `skops`
is for `perennial score`, and not for a service: it runs scikit-learn itself. *After confirming*
means that `train.trusted` has to list these types, which skops does not load by itself.

LightGBM's and XGBoost's estimators go to `treelite`. An estimator that needs others as
its arguments can be had as a class of your own that sets them, and takes no arguments itself.
"""


@dataclass(frozen=True)
class Trial:
    """What became of an estimator: its engine, the types to confirm, or why it has none."""

    engine: str
    trusted: tuple[str, ...] = ()
    why_not: str = ""

    def __str__(self) -> str:
        if not self.engine:
            return f"none: it {self.why_not}"
        types = ", ".join(f"`{name}`" for name in self.trusted)
        return f"{self.engine}, after confirming {types}" if types else self.engine


def contract(task: Task) -> Contract:
    columns = {**COLUMNS, "y": {**TARGETS[task], "role": "target"}}
    return Contract.model_validate({"version": 1, "name": "trial", "columns": columns})


def rows(task: Task, count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    carrier = rng.choice(np.array(["a", "b", "c", "d", None], dtype=object), count)
    x, z = rng.normal(size=count), rng.normal(size=count)
    score = x + z / 2 + np.isin(carrier, ["b", "c"]) + rng.normal(size=count) / 4
    x[rng.random(count) < 0.1] = np.nan
    target = {
        "binary": (score > 0.5).astype(np.int64),
        "multiclass": np.digitize(score, [0, 1]),
        "regression": np.exp(score / 2),
    }[task]
    return Rows({"carrier": carrier, "x": x, "z": z}, target, None)


def paths() -> Iterator[tuple[str, str]]:
    """Name every classifier and regressor, in order, with its kind."""
    for kind in TASKS:
        for name, estimator in all_estimators(kind):
            # The public module, as a user writes it.
            parts = estimator.__module__.split(".")
            module = ".".join(takewhile(lambda part: part[0] != "_", parts))
            yield f"{module}.{name}", kind


def try_out(path: str, task: Task) -> Trial:
    """Fit, decide, compile and prove, as `train` does."""
    with warnings.catch_warnings(), threadpool_limits(1), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return _exported(path, task)
        except PerennialError as error:
            return Trial("", why_not=_reason(error.what, path))


def _exported(path: str, task: Task) -> Trial:
    train, validation = rows(task, 150, 0), rows(task, 80, 1)
    params = _params(path, task)
    model, _ = fit(train, contract(task), params, threads=1)
    scores = validation_scores(model, validation)
    decision = fit_decision(model.decision, scores, validation.target, params.train)
    model = Model(model.preprocessing, model.estimator, decision)
    trusted = _untrusted(model.estimator)
    section = params.train.model_copy(update={"trusted": trusted})
    chosen = compile_and_prove(model, train, validation, contract(task), section, threads=1)
    return Trial(chosen.compiled.engine_name, tuple(chosen.compiled.options.get("trusted", ())), "")


def _params(path: str, task: Task) -> BuildParams:
    module, _, name = path.rpartition(".")
    section: dict[str, Any] = {"estimator": path, "adversarial_rows": 400, "params": {}}
    try:
        kind = getattr(__import__(module, fromlist=[name]), name)()
    except TypeError:
        return BuildParams.model_validate({"train": section})
    own = kind.get_params(deep=False)
    small = {key: value for key, value in SMALL.items() if type(own.get(key)) is int}
    has_margins = task != "regression" and not hasattr(kind, "predict_proba")
    section |= {"params": small, "calibration": "sigmoid" if has_margins else "none"}
    return BuildParams.model_validate({"train": section})


def _untrusted(estimator: Any) -> list[str]:
    try:
        return list(skops.io.get_untrusted_types(data=skops.io.dumps(estimator)))
    except (AttributeError, TypeError, ValueError):
        return []


def _reason(what: str, path: str) -> str:
    # The table names the estimator beside it.
    name = path.rpartition(".")[2]
    return " ".join(what.split()).removeprefix(f"{path} ").removeprefix(f"{name} ")


def page(trials: dict[tuple[str, Task], Trial]) -> str:
    """Write the page."""
    parts = [HEAD]
    for kind, tasks in TASKS.items():
        names = [path for path, its in paths() if its == kind]
        parts += [f"\n## {kind.capitalize()}s\n", _line(["Estimator", *tasks])]
        parts.append(_line(["---"] * (1 + len(tasks))))
        parts += [
            _line([f"`{path}`", *(str(trials[path, task]) for task in tasks)]) for path in names
        ]
    return "\n".join(parts) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    trials = {(path, task): try_out(path, task) for path, kind in paths() for task in TASKS[kind]}
    PAGE.write_text(page(trials), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
