"""A stage's deps are the source files that it may run: no file less, no file more."""

from __future__ import annotations

import os

from perennial import closure, yamlfile
from perennial.review.checkout import Checkout
from perennial.review.verify.definition import Answer, CannotTell, Finding


def find_other_dependencies(checkout: Checkout) -> Answer:
    """Compare each stage's deps with its import closure.

    Parameters
    ----------
    checkout : Checkout
        Where to look.

    Returns
    -------
    list of Finding or CannotTell
        One for each file too few or too many. Stages that do not run `python src` are left out.
    """
    pipeline = yamlfile.load(checkout.root / closure.PIPELINE)
    try:
        told = closure.differences(pipeline, checkout.root / closure.SOURCE)
    except SyntaxError as error:
        name = os.path.relpath(str(error.filename), checkout.root)
        return CannotTell(f"{name}, line {error.lineno}: {error.msg}")
    return [Finding(*sentence.split(" ", 1)) for sentence in told]
