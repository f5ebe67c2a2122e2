"""The question that a revision's model answers, read from git alone.

Why so: docs/decisions.md#d92
"""

from __future__ import annotations

from pathlib import Path

from perennial.data.contract import CONTRACT, Contract, read_contract
from perennial.params.yamlfile import loads, parse
from perennial.review.revision.git import git
from perennial.runtime.errors import PerennialError


def contract_at(repository: Path, name: str | None) -> Contract | None:
    """The contract of a commit, or of the working tree; None where there is none to be read."""
    try:
        if name is None:
            return read_contract(repository / CONTRACT)
        return contract_of(git(repository, "show", f"{name}:./{CONTRACT.as_posix()}"))
    except PerennialError:
        return None


def contract_of(text: str) -> Contract:
    """The contract that a text holds; a `PerennialError` if it holds none."""
    return parse(Contract, loads(text.encode(), where=str(CONTRACT)), where=str(CONTRACT))


def other_question(head: Contract, base: Contract) -> str:
    """In what two contracts ask for different answers: target, task or classes; else nothing."""
    for what, ours, theirs in (
        ("target is", head.target, base.target),
        ("task is", head.task, base.task),
        ("classes are", list(head.classes), list(base.classes)),
    ):
        if ours != theirs:
            return f"the {what} {ours} in the head and {theirs} in the base"
    return ""


def asks_otherwise(repository: Path, head: str | None, base: str) -> bool:
    """Whether two revisions are known to ask different questions: no model has to be rebuilt."""
    ours, theirs = contract_at(repository, head), contract_at(repository, base)
    return ours is not None and theirs is not None and bool(other_question(ours, theirs))
