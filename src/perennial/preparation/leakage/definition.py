"""What a check is, what it looks at and what it may find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from perennial.data.contract import Contract
from perennial.params.prepare import CheckCode, Checks

Severity = Literal["error", "warning"]


@dataclass(frozen=True, eq=False)
class Sample:
    """The sides that the checks compare, without NaN and each row with its target."""

    contract: Contract
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    method: str
    """How the rows were split."""

    @property
    def held_out(self) -> dict[str, pd.DataFrame]:
        """The sides that train never sees, by name."""
        return {"validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class Detail:
    """One column, or one side, that a check found something in.

    Parameters
    ----------
    name : str
        The column or the side.
    figure : float
        What was measured.
    text : str
        The figure in words.
    """

    name: str
    figure: float
    text: str


@dataclass(frozen=True)
class NotApplicable:
    """Why a check has no answer.

    Parameters
    ----------
    reason : str
        What it lacks.
    """

    reason: str


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    code : str
        Its name for good.
    title : str
        What a finding means.
    severity : "error" or "warning"
        Whether a finding stops the stage.
    remedy : str
        What to do about a finding.
    find : callable
        The details of a finding, none for a pass.
    lenient : set of str
        Split methods under which an error is a warning only.
    """

    code: CheckCode
    title: str
    severity: Severity
    remedy: str
    find: Callable[[Sample, Checks], list[Detail] | NotApplicable]
    lenient: frozenset[str] = frozenset()
