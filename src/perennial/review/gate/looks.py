"""How many models were judged on rows of a test set, as far as git's history tells.

A model leaves its trace in `dvc.lock`. Two locks hold the same model if their compiled models are
the same, or their answers to the same test set; it was judged against this test set if its own
shares a row with it. The number is a lower bound: an experiment that nobody committed, a branch
that was squashed or deleted, and a look at the figures of another clone leave no trace.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.review.revision.checkout import Checkout, md5
from perennial.review.revision.revision import Revision
from perennial.runtime.errors import PerennialError

TEST = "data/prepared/test.parquet"
SCORED = "data/scored/test.parquet"
MODEL = "models/compiled"

#: Experiments are chosen by validation figures; DVC keeps them, and git what is stashed, apart.
_REFS = ("--exclude=refs/exps/*", "--exclude=refs/stash", "--all", "HEAD")

# DVC writes every lock in one layout, and a YAML parser takes a tenth of a second for each.
_OUTPUTS = re.compile(r"^    outs:\n((?:    [ -].*\n?)+)", re.MULTILINE)
_OUTPUT = re.compile(r"^    - path: (.+)\n(?:      .+\n)*?      md5: (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Judged:
    """A model with the test set that judged it."""

    test: str
    traces: frozenset[str]


@dataclass(frozen=True)
class Looks:
    """How worn a test set is."""

    models: int
    unknown: int = 0


def count_looks(repository: Path, head: Revision) -> Looks:
    """Count the models that were judged on rows of a revision's test set."""
    checkout = Checkout(repository)
    if checkout.git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise PerennialError(
            "git's history is cut off here, so earlier looks at the test set cannot be counted",
            hint="git fetch --unshallow --tags (in CI: fetch the whole history)",
        )
    this = judged_in(head.path("dvc.lock").read_text(encoding="utf-8"))
    if this is None:
        raise PerennialError(
            f"no test set or no model is recorded ({TEST}, {MODEL})", where=f"{head}: dvc.lock"
        )
    others = in_history(checkout)
    with tempfile.TemporaryDirectory(prefix="perennial-looks-") as folder:
        shares = {
            test: shares_rows(checkout, head, test, Path(folder))
            for test in {other.test for other in others} - {this.test}
        }
    shares[this.test] = True
    judged = [this, *(other for other in others if shares[other.test] is not False)]
    return Looks(distinct(judged), sum(found is None for found in shares.values()))


def in_history(checkout: Checkout) -> set[Judged]:
    """Read every `dvc.lock` that git's history holds."""
    # Without it, git leaves out a branch whose model was not the one that a merge kept.
    listed = checkout.git("rev-list", "--full-history", *_REFS, "--", "dvc.lock")
    asked = "".join(f"{commit}:{checkout.prefix}dvc.lock\n" for commit in listed.split())
    told = checkout.git("cat-file", "--batch", given=asked)
    locks = set(re.split(r"^[0-9a-f]{40,64} blob [0-9]+\n", told, flags=re.MULTILINE)[1:])
    return {found for lock in locks if (found := judged_in(lock)) is not None}


def judged_in(lock: str) -> Judged | None:
    """Read which model a `dvc.lock` records, and which test set."""
    outs = {path: oid for block in _OUTPUTS.findall(lock) for path, oid in _OUTPUT.findall(block)}
    if TEST not in outs or MODEL not in outs:
        return None
    traces = {f"model {outs[MODEL]}"}
    if SCORED in outs:
        traces.add(f"answers {outs[SCORED]} to {outs[TEST]}")
    return Judged(outs[TEST], frozenset(traces))


def distinct(judged: Iterable[Judged]) -> int:
    """Count models: those that share a trace, through others too, are one."""
    models: list[frozenset[str]] = []
    for one in judged:
        same = [model for model in models if model & one.traces]
        models = [model for model in models if not model & one.traces]
        models.append(one.traces.union(*same))
    return len(models)


def shares_rows(checkout: Checkout, head: Revision, test: str, ground: Path) -> bool | None:
    """Say whether a test set of the past shares rows with a revision's."""
    path = _fetched(checkout, test, ground / test)
    if path is None:
        return None
    contract = read_contract(head.path("data/contract.yaml"))
    ours, theirs = (_rows(file, contract) for file in (head.path(TEST), path))
    return None if ours is None or theirs is None else not ours.isdisjoint(theirs)


def _rows(path: Path, contract: Contract) -> set[Any] | None:
    """What rows are known by: the id, or without one every value but the target's."""
    key = contract.only("id")
    names = [key] if key else list(contract.features)
    try:
        table = parquet.read(path, names)
    except PerennialError:
        return None
    columns = [table.column(name).to_pylist() for name in names]
    return set(columns[0] if key else zip(*columns, strict=True))


def _fetched(checkout: Checkout, oid: str, target: Path) -> Path | None:
    kept = checkout.cached(oid)
    if kept.is_file() and md5(kept) == oid:
        return kept
    try:
        store = checkout.repo.cloud.get_remote_odb(None, "gate")
        store.fs.get_file(store.oid_to_path(oid), str(target))
    # No remote, or one that does not answer: then nobody knows those rows.
    except Exception:  # noqa: BLE001
        return None
    return target if md5(target) == oid else None
