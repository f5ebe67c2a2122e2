"""Every rule of `perennial gate`.

To add one: a function of a `Case` (in `limits`, `comparison`, `claims` or a module of its own), an
entry in `RULES`, its section in `docs/reference/gate.md`; if the policy decides on it, its key in
`review/params/gate.py`.
"""

from __future__ import annotations

from pathlib import Path

from perennial.review.gate.case import Case, NoFigure
from perennial.review.gate.claims import judge_data_figures, judge_metrics
from perennial.review.gate.comparison import judge_champion, judge_change, judge_slices
from perennial.review.gate.files import judge_files
from perennial.review.gate.limits import (
    judge_calibration,
    judge_labels,
    judge_limits,
    judge_rejects,
    judge_size,
)
from perennial.review.paired.answers import NothingToCompare
from perennial.runtime.checks import Check, CouldNotTell, Failure, Result
from perennial.runtime.errors import PerennialError

Rule = Check[[Case]]

#: The first decides whether the others are looked at.
RULES: tuple[Rule, ...] = (
    Check(
        "GT001",
        "the files are those of dvc.lock",
        "dvc repro, and commit dvc.lock and metrics/; or dvc checkout and git restore metrics",
        judge_files,
    ),
    Check(
        "GT002",
        "reported metrics are the model's",
        "git restore metrics/evaluate.json, or dvc repro evaluate",
        judge_metrics,
    ),
    Check(
        "GT003",
        "reported data figures are the data's",
        "git restore metrics/data.json, or dvc repro prepare",
        judge_data_figures,
    ),
    Check(
        "GT004",
        "the bundle is not the champion's",
        "if no model was to change, perennial gate --allow-unchanged",
        judge_change,
    ),
    Check(
        "GT005",
        "metrics keep their floors and ceilings",
        "train a better model; a metric that the task lacks, take out of gate.floors or "
        "gate.ceilings",
        judge_limits,
    ),
    Check(
        "GT006",
        "no worse than the champion",
        "train a better model; where it could not be told, a longer or fresh test period "
        "(prepare.split), or a wider gate.margin",
        judge_champion,
    ),
    Check(
        "GT007",
        "no slice worse than the champion's",
        "look at these rows; where a slice is too plain, raise gate.slice_min_rows",
        judge_slices,
    ),
    Check(
        "GT008",
        "calibration error below its ceiling",
        "train.calibration: sigmoid or isotonic, or newer rows to learn from",
        judge_calibration,
    ),
    Check(
        "GT009",
        "label rates in range",
        "look at the source and at how labels come about; if the world has changed, "
        "gate.label_rate",
        judge_labels,
    ),
    Check(
        "GT010",
        "share of rejected rows in range",
        "look at data/prepared/quarantine.parquet; correct the source or data/contract.yaml",
        judge_rejects,
    ),
    Check(
        "GT011",
        "the bundle is light enough",
        "a smaller model, fewer export.reference_rows, or gate.max_bundle_bytes",
        judge_size,
    ),
)

NOT_LOOKED_AT = "not looked at"


def run_rules(case: Case) -> list[Result]:
    """Run every rule, in the order of `RULES`.

    Where the files are not those of `dvc.lock`, no other rule is run: a bundle that is not recorded
    is not even opened.
    """
    files, *others = RULES
    first = run_rule(files, case)
    if first.status == "pass":
        return [first, *(run_rule(rule, case) for rule in others)]
    skipped = CouldNotTell(f"{NOT_LOOKED_AT}, for want of {files.code}")
    return [first, *(Result(rule, skipped) for rule in others)]


def run_rule(rule: Rule, case: Case) -> Result:
    """Run one rule; a missing figure fails, and any other error is *could not tell*."""
    try:
        return Result(rule, rule.run(case))
    except (NoFigure, NothingToCompare) as error:
        return Result(rule, Failure(_plain(error)))
    except PerennialError as error:
        return Result(rule, CouldNotTell(_plain(error)))


def _plain(error: PerennialError) -> str:
    # The path of a temporary copy means nothing to a reader, and is another one each time.
    where = f"{error.where}: " if error.where and not Path(error.where).is_absolute() else ""
    return f"{where}{error.what}".replace("\n", " ")
