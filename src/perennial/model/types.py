"""The contract's six types: what each is in words, in numpy, in Arrow and in pandas.

========  =======================  ==============  =============
Type      Values                   numpy           Arrow
========  =======================  ==============  =============
category  texts, few of them       object (str)    string
text      texts                    object (str)    string
number    numbers; NaN is missing  float64         double
integer   whole numbers            float64         int64
boolean   true and false           float64         bool
datetime  moments without a zone   datetime64[us]  timestamp[us]
========  =======================  ==============  =============

A pandas column is `pandas.ArrowDtype` of the Arrow type. In numpy a missing value is None, NaN or
NaT, and a whole number is exact to 2^53, past that the nearest one of float64; in Arrow and in
pandas a missing value is null, and a whole number is exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Whole numbers are exact as floats up to here.
EXACT = 2**53

_TEXTS = frozenset({"string", "large_string", "string_view"})
_NUMBERS = frozenset(
    {*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float", "double"}
)
_MOMENTS = frozenset(f"timestamp[{unit}]" for unit in ("s", "ms", "us", "ns"))


@dataclass(frozen=True)
class ContractType:
    """One type of the contract: what a value is in words, and its type in numpy and in Arrow."""

    meaning: str
    numpy: str
    arrow: str
    #: Arrow types, zones apart, of which a whole column is taken at once.
    taken_from: frozenset[str]
    #: Whether values have a size, so that they can be cut into ranges.
    is_quantity: bool = False


TYPES: dict[str, ContractType] = {
    "category": ContractType("a text", "object", "string", _TEXTS),
    "text": ContractType("a text", "object", "string", _TEXTS),
    "number": ContractType("a number", "float64", "double", _NUMBERS, is_quantity=True),
    "integer": ContractType("a whole number", "float64", "int64", _NUMBERS, is_quantity=True),
    "boolean": ContractType("true or false", "float64", "bool", frozenset({"bool"})),
    "datetime": ContractType(
        "a date and time of ISO 8601", "datetime64[us]", "timestamp[us]", _MOMENTS
    ),
}


def text_of(category: Any) -> str:
    """A category of the contract as tables hold it."""
    return str(category).lower() if isinstance(category, bool) else str(category)


def normal_form(text: str) -> str:
    """A category as the same value is written in every format: `true`, `1`.

    Examples
    --------
    >>> normal_form("TRUE"), normal_form("1.0"), normal_form("007"), normal_form("1.50")
    ('true', '1', '007', '1.50')
    """
    if text.lower() in {"true", "false"}:
        return text.lower()
    return text.partition(".")[0] if re.fullmatch(_WHOLE, text) else text


_WHOLE = r"(?:0|-?[1-9][0-9]*)\.0+"


class Spelling:
    """How one column's categories are spelled: as the contract lists them, or in the normal form.

    A spelling is its own: what is spelled already stays as it is.
    """

    def __init__(self, labels: Sequence[str] = ()) -> None:
        # The first of two that are written alike, and a text's own spelling before any other.
        self._labels = {normal_form(label.strip()): label for label in reversed(labels)}
        self._labels |= {label: label for label in labels}

    def __contains__(self, text: object) -> bool:
        return text in self._labels

    def __call__(self, text: str) -> str:
        """The spelling of a category; the text has no spaces around it."""
        normal = normal_form(text)
        return self._labels.get(text) or self._labels.get(normal) or normal
