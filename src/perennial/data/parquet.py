"""Parquet written the same way every time, and read with a message when it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.model.types import TYPES
from perennial.runtime.errors import PerennialError

if TYPE_CHECKING:
    import pandas as pd

#: Arrow type of each type of the contract.
ARROW: dict[str, pa.DataType] = {
    name: pa.type_for_alias(kind.arrow) for name, kind in TYPES.items()
}

#: Rows in a row group. Fixed, because it shapes the bytes.
ROW_GROUP = 131_072


def write(path: Path, rows: pa.Table | pd.DataFrame) -> None:
    """Write rows with fixed options: the same rows in the same order give the same bytes."""
    # A frame's index is no column; its Arrow-backed columns are taken as they are.
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(
        table.replace_schema_metadata(None).combine_chunks(),
        path,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        row_group_size=ROW_GROUP,
        store_schema=True,
    )


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns; a `PerennialError` where the file is not whole."""
    try:
        # pq.read_table would import pyarrow.dataset, and that pandas: two seconds.
        with pq.ParquetFile(path) as file:
            table = file.read(columns=columns)
        return table if columns is None else table.select(columns)
    except KeyError as error:
        raise PerennialError(f"no such column: {error}", where=str(path)) from None
    except FileNotFoundError:
        raise PerennialError(
            "the file is missing", where=str(path), hint="dvc repro, or dvc checkout"
        ) from None
    except PermissionError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PerennialError(
            f"not a whole Parquet file: {reason}", where=str(path), hint="fetch the file again"
        ) from None


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table as a frame of Arrow-backed columns: integers stay exact, missing stays null."""
    import pandas as pd  # takes half a second, and not every reader of Parquet wants a frame

    return read(path, columns).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
