"""A stage's deps are folders that hold the source files it may run, and no others."""

from __future__ import annotations

import os

from perennial.params import yamlfile
from perennial.review.revision.checkout import Checkout
from perennial.review.verify import closure
from perennial.review.verify.definition import Answer, CannotTell, Finding


def find_other_dependencies(checkout: Checkout) -> Answer:
    """Compare each stage's deps with its import closure."""
    pipeline = yamlfile.load(checkout.root / closure.PIPELINE)
    try:
        found = closure.differences(pipeline, checkout.root / closure.SOURCE)
    except SyntaxError as error:
        name = os.path.relpath(str(error.filename), checkout.root)
        return CannotTell(f"{name}, line {error.lineno}: {error.msg}")
    return [Finding(stage, what) for stage, what in found]
