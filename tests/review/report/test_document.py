"""A document says the same in every form, and strangers' text makes no markup in any."""

from __future__ import annotations

import re

from perennial.review.report.document import (
    MARKDOWN_ROWS,
    Document,
    Section,
    Table,
    to_html,
    to_markdown,
    to_text,
)

HOSTILE = "<script>alert(1)</script> | **bold** @somebody #1 [x](http://example.org) `code`"
DOCUMENT = Document(
    "Worse: head",
    "roc_auc -0.0100.",
    [
        Section("Metrics", ["On the same rows."], Table(["Metric", "Base"], [["roc_auc", "0.71"]])),
        Section("Folded", [HOSTILE], Table([HOSTILE], [[HOSTILE]]), is_folded=True),
        Section("Empty", [], Table(["A", "B"], [])),
    ],
)


def test_every_form_has_title_lead_and_figures_in_order() -> None:
    for text in (
        to_text(DOCUMENT, width=100, colour=False),
        to_markdown(DOCUMENT).replace("\\", ""),
        to_html(DOCUMENT),
    ):
        places = [text.index(part) for part in ("Worse: head", "-0.0100", "On the same", "0.71")]
        assert places == sorted(places)


def test_colours_are_for_terminals() -> None:
    assert "\x1b[" not in to_text(DOCUMENT, width=100, colour=False)
    assert "\x1b[1m" in to_text(DOCUMENT, width=100, colour=True)


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(map(len, to_text(DOCUMENT, width=60, colour=False).splitlines())) <= 60


def test_strangers_text_makes_no_markup() -> None:
    markdown = to_markdown(DOCUMENT)
    assert not re.search(r"(?<!\\)<script|(?<!\\)\*\*bold|@somebody|(?<!\\)\[x\]", markdown)
    # A pipe would open another column.
    assert all(line.count("|") - line.count("\\|") in {0, 2, 3} for line in markdown.splitlines())
    assert "<script>" not in to_html(DOCUMENT)


def test_a_long_table_is_cut_where_a_comment_would_be_refused() -> None:
    rows = [["x" * 100, str(number)] for number in range(5_000)]
    markdown = to_markdown(Document("t", "l", [Section("s", table=Table(["a", "b"], rows))]))
    assert len(markdown.encode()) < 60_000
    assert f"… and {5_000 - MARKDOWN_ROWS} more." in markdown
    assert "4999" in to_html(Document("t", "l", [Section("s", table=Table(["a", "b"], rows))]))


def test_figures_are_aligned_right_and_words_left() -> None:
    assert "| --- | ---: |" in to_markdown(DOCUMENT)
