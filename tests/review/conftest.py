"""Projects of two small stages, each run by a line of Python of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project


@pytest.fixture(scope="session")
def small_project(
    empty_project: type[Project], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mapping[str, str], str], Project]:
    """Make a project of files, of which DVC tracks one; run it, and commit all."""

    def make(files: Mapping[str, str], tracked: str) -> Project:
        project = empty_project(tmp_path_factory.mktemp("small") / "project")
        project.root.mkdir()
        project.git("init", "--quiet", "--initial-branch", "main")
        project.dvc("init", "--quiet")
        for name, text in files.items():
            project.write(name, text)
        project.dvc("add", "--quiet", tracked)
        project.dvc("repro", "--quiet")
        project.commit()
        return project

    return make
