"""What a stage reads is kept by git or by DVC, or no clone can run it."""

from __future__ import annotations

from perennial.review.revision.checkout import Checkout
from perennial.review.revision.pipeline import lies_in
from perennial.runtime.checks import Finding


def find_unkept(checkout: Checkout) -> list[Finding]:
    """Files among the stages' inputs that neither git nor DVC keeps.

    Ignored ones too: rows in `data/landing` are ignored by git whether or not DVC tracks them.
    """
    deps = {dep.path for stage in checkout.stages for dep in stage.deps}
    kept = {out.path for stage in checkout.stages for out in stage.outs}
    inside = [path for path in sorted(deps) if (checkout.root / path).exists()]
    if not inside:
        return []
    # Without --exclude-standard, so that what .gitignore names is listed too.
    listed = checkout.git("--literal-pathspecs", "ls-files", "--others", "-z", "--", *inside)
    return [
        Finding(path, "is in neither git nor DVC")
        for path in sorted(filter(None, listed.split("\0")))
        if not any(lies_in(path, out) for out in kept) and not _is_beside(checkout, path)
    ]


def _is_beside(checkout: Checkout, path: str) -> bool:
    """Whether it is no input: a `.dvc` file, which PV003 looks at, or what DVC leaves out."""
    ignored = checkout.repo.dvcignore.is_ignored_file(str(checkout.root / path))
    return path.endswith(".dvc") or bool(ignored)
