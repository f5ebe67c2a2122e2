"""A report as headings, sentences and tables, for a terminal, Markdown or HTML."""

from __future__ import annotations

import html
import os
import shutil
import sys
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

#: Rows of a table that Markdown shows; GitHub refuses comments past 65,536 characters.
MARKDOWN_ROWS = 40

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{border-bottom:1px solid #ccc;padding:.25rem .75rem;text-align:left}"
    "td.figure{text-align:right;font-variant-numeric:tabular-nums}"
    ".pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures svg{max-width:100%;height:auto}"
)


@dataclass(frozen=True)
class Table:
    """Rows of text, a cell a column, under the columns' names."""

    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Section:
    """A heading with sentences and a table."""

    title: str
    lines: list[str] = field(default_factory=list)
    """Sentences above the table."""
    table: Table | None = None
    """Left out if it has no row."""
    is_folded: bool = False
    """Whether Markdown and HTML show the heading alone until it is clicked."""
    picture: str = ""
    """SVG elements for HTML; other forms leave them out."""


@dataclass(frozen=True)
class Document:
    """A title, a sentence that sums up, and sections."""

    title: str
    lead: str
    sections: list[Section]


def print_text(document: Document) -> None:
    """Print a document as wide as the terminal, in colour where a terminal permits it."""
    is_terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((100, 24)).columns
    print(to_text(document, width=width, colour=is_terminal), end="")


def to_text(document: Document, *, width: int, colour: bool) -> str:
    """Lines of a document for a terminal of some columns, with ANSI colours or without."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=StringIO(), width=width, force_terminal=colour, no_color=not colour, highlight=False
    )
    console.print(Text(document.title, style="bold"))
    console.print(Text(document.lead))
    for section in document.sections:
        console.print()
        console.print(Text(section.title, style="bold"))
        for line in section.lines:
            console.print(Text(line))
        if section.table and section.table.rows:
            console.print(_rich_table(section.table))
    file = console.file
    assert isinstance(file, StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _rich_table(table: Table) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for name, is_figure in zip(table.head, _figures(table), strict=True):
        drawn.add_column(name, justify="right" if is_figure else "left")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def to_markdown(document: Document) -> str:
    """A document as a comment on a pull request: long tables are cut, parts folded."""
    parts = [f"## {_escaped(document.title)}", document.lead]
    for section in document.sections:
        body = [_escaped(line) for line in section.lines]
        if section.table and section.table.rows:
            body.append(_markdown_table(section.table))
        inner = "\n\n".join(body)
        parts.append(
            f"<details><summary>{html.escape(section.title)}</summary>\n\n{inner}\n\n</details>"
            if section.is_folded
            else f"### {_escaped(section.title)}\n\n{inner}"
        )
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    marks = ["---:" if is_figure else "---" for is_figure in _figures(table)]
    shown = [table.head, marks, *table.rows[:MARKDOWN_ROWS]]
    lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in shown]
    left = len(table.rows) - MARKDOWN_ROWS
    return "\n".join(lines) + (f"\n\n… and {left} more." if left > 0 else "")


def _escaped(text: str) -> str:
    # Names of columns and branches may hold markup and mentions.
    for sign in "\\`*_<>[]|#":
        text = text.replace(sign, "\\" + sign)
    return text.replace("@", "@\u200b").replace("\n", " ")


def to_html(document: Document) -> str:
    """A document as one page that loads nothing from elsewhere."""
    parts = [f"<h1>{html.escape(document.title)}</h1>", f"<p>{html.escape(document.lead)}</p>"]
    for section in document.sections:
        body = [f"<p>{html.escape(line)}</p>" for line in section.lines]
        if section.table and section.table.rows:
            body.append(_html_table(section.table))
        body += [f'<div class="pictures">{section.picture}</div>'] if section.picture else []
        title = html.escape(section.title)
        head = f"<summary>{title}</summary>" if section.is_folded else f"<h2>{title}</h2>"
        tag = "details" if section.is_folded else "section"
        parts.append(f"<{tag}>{head}{''.join(body)}</{tag}>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(document.title)}</title><style>{_STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _html_table(table: Table) -> str:
    figures = _figures(table)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.head)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=figure' if is_figure else ''}>{html.escape(cell)}</td>"
            for cell, is_figure in zip(row, figures, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _figures(table: Table) -> list[bool]:
    """Which columns hold figures alone, and so are aligned to the right."""
    return [
        bool(table.rows) and all(cell.strip("+-< %.,0123456789") == "" for cell in column)
        for column in zip(*table.rows, strict=True)
    ] or [False] * len(table.head)
