"""The same rows are the same table, whatever order they came in."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.data import parquet
from perennial.sources.reading.order import canonical

if TYPE_CHECKING:
    from tables.conftest import Sales

HEADER = "id,at,shop,price,count,sold\n"
GOOD = "a,2024-01-02T03:04,north,1.5,2,true\n"


class TestCanonical:
    ROWS = st.lists(
        st.tuples(
            st.sampled_from(["2024-01-01", "2024-01-02"]),
            st.sampled_from(["a", "b", ""]),
            st.sampled_from(["0.0", "-0.0", "1", ""]),
            st.sampled_from(["yes", "no", ""]),
        ),
        min_size=1,
        max_size=8,
    )

    @settings(deadline=None)
    @given(ROWS, st.randoms(use_true_random=False))
    def test_the_same_rows_are_the_same_bytes(
        self, sales: Sales, rows: list[tuple[str, ...]], shuffle: random.Random
    ) -> None:
        shuffled = shuffle.sample(rows, len(rows))
        one, two = (
            canonical(
                sales.read(HEADER + "".join(f"{i},{at},n,{p},1,{s}\n" for at, i, p, s in order)),
                sales.contract,
            )
            for order in (rows, shuffled)
        )
        assert sales.parquet(one) == sales.parquet(two)

    def test_negative_zero_is_zero(self, sales: Sales) -> None:
        table = sales.read(HEADER + GOOD.replace("1.5", "-0.0"))
        assert str(table["price"][0].as_py()) == "0.0"

    def test_rows_go_by_time_then_id(self, sales: Sales, tmp_path: Path) -> None:
        rows = "".join(
            f"{i},{at},n,1,1,1\n" for at, i in [("2024-02-01", "a"), ("2024-01-01", "b")]
        )
        table = canonical(sales.read(HEADER + rows + rows.replace("b,", "a,")), sales.contract)
        assert table["id"].to_pylist() == ["a", "b", "a", "a"]
        parquet.write(tmp_path / "t.parquet", table)
        assert parquet.read(tmp_path / "t.parquet").equals(table)
