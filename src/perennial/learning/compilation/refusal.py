"""Why an engine does not take an estimator."""

from __future__ import annotations


class Refusal(Exception):
    """An engine does not take an estimator: why, and what to do about it where that is known.

    >>> str(Refusal("no converter knows it"))
    'no converter knows it'
    """

    def __init__(self, why: str, hint: str | None = None) -> None:
        self.why = why
        self.hint = hint
        super().__init__(why)
