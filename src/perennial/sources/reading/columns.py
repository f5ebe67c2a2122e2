"""A table's columns by name, against the contract's."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

from perennial.data.contract import CONTRACT, Contract
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading.origin import clipped


def check_columns(names: Sequence[str], contract: Contract, where: str) -> None:
    """Refuse columns that are not the contract's, in any order.

    Parameters
    ----------
    names : sequence of str
        The columns' names.
    contract : Contract
        The columns wanted.
    where : str
        What has the columns, for messages.

    Raises
    ------
    PerennialError
        If one is there twice, missing or not in the contract; every one that is, is named.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PerennialError(
            f"columns that stand there twice: {', '.join(map(repr, twice))}",
            where=where,
            hint="give each column a name of its own",
        )
    found = list(_differences(names, list(contract.columns)))
    if found:
        raise PerennialError(
            f"its columns are not those of {CONTRACT}:{listed(found)}",
            where=where,
            hint="rename the columns or correct the contract; a column that is not to be used is "
            "declared there with `role: ignored`",
        )


def _differences(names: Sequence[str], wanted: Sequence[str]) -> Iterator[str]:
    extra = [name for name in names if name not in wanted]
    for name in wanted:
        if name in names:
            continue
        near = difflib.get_close_matches(name, extra, n=1)
        if near:
            extra.remove(near[0])
        yield f"{name}: missing" + (f"; is it the file's {near[0]!r}?" if near else "")
    for name in extra:
        yield f"{clipped(name)!r}: not in the contract"
