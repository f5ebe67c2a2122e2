"""Text files have the line endings that the commit has."""

from __future__ import annotations

import re

from perennial.review.revision.checkout import Checkout
from perennial.runtime.checks import Finding

_ENTRY = re.compile(
    r"i/(?P<index>\S*)\s+w/(?P<tree>\S*)\s+attr/(?P<attributes>[^\t]*)\t(?P<path>.*)"
)


def find_other_endings(checkout: Checkout) -> list[Finding]:
    """Files that a checkout gave other line endings, and so another hash.

    A file that is committed with CRLF, on purpose, is none.
    """
    entries = checkout.git("ls-files", "--eol", "-z").split("\0")
    matches = [match for entry in entries if (match := _ENTRY.fullmatch(entry))]
    return [
        Finding(match["path"], f"{match['tree'].upper()} here, {match['index'].upper()} in git")
        for match in matches
        if match["tree"] in ("crlf", "mixed") and match["index"] != match["tree"]
    ]
