"""The spread between seeds: how much the metric moves when nothing but the seed does.

Two fits of one recipe differ. A difference between revisions that is no larger than that is luck,
however many rows there are (Bouthillier et al. 2021, MLSys, "Accounting for variance in machine
learning benchmarks").
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perennial.evaluation.metrics.definition import Metric, MetricError, evaluate
from perennial.evaluation.scoring import scorer_of
from perennial.model import compiled
from perennial.model.columns import from_arrow
from perennial.params.yamlfile import load
from perennial.review.paired.answers import Answers
from perennial.review.params.compare import Compare
from perennial.review.revision.revision import Revision
from perennial.runtime.publishing import publishing

#: Compiled refits by the digest of all that they were made of.
CACHE = Path(".perennial/refits")

#: What the train stage reads.
INPUTS = (
    "params.yaml",
    "requirements/build.txt",
    "src",
    "data/contract.yaml",
    "data/prepared/train.parquet",
    "data/prepared/validation.parquet",
)


@dataclass(frozen=True)
class Spread:
    """The metric that decides, under other seeds."""

    values: list[float]
    """Of each refit on the compared rows, in the order of the seeds."""
    width: float
    """The largest difference between any two of them and the head itself."""
    why_not: str = ""
    """Why there is no value."""


def seed_spread(
    head: Revision, answers: Answers, metric: Metric, params: Compare, repository: Path
) -> Spread:
    """Refit the head with other seeds, and judge each refit on the compared rows.

    The checkout keeps refits in an ignored folder; if one fails there is no spread.
    """
    if not params.refits:
        return Spread([], 0.0, "compare.refits is 0")
    lacking = [name for name in INPUTS if name in head.absent]
    if lacking:
        return Spread([], 0.0, f"{head} has no {', '.join(lacking)}")
    values = []
    first = int(load(head.path("params.yaml")).get("train", {}).get("seed", 0))
    for seed in range(first + 1, first + 1 + params.refits):
        folder, failure = refit(head, seed, repository / CACHE)
        if failure:
            return Spread([], 0.0, f"a refit with seed {seed} failed: {failure}")
        if _same(folder, head.path("models/bundle") / "compiled"):
            return Spread([], 0.0, "training does not depend on its seed")
        try:
            values.append(_value(folder, answers, metric))
        except MetricError as error:
            return Spread([], 0.0, str(error))
    own = evaluate(answers.head, only=[metric.name])[metric.name]
    return Spread(values, max(*values, own) - min(*values, own))


def _same(left: Path, right: Path) -> bool:
    names = [{path.name for path in folder.iterdir()} for folder in (left, right)]
    return names[0] == names[1] and all(
        (left / name).read_bytes() == (right / name).read_bytes() for name in names[0]
    )


def refit(head: Revision, seed: int, cache: Path) -> tuple[Path, str]:
    """The compiled model of a revision trained with another seed, and why there is none.

    It is taken from the cache where it has been trained before; the reason is empty if it is there.
    """
    folder = cache / f"{_digest(head)}-{seed}"
    if folder.is_dir():
        return folder, ""
    with tempfile.TemporaryDirectory() as place:
        ground = Path(place)
        _prepare(head, seed, ground)
        run = [sys.executable, "src", "train"]
        done = subprocess.run(run, cwd=ground, capture_output=True, text=True, check=False)
        if done.returncode:
            # Steps come first, under the same name; the refusal is the last to bear it.
            lines = [line for line in done.stderr.splitlines() if line.startswith("train: ")]
            return folder, lines[-1] if lines else "it gave no reason"
        with publishing(folder) as made:
            shutil.copytree(ground / "models/compiled", made)
    return folder, ""


def _prepare(head: Revision, seed: int, ground: Path) -> None:
    """Lay out what the train stage reads, with another seed."""
    _copy(head, ground)
    sections = load(ground / "params.yaml")
    sections["train"] = {**sections.get("train", {}), "seed": seed}
    # JSON is YAML, and says each value as it is.
    (ground / "params.yaml").write_text(json.dumps(sections), encoding="utf-8")
    for name in ("metrics", "models"):
        (ground / name).mkdir()


def _copy(head: Revision, ground: Path) -> None:
    for name in INPUTS:
        target = ground / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = head.path(name)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)


def _digest(head: Revision) -> str:
    digest = hashlib.sha256()
    for path in _files(head):
        digest.update(path.relative_to(head.folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def _files(head: Revision) -> Iterator[Path]:
    for name in INPUTS:
        path = head.path(name)
        inside = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        yield from inside


def _value(folder: Path, answers: Answers, metric: Metric) -> float:
    model = compiled.load(folder)
    refitted = model.answers(from_arrow(answers.table, model.preprocessing.types))
    scorer = scorer_of(
        answers.contract.task, answers.sample.target, refitted, model.decision.threshold
    )
    return evaluate(scorer, only=[metric.name])[metric.name]
