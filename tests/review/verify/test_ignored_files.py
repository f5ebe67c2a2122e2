"""Stages depend on folders of source files: what tools leave there is no source file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

FOLDER = "src/perennial/learning"
#: Each with the program that leaves it beside `search.py`.
LEFT_BEHIND = {
    "__pycache__/search.cpython-311.pyc": "Python",
    "search.pyc": "an old Python",
    ".ipynb_checkpoints/search.py": "Jupyter",
    ".mypy_cache/3.11/search.data.json": "mypy",
    ".ruff_cache/0.14.0/search": "ruff",
    "search.py~": "Emacs, nano and gedit",
    "#search.py#": "Emacs",
    ".search.py.swp": "Vim",
    ".search.py.swo": "Vim",
    "search.py.bak": "many editors",
    "search.py.orig": "git mergetool",
    "search.py.rej": "patch",
    ".DS_Store": "macOS",
    "Thumbs.db": "Windows",
    ".idea/workspace.xml": "PyCharm",
    ".vscode/settings.json": "VS Code",
    ".search.py.17.new.partial": "this project's own stages",
}


def changes(project: Project) -> str:
    return str(project.dvc("status").stdout)


def test_what_tools_leave_beside_source_files_does_not_change_a_stages_hash(
    project: Project,
) -> None:
    for name in LEFT_BEHIND:
        project.write(f"{FOLDER}/{name}", "left behind\n")
    # Emacs locks a file by a link to nowhere.
    (project.root / FOLDER / ".#search.py").symlink_to("someone@host.4711:1700000000")
    assert "up to date" in changes(project)
    project.run("python", "-m", "py_compile", f"{FOLDER}/search.py", check=True)
    assert list((project.root / FOLDER / "__pycache__").glob("search.*.pyc"))
    assert "up to date" in changes(project)


def test_any_other_new_file_makes_its_stage_stale(project: Project) -> None:
    for name in ("new.py", "deeper/new.py", "table.csv", ".hidden.py"):
        path = project.write(f"{FOLDER}/{name}", "NEW = 1\n")
        status = changes(project)
        assert status.startswith("train:"), name
        assert FOLDER in status
        path.unlink()
