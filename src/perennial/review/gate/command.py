"""`perennial gate`: whether a model meets the policy and is no worse than the champion."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from perennial.review.gate.report import REPORT, differences_of, to_document
from perennial.review.gate.verdict import Verdict, judge
from perennial.review.report.document import print_text, to_markdown
from perennial.review.revision.checkout import Checkout
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing

DESCRIPTION = """\
Judge a model by the policy, the section `gate` of its params.yaml, and beside the champion: the
version that a tag NAME#prod#N assigns, else main. Every figure is computed again from the bundle
and the data; no report is trusted. The verdict on the working tree goes to metrics/gate.json."""

EXAMPLES = """\
examples:
  perennial gate                    the working tree
  perennial gate --md               as a comment on a pull request
  perennial gate feature            a commit; nothing is written
  perennial gate --champion v1.0    beside another model; nothing is written
  perennial gate --check            whether metrics/gate.json is what is computed now

exit codes:
  0  every rule that applies is met
  1  a rule is not met, or with --check metrics/gate.json is not what is computed
  2  could not tell: too little evidence, or nothing to judge
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("head", nargs="?", metavar="HEAD", help="default: the working tree")
    parser.add_argument("--champion", metavar="REV", help="default: the one in prod, else main")
    parser.add_argument(
        "--allow-unchanged",
        action="store_true",
        help="accept the champion's own bundle, as where only documents change",
    )
    aim = parser.add_mutually_exclusive_group()
    aim.add_argument("--check", action="store_true", help=f"check {REPORT}; write nothing")
    aim.add_argument("--out", metavar="FILE", type=Path, help="write the verdict there")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="report as JSON")
    form.add_argument("--md", action="store_true", help="report in Markdown, for a pull request")


def run(arguments: argparse.Namespace) -> int:
    """Judge, print, and write or check the verdict: 0 pass, 1 fail, 2 could not tell."""
    checkout = Checkout(Path.cwd())
    verdict = judge(
        checkout.root,
        arguments.head,
        arguments.champion,
        allow_unchanged=arguments.allow_unchanged,
    )
    if arguments.json:
        print(jsonfile.dumps(verdict.record()), end="")
    elif arguments.md:
        print(to_markdown(to_document(verdict)), end="")
    else:
        print_text(to_document(verdict))
    if arguments.check:
        return _check(checkout, arguments.head, verdict)
    is_default = arguments.head is None and arguments.champion is None
    place = arguments.out or (checkout.root / REPORT if is_default else None)
    if place is not None:
        with publishing(place) as path:
            jsonfile.write(path, verdict.record())
    return verdict.code


def _check(checkout: Checkout, head: str | None, verdict: Verdict) -> int:
    differences = differences_of(_recorded(checkout, head), verdict)
    for line in differences:
        print(f"perennial gate: {REPORT}: {line}", file=sys.stderr)
    return 1 if differences else verdict.code


def _recorded(checkout: Checkout, head: str | None) -> bytes | None:
    if head is None:
        path = checkout.root / REPORT
        return path.read_bytes() if path.is_file() else None
    try:
        return checkout.git("show", f"{head}:{checkout.prefix}{REPORT}").encode()
    except PerennialError:
        return None
