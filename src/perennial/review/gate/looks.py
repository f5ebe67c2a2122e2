"""How many models were judged on rows of a test set, as far as git's history shows.

A model leaves its trace in `dvc.lock`. Two locks hold the same model if their compiled models are
the same, or their answers to the same test set; it was judged on this test set if its own
shares a row with it. The number is a lower bound: an experiment that nobody committed, a branch
that was squashed or deleted, and a look at the figures of another clone leave no trace.

Why so: docs/decisions.md#d42
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from perennial.data import parquet
from perennial.data.contract import Contract, read_contract
from perennial.review.revision.checkout import Checkout
from perennial.review.revision.hashes import md5
from perennial.review.revision.question import contract_of, other_question
from perennial.review.revision.revision import Revision
from perennial.runtime.errors import PerennialError

TEST = "data/prepared/test.parquet"
SCORED = "data/scored/test.parquet"
MODEL = "models/compiled"

#: Experiments are chosen by validation figures; their commits, and stashed ones, do not count.
_REFS = ("--exclude=refs/exps/*", "--exclude=refs/stash", "--all", "HEAD")


@dataclass(frozen=True)
class Judged:
    """A model with the test set that judged it."""

    test: str
    """Hash of the test rows."""
    traces: frozenset[str]
    """What identifies the model: two that share a trace are the same."""


@dataclass(frozen=True)
class Looks:
    """How worn a test set is."""

    models: int
    """Distinct models that rows of it have judged, this one among them."""
    unknown: int = 0
    """Their test sets that are in no cache or remote, taken to share rows."""


def count_looks(repository: Path, head: Revision) -> Looks:
    """A lower bound for the models that were judged on rows of a revision's test set.

    A history that is cut off, or a `dvc.lock` without test set or model, is a `PerennialError`.
    """
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
    contract = read_contract(head.path("data/contract.yaml"))
    others = in_history(checkout, contract)
    with tempfile.TemporaryDirectory(prefix="perennial-looks-") as folder:
        shares = {
            test: shares_rows(checkout, head, test, Path(folder))
            for test in {other.test for other in others} - {this.test}
        }
    shares[this.test] = True
    judged = [this, *(other for other in others if shares[other.test] is not False)]
    return Looks(distinct(judged), sum(share is None for share in shares.values()))


def in_history(checkout: Checkout, contract: Contract) -> set[Judged]:
    """The models of a contract's question, with their test sets, that git's history records.

    By every `dvc.lock`; one whose contract cannot be read counts.
    """
    # Without --full-history git leaves out a branch whose model was not the one that a merge kept.
    commits = checkout.git("rev-list", "--full-history", *_REFS, "--", "dvc.lock").split()
    kept = [
        commit
        for commit, other in zip(commits, _contracts(checkout, commits), strict=True)
        if other is None or not other_question(contract, other)
    ]
    names = "".join(f"{commit}:{checkout.prefix}dvc.lock\n" for commit in kept)
    batch = checkout.git("cat-file", "--batch", stdin=names)
    locks = set(re.split(r"^[0-9a-f]{40,64} blob [0-9]+\n", batch, flags=re.MULTILINE)[1:])
    return {judged for lock in locks if (judged := judged_in(lock)) is not None}


def _contracts(checkout: Checkout, commits: list[str]) -> list[Contract | None]:
    """The contract of each commit; None where it has none that can be read."""
    names = "".join(f"{commit}:{checkout.prefix}data/contract.yaml\n" for commit in commits)
    lines = checkout.git("cat-file", "--batch-check", stdin=names).splitlines()
    blobs = [line.split()[0] if not line.endswith(" missing") else "" for line in lines]
    known: dict[str, Contract | None] = {"": None}
    for blob in {*blobs} - {""}:
        with suppress(PerennialError):
            known[blob] = contract_of(checkout.git("cat-file", "blob", blob))
    return [known.get(blob) for blob in blobs]


def judged_in(lock: str) -> Judged | None:
    """The model that a `dvc.lock` records, with its test set; None if it lacks one of the two."""
    outs = _outs(lock)
    if TEST not in outs or MODEL not in outs:
        return None
    traces = {f"model {outs[MODEL]}"}
    if SCORED in outs:
        traces.add(f"answers {outs[SCORED]} to {outs[TEST]}")
    return Judged(outs[TEST], frozenset(traces))


def _outs(lock: str) -> dict[str, str]:
    """Hash of every output by path; empty for a lock that is broken, as a merge may commit it."""
    try:
        # This loader builds nothing but texts, lists and dictionaries.
        record = yaml.load(lock, Loader=yaml.CBaseLoader)  # noqa: S506
        stages = record["stages"].values()
        return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        return {}


def distinct(judged: Iterable[Judged]) -> int:
    """Count models: those that share a trace, also through others, are one."""
    models: list[frozenset[str]] = []
    for one in judged:
        same = [model for model in models if model & one.traces]
        models = [model for model in models if not model & one.traces]
        models.append(one.traces.union(*same))
    return len(models)


def shares_rows(checkout: Checkout, head: Revision, test: str, folder: Path) -> bool | None:
    """Whether the test set of this hash shares rows with a revision's; None if it is not stored.

    It is taken from DVC's cache, or fetched from the remote into a folder.
    """
    path = _fetched(checkout, test, folder / test)
    if path is None:
        return None
    contract = read_contract(head.path("data/contract.yaml"))
    ours, theirs = (_rows(file, contract) for file in (head.path(TEST), path))
    return None if ours is None or theirs is None else not ours.isdisjoint(theirs)


def _rows(path: Path, contract: Contract) -> set[Any] | None:
    """What identifies rows: the id, or without one every value but the target's."""
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
    # Without a remote, or one that answers, those rows remain unknown.
    except Exception:  # noqa: BLE001
        return None
    return target if md5(target) == oid else None
