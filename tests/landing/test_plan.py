"""A plan lands what is new, and reports what has changed, in rows alone."""

from __future__ import annotations

import datetime

import pandas as pd
import pytest

from perennial.data.contract import Contract
from perennial.data.row_changes import RowChange
from perennial.landing.plan import Plan, plan_named, plan_periods

NOW = datetime.datetime(2024, 3, 15, tzinfo=datetime.UTC)


def contract(role: str = "id") -> Contract:
    columns = {
        "key": {"type": "text", "role": role},
        "x": {"type": "integer"},
        "y": {"type": "integer", "role": "target"},
    }
    return Contract.model_validate({"version": 1, "name": "t", "columns": columns})


def rows(keys: str, x: int = 1) -> pd.DataFrame:
    frame = pd.DataFrame({"key": list(keys), "x": x, "y": 0})
    return frame.convert_dtypes(dtype_backend="pyarrow")


class TestPeriods:
    def test_each_period_is_new_the_same_changed_or_open(self) -> None:
        incoming = {
            "2024-01": rows("ba"),
            "2024-02": rows("abc"),
            "2024-03": rows("a"),
            "2023-12": rows("z"),
        }
        landed = {"2024-01": rows("ab"), "2024-02": rows("ab", x=2), "2022-01": rows("q")}
        plan = plan_periods(incoming, landed, contract(), now=NOW)
        assert list(plan.new) == ["2023-12"]
        assert plan.new["2023-12"].equals(rows("z"))
        assert plan.same == ["2024-01"]
        assert plan.changed == {"2024-02": RowChange(added=1, removed=0, changed=2)}
        assert plan.open == ["2024-03"]

    def test_without_a_moment_no_period_is_open(self) -> None:
        plan = plan_periods({"2024-03": rows("a")}, {}, contract(), now=None)
        assert (list(plan.new), plan.open) == (["2024-03"], [])


class TestNamed:
    @pytest.mark.parametrize("role", ["id", "ignored"])
    def test_rows_that_have_landed_do_not_land_again(self, role: str) -> None:
        plan = plan_named("more", rows("cab"), rows("ab"), contract(role))
        assert plan.new["more"].equals(rows("c"))
        assert (plan.same, plan.changed) == ([], {})
        assert plan_named("more", rows("a"), rows("ab"), contract(role)) == Plan(same=["all"])

    def test_a_known_id_with_other_values_is_reported_and_does_not_land(self) -> None:
        plan = plan_named("more", rows("ac", x=2), rows("ab"), contract())
        assert plan.new["more"].equals(rows("c", x=2))
        assert plan.changed == {"all": RowChange(added=0, removed=0, changed=1)}

    def test_without_an_id_a_row_with_other_values_is_another_row(self) -> None:
        plan = plan_named("more", rows("a", x=2), rows("ab"), contract("ignored"))
        assert plan.new["more"].equals(rows("a", x=2))
        assert plan.changed == {}

    def test_rows_land_in_canonical_order_into_an_empty_folder(self) -> None:
        plan = plan_named("first", rows("ba"), rows("").head(0), contract())
        assert plan.new["first"].equals(rows("ab"))
