"""Why an engine does not take an estimator."""

from __future__ import annotations


class Refusal(Exception):
    """An engine's no to an estimator.

    Parameters
    ----------
    why : str
        The reason, to be read after the engine's name.
    hint : str, optional
        What to do about it, where something can be done.

    Examples
    --------
    >>> str(Refusal("no converter knows it"))
    'no converter knows it'
    """

    def __init__(self, why: str, hint: str | None = None) -> None:
        self.why = why
        self.hint = hint
        super().__init__(why)
