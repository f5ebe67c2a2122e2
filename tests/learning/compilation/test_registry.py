"""What can be chosen in params.yaml, what compiles, and what runs are the same engines."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

import pytest

from perennial.learning.compilation.registry import COMPILERS
from perennial.model.engines.registry import ENGINES
from perennial.params.train import Train

#: Runs the baseline, which nobody chooses.
BASELINE = "linear"


def test_every_engine_has_a_compiler() -> None:
    assert set(COMPILERS) == set(ENGINES) - {BASELINE}


def test_params_take_the_compilers_in_the_order_in_which_auto_tries_them() -> None:
    assert get_args(Train.model_fields["engine"].annotation) == ("auto", *COMPILERS)


@pytest.mark.parametrize("name", COMPILERS)
def test_each_module_has_the_three_functions(name: str) -> None:
    module = import_module(COMPILERS[name].module)
    assert all(callable(getattr(module, each)) for each in ("refuse", "compile_", "split_points"))
