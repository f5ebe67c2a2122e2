"""Each source that params.yaml may name is a module that the stage can call, and DVC knows of."""

from __future__ import annotations

import importlib
import inspect
import shutil
from pathlib import Path
from typing import get_args

import pytest

from perennial.params import yamlfile
from perennial.params.collect import Source
from perennial.review.verify.closure import differences

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", get_args(Source))
def test_a_source_is_a_module_that_reads_rows(name: str) -> None:
    read = importlib.import_module(f"perennial.sources.{name}").read
    inspect.signature(read).bind("the contract", "the parameters")


def test_what_a_source_imports_lies_inside_the_deps_of_collect(tmp_path: Path) -> None:
    # The stage imports its source by name, which the check of deps cannot see.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    with (tmp_path / "src/perennial/stages/collect.py").open("a") as stage:
        stage.writelines(f"import perennial.sources.{name}\n" for name in get_args(Source))
    pipeline = yamlfile.load(ROOT / "dvc.yaml")
    assert differences(pipeline, tmp_path / "src") == []
