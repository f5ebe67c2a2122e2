"""`perennial compare`: what changed between two revisions, and whether the change is real.

Why so: docs/decisions.md#d37
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from perennial.data.contract import read_contract
from perennial.evaluation.metrics.columns import SampleError
from perennial.params.build import read_params
from perennial.review.compare.data_change import data_change
from perennial.review.compare.plots import charts
from perennial.review.compare.recipe_change import RecipeChange, recipe_change
from perennial.review.compare.report import Models, Report, to_document, to_json
from perennial.review.compare.seeds import Spread, seed_spread
from perennial.review.compare.verdict import Verdict, judge
from perennial.review.paired.answers import Incomparable, ask_both, refuse_other_question
from perennial.review.paired.evidence import gather
from perennial.review.params.compare import compare_params
from perennial.review.report.document import print_text, to_html, to_markdown
from perennial.review.report.drawing import HINT, can_draw, refuse_without_drawing, to_svg, write
from perennial.review.revision.fetch import revision_at
from perennial.review.revision.question import asks_otherwise
from perennial.review.revision.revision import Absent, Revision, default_base, working_tree
from perennial.runtime.errors import PerennialError
from perennial.runtime.progress import Progress

DESCRIPTION = """\
Compare two git revisions, or a revision and the working tree: models on the same rows, data,
parameters and packages. The files are read through DVC, from its cache or a remote; where neither
has them, the revision's own stages are run in a clone. The checkout is not touched. The verdict
comes first, on the metric that params.yaml names as primary."""

EXAMPLES = """\
examples:
  perennial compare                     where this branch left main, and the working tree
  perennial compare main feature        two branches
  perennial compare v1.0 --md           as a comment on a pull request
  perennial compare --html report.html  as a page, with plots
  perennial compare --plots FOLDER      and the plots, each as a file

exit codes:
  0  compared, whatever the verdict
  2  could not tell
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "base", nargs="?", metavar="BASE", help="default: the merge base of main and HEAD"
    )
    parser.add_argument("head", nargs="?", metavar="HEAD", help="default: the working tree")
    parser.add_argument(
        "--no-rebuild",
        action="store_true",
        help="do not rebuild a revision that is in neither the cache nor a remote",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, for programs")
    form.add_argument("--md", action="store_true", help="print Markdown, for a pull request")
    form.add_argument("--html", metavar="FILE", type=Path, help="write a page, with plots")
    parser.add_argument(
        "--plots", metavar="FOLDER", type=Path, help="draw the plots to files there"
    )
    parser.add_argument("--png", action="store_true", help="draw them as PNG; else they are SVG")


def run(arguments: argparse.Namespace) -> int:
    """Compare and report: 0 compared, 2 no verdict."""
    repository = Path.cwd()
    if not (repository / "dvc.yaml").is_file():
        raise PerennialError(
            "there is no dvc.yaml here", where=str(repository), hint="go to the repository's root"
        )
    if arguments.png and not arguments.plots:
        raise PerennialError("--png is the format of --plots", hint="name a folder: --plots FOLDER")
    if arguments.html and not can_draw():
        print(f"perennial compare: the page will have no plots ({HINT})", file=sys.stderr)
    if arguments.plots:
        # Now, and not after minutes.
        refuse_without_drawing()
    with tempfile.TemporaryDirectory(prefix="perennial-compare-") as folder:
        report = compare(
            repository,
            arguments.base or default_base(repository),
            arguments.head,
            Path(folder),
            rebuild=not arguments.no_rebuild,
        )
        write_report(report, arguments)
    return report.verdict.exit_code


def compare(
    repository: Path, base: str, head: str | None, ground: Path, *, rebuild: bool = True
) -> Report:
    """Compare two revisions of a repository; a head of None is the working tree.

    `ground` is an empty folder for copies of the revisions' files; `rebuild` says whether to
    rebuild a revision that is in neither the cache nor a remote.
    """
    with Progress("compare", 5) as progress:
        progress.begin("reading both revisions")

        # A model that answers another question need not be rebuilt: git says so at once.
        is_of_use = rebuild and not asks_otherwise(repository, head, base)

        def read(name: str, into: Path) -> Revision:
            return revision_at(repository, name, into, rebuild=is_of_use, report=progress.begin)

        old = read(base, ground / "base")
        new = read(head, ground / "head") if head else working_tree(repository)
        confidence = read_params(new.path("params.yaml")).evaluate.confidence
        progress.end()
        progress.begin("comparing data and recipe")
        data, recipe = data_change(old, new), _recipe(old, new)
        progress.end()
        try:
            verdict, models = _weighed(old, new, confidence, repository, progress)
        except (Absent, Incomparable, SampleError) as refusal:
            verdict, models = Verdict("cannot tell", str(refusal).replace("\n ", ";")), None
    return Report(old, new, verdict, confidence, data, recipe, models)


def _recipe(base: Revision, head: Revision) -> RecipeChange | None:
    try:
        return recipe_change(base, head)
    except PerennialError:
        return None


def _weighed(
    base: Revision, head: Revision, confidence: float, repository: Path, progress: Progress
) -> tuple[Verdict, Models]:
    refuse_other_question(
        *(read_contract(side.path("data/contract.yaml")) for side in (head, base))
    )
    if head.stale:
        raise Incomparable(
            f"the outputs in {head} are not those of its code, parameters and data",
            where=", ".join(head.stale),
            hint="dvc repro",
        )
    params = compare_params(head.path("params.yaml"))
    progress.begin("asking both models the same rows")
    answers = ask_both(head, base)
    progress.end()
    progress.begin("weighing the difference")
    evidence = gather(answers, params)
    progress.end()
    progress.begin(f"refitting with {params.refits} other seeds (kept for next time)")
    same = answers.same_bundle
    spread = (
        Spread([], 0.0, "there is only one model")
        if same
        else seed_spread(head, answers, evidence.primary, params, repository)
    )
    progress.end()
    verdict = judge(evidence, spread, params, confidence=confidence, same_bundle=same)
    return verdict, Models(answers, evidence, spread)


def write_report(report: Report, arguments: argparse.Namespace) -> None:
    """Print a report, or write it, and draw its plots where they are wanted."""
    if arguments.plots:
        write(charts(report), arguments.plots, "png" if arguments.png else "svg")
    if arguments.json:
        print(json.dumps(to_json(report), indent=2, ensure_ascii=False, allow_nan=False))
        return
    if arguments.html:
        pictures = [to_svg(chart) for chart in charts(report)] if can_draw() else []
        page = to_html(to_document(report, pictures))
        arguments.html.write_text(page, encoding="utf-8")
        return
    document = to_document(report, folder=arguments.plots)
    if arguments.md:
        print(to_markdown(document), end="")
    else:
        print_text(document)
