"""Every rule of `perennial gate`, with its code for good."""

from __future__ import annotations

from pathlib import Path

from perennial.review.gate import limits, pairing, reports
from perennial.review.gate.case import Case, NoFigure
from perennial.review.gate.definition import Answer, Result, Rule
from perennial.review.paired.answers import NothingToCompare
from perennial.runtime.errors import PerennialError

FILES = Rule(
    "GT001",
    "the files are those of dvc.lock",
    "dvc repro, and commit dvc.lock and metrics/; or dvc checkout and git restore metrics",
    reports.judge_files,
)
METRICS = Rule(
    "GT002",
    "reported metrics are the model's",
    "git restore metrics/evaluate.json, or dvc repro evaluate",
    reports.judge_metrics,
)
DATA_FIGURES = Rule(
    "GT003",
    "reported data figures are the data's",
    "git restore metrics/data.json, or dvc repro prepare",
    reports.judge_data_figures,
)
CHANGE = Rule(
    "GT004",
    "the bundle is not the champion's",
    "if no model was to change, perennial gate --allow-unchanged",
    pairing.judge_change,
)
LIMITS = Rule(
    "GT005",
    "metrics keep their floors and ceilings",
    "train a better model; a metric that the task lacks, take out of gate.floors or gate.ceilings",
    limits.judge_limits,
)
CHAMPION = Rule(
    "GT006",
    "no worse than the champion",
    "train a better model; where it could not be told, a longer or fresh test period "
    "(prepare.split), or a wider gate.margin",
    pairing.judge_champion,
)
SLICES = Rule(
    "GT007",
    "no slice worse than the champion's",
    "look at these rows; where a slice is too plain, raise gate.slice_min_rows",
    pairing.judge_slices,
)
CALIBRATION = Rule(
    "GT008",
    "calibration error below its ceiling",
    "train.calibration: sigmoid or isotonic, or newer rows to learn from",
    limits.judge_calibration,
)
LABELS = Rule(
    "GT009",
    "label rates in range",
    "look at the source and at how labels come about; if the world has changed, gate.label_rate",
    limits.judge_labels,
)
REJECTS = Rule(
    "GT010",
    "share of rejected rows in range",
    "look at data/prepared/quarantine.parquet; correct the source or data/contract.yaml",
    limits.judge_rejects,
)
SIZE = Rule(
    "GT011",
    "the bundle is light enough",
    "a smaller model, fewer export.reference_rows, or gate.max_bundle_bytes",
    limits.judge_size,
)

RULES = (
    FILES,
    METRICS,
    DATA_FIGURES,
    CHANGE,
    LIMITS,
    CHAMPION,
    SLICES,
    CALIBRATION,
    LABELS,
    REJECTS,
    SIZE,
)


def ask_rules(case: Case) -> list[Result]:
    """Ask every rule."""
    first = Result(FILES, ask_rule(FILES, case))
    if first.answer.outcome == "pass":
        return [first, *(Result(rule, ask_rule(rule, case)) for rule in RULES[1:])]
    unseen = Answer("could not tell", f"not looked at, for want of {FILES.code}")
    return [first, *(Result(rule, unseen) for rule in RULES[1:])]


def ask_rule(rule: Rule, case: Case) -> Answer:
    """Ask one rule."""
    try:
        return rule.judge(case)
    except (NoFigure, NothingToCompare) as error:
        return Answer("fail", _plain(error))
    except PerennialError as error:
        return Answer("could not tell", _plain(error))


def _plain(error: PerennialError) -> str:
    # Where a copy lies is nobody's business, and another place each time.
    where = f"{error.where}: " if error.where and not Path(error.where).is_absolute() else ""
    return f"{where}{error.what}".replace("\n", " ")
