"""Links between the documents lead somewhere, and so do the pages that code and messages name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"

#: A link or an image in Markdown, and a page that code names.
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_NAMED = re.compile(r"\b(?:docs/[\w/.-]+|README|CONTRIBUTING|CHANGELOG)\.md(?:#[\w-]+)?")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def tracked(*patterns: str) -> list[str]:
    """Files of the tree under test, those that are not yet committed included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    listing = subprocess.run([*command, *patterns], cwd=ROOT, capture_output=True, check=True)
    names = set(listing.stdout.decode().split("\0"))
    return sorted(name for name in names if name and (ROOT / name).is_file())


PAGES = tracked("*.md")


def anchors(page: Path) -> set[str]:
    """What a link may name in a page: its headings, as GitHub writes them, and `<a id>`."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def broken(targets: list[str], folder: Path, page: Path | None = None) -> list[str]:
    """Those targets, relative to a folder, that are no file or no anchor of their file."""
    missing = []
    for target in targets:
        name, _, anchor = target.partition("#")
        path = folder / name if name or page is None else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            missing.append(target)
    return missing


@pytest.mark.parametrize("name", PAGES)
def test_a_link_leads_to_a_file_and_an_anchor(name: str) -> None:
    page = ROOT / name
    targets = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    local = [target for target in targets if not re.match(r"\w+:", target)]
    assert not broken(local, page.parent, page)


def test_a_page_that_code_names_is_there() -> None:
    missing = {}
    for name in tracked("src", "scripts", "benchmarks", "docs/*.py", "*.yml", "*.yaml", "Makefile"):
        text = (ROOT / name).read_text(encoding="utf-8")
        if faults := broken(_NAMED.findall(text), ROOT):
            missing[name] = faults
    assert not missing


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links]
    assert {ROOT / name for name in tracked("docs/*.md", "*.md") if "tests/" not in name} == reached


def test_decisions_are_numbered_without_a_gap() -> None:
    """Numbers are permanent, so code may link them; the order of the page is by room."""
    text = (ROOT / "docs/decisions.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^### D(\d+)\. ", text, re.MULTILINE)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    listed = re.findall(r"^  - \[D(\d+)\]\(#d\1\) (.+)$", text, re.MULTILINE)
    entries = re.findall(r'^<a id="d(\d+)"></a>\n\n### D\1\. (.+)$', text, re.MULTILINE)
    assert listed == entries
    assert len(entries) == len(numbers)


def test_a_file_or_module_that_a_page_names_is_there() -> None:
    pages = [ROOT / name for name in PAGES if name != "CHANGELOG.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    paths = re.findall(r"`((?:src|tests|scripts|docs|benchmarks|perennial)/[\w/.-]*\w/?)`", text)
    assert len(paths) > 10
    assert not [path for path in paths if not ((ROOT / path).exists() or (SOURCE / path).exists())]
    names = re.findall(r"\b(perennial(?:\.[a-z]\w*){2,})", text)
    assert len(names) > 2
    assert not [name for name in names if not is_defined(name)]


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module, a package, or a name that its module defines."""
    path = SOURCE.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module = path.parent.with_suffix(".py")
    defines = rf"^(?:def|class) {path.name}\b|^{path.name}\b.* = "
    return module.is_file() and bool(re.search(defines, module.read_text("utf-8"), re.M))
