"""The names of a table's columns, against the contract's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from perennial.data.contract import CONTRACT, Contract
from perennial.runtime.errors import PerennialError, listed
from perennial.sources.reading.origin import clipped


def check_names(names: Sequence[str], contract: Contract, where: str) -> None:
    """Refuse names that are not the contract's, in any order; each one that differs is listed."""
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise PerennialError(
            f"columns of the same name:{listed(_positions(names, name) for name in repeated)}",
            where=where,
            hint="give each column a name of its own",
        )
    differences = list(_differences(names, list(contract.columns)))
    if differences:
        raise PerennialError(
            f"its columns are not those of {CONTRACT}:{listed(differences)}",
            where=where,
            hint="rename the columns or correct the contract; a column that is not to be used is "
            "declared there with `role: ignored`",
        )


def _positions(names: Sequence[str], repeated: str) -> str:
    places = [str(place) for place, name in enumerate(names, start=1) if name == repeated]
    return f"{clipped(repeated)!r}: columns {', '.join(places[:-1])} and {places[-1]}"


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
