"""Arrow without pandas."""

from __future__ import annotations

import pyarrow as pa

from perennial.optional import pandas_hidden


def without_pandas() -> None:
    """Keep pyarrow from importing pandas in this process, unless somebody has done so already.

    The first array that pyarrow makes imports pandas where it is installed, only to ask whether
    what it was given is a series; that costs over a second and much memory. It looks once and
    remembers. Afterwards ``to_pandas`` no longer works, so only a process that needs no pandas
    calls this, at its start.
    """
    with pandas_hidden():
        pa.scalar(0)
