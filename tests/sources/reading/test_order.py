"""The same rows are the same table, whatever order they came in."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from perennial.data import parquet
from perennial.sources.reading.formats import parsed
from perennial.sources.reading.order import canonical

if TYPE_CHECKING:
    from tables.conftest import Sales

HEADER = "id,at,shop,price,count,sold\n"
GOOD = "a,2024-01-02T03:04,north,1.5,2,true\n"


def sorted_rows(sales: Sales, text: str) -> bytes:
    """The bytes of the rows of CSV in canonical order."""
    frame = canonical(parsed(text.encode(), "sales.csv", sales.contract), sales.contract)
    return sales.parquet(pa.Table.from_pandas(frame, preserve_index=False))


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

    @given(ROWS, st.randoms(use_true_random=False))
    def test_the_same_rows_are_the_same_bytes(
        self, sales: Sales, rows: list[tuple[str, ...]], shuffle: random.Random
    ) -> None:
        shuffled = shuffle.sample(rows, len(rows))
        one, two = (
            sorted_rows(sales, HEADER + "".join(f"{i},{at},n,{p},1,{s}\n" for at, i, p, s in order))
            for order in (rows, shuffled)
        )
        assert one == two

    def test_negative_zero_is_zero(self, sales: Sales) -> None:
        table = sales.read(HEADER + GOOD.replace("1.5", "-0.0"))
        assert str(table["price"][0].as_py()) == "0.0"

    def test_rows_go_by_time_then_id(self, sales: Sales, tmp_path: Path) -> None:
        rows = "".join(
            f"{i},{at},n,1,1,1\n" for at, i in [("2024-02-01", "a"), ("2024-01-01", "b")]
        )
        content = (HEADER + rows + rows.replace("b,", "a,")).encode()
        frame = canonical(parsed(content, "sales.csv", sales.contract), sales.contract)
        assert frame["id"].tolist() == ["a", "b", "a", "a"]
        assert frame.index.tolist() == [0, 1, 2, 3]
        parquet.write(tmp_path / "t.parquet", frame)
        assert parquet.read_frame(tmp_path / "t.parquet").equals(frame)
