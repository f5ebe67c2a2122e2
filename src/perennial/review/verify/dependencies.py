"""A stage's deps are folders that hold the source files it may run, and no others."""

from __future__ import annotations

import os

from perennial.params import paths, yamlfile
from perennial.review.revision.checkout import Checkout
from perennial.review.verify import closure
from perennial.runtime.checks import Answer, CouldNotTell, Finding


def find_other_dependencies(checkout: Checkout) -> Answer:
    """Files that a stage may run outside its deps, and deps of which it runs nothing.

    Stages that do not run `python src` are left out.
    """
    pipeline = yamlfile.load(checkout.root / paths.PIPELINE)
    try:
        differences = closure.differences(pipeline, checkout.root / closure.SOURCE)
    except SyntaxError as error:
        name = os.path.relpath(str(error.filename), checkout.root)
        return CouldNotTell(f"{name}, line {error.lineno}: {error.msg}")
    return [Finding(stage, what) for stage, what in differences]
