"""Wrong values, as a message lists them: by column and reason, over all files at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perennial.runtime.errors import PerennialError, listed

#: Values of a column that a message shows.
SHOWN = 20


@dataclass(frozen=True)
class WrongValue:
    """A distinct value that is refused."""

    shown: str
    place: str
    """Where it first stands."""
    count: int


@dataclass(frozen=True)
class Fault:
    """What is wrong in one column, for one reason."""

    column: str
    expected: str
    values: Sequence[WrongValue]

    def __str__(self) -> str:
        first, count = self.values[0], sum(value.count for value in self.values)
        head = f"{first.place}, column {self.column}: {first.shown} is not {self.expected}"
        if count == 1:
            return head
        if len(self.values) == 1:
            return f"{head} ({count:,} rows)"
        every = [_counted(value) for value in self.values[:SHOWN]]
        rest = len(self.values) - SHOWN
        more = [f"{rest:,} more values"] if rest > 0 else []
        return f"{head} ({count:,} rows: {', '.join(every + more)})"


def _counted(value: WrongValue) -> str:
    rows = f" and {value.count - 1:,} more" if value.count > 1 else ""
    return f"{value.shown} in {value.place}{rows}"


class WrongValues(PerennialError):
    """Values that are not of their columns' types."""

    def __init__(self, faults: Sequence[Fault], *, where: str, hint: str | None) -> None:
        super().__init__(f"wrong values:{listed(map(str, faults))}", where=where, hint=hint)
        self.faults = faults


def joined(errors: Sequence[PerennialError]) -> PerennialError:
    """One error for those of several files: wrong values together, the others each by itself."""
    distinct = list({str(error): error for error in errors}.values())
    if len(distinct) == 1:
        return distinct[0]
    faults = [
        Fault(fault.column, fault.expected, [_placed(value, error) for value in fault.values])
        for error in distinct
        if isinstance(error, WrongValues)
        for fault in error.faults
    ]
    others = [error for error in distinct if not isinstance(error, WrongValues)]
    lines = [f"{error.where}: {error.what}" for error in others]
    lines += [str(fault) for fault in _merged(faults)]
    hints = dict.fromkeys(error.hint for error in distinct if error.hint)
    return PerennialError(
        f"{len(errors)} files cannot be read:{listed(lines)}", hint="; ".join(hints)
    )


def _placed(value: WrongValue, error: PerennialError) -> WrongValue:
    return WrongValue(value.shown, f"{error.where}, {value.place}", value.count)


def _merged(faults: Iterable[Fault]) -> list[Fault]:
    together: dict[tuple[str, str], dict[str, WrongValue]] = {}
    for fault in faults:
        values = together.setdefault((fault.column, fault.expected), {})
        for value in fault.values:
            known = values.get(value.shown, WrongValue(value.shown, value.place, 0))
            count = known.count + value.count
            values[value.shown] = WrongValue(value.shown, known.place, count)
    return [Fault(*key, list(values.values())) for key, values in together.items()]
