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
NaT, and a whole number is exact to 2^53; in Arrow and in pandas a missing value is null, and a
whole number is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

_TEXTS = frozenset({"string", "large_string"})
_WHOLE = frozenset({"int8", "int16", "int32", "int64"})
_MOMENTS = frozenset(f"timestamp[{unit}]" for unit in ("s", "ms", "us", "ns"))


@dataclass(frozen=True)
class ContractType:
    """One type of the contract: what a value is in words, and its type in numpy and in Arrow."""

    meaning: str
    numpy: str
    arrow: str
    #: Arrow types whose every value is one of this type.
    taken_from: frozenset[str]
    #: Whether values have a size, so that they can be cut into ranges.
    is_quantity: bool = False


TYPES: dict[str, ContractType] = {
    "category": ContractType("a text", "object", "string", _TEXTS),
    "text": ContractType("a text", "object", "string", _TEXTS),
    "number": ContractType(
        "a number", "float64", "double", _WHOLE | {"double", "float"}, is_quantity=True
    ),
    "integer": ContractType("a whole number", "float64", "int64", _WHOLE, is_quantity=True),
    "boolean": ContractType("true or false", "float64", "bool", frozenset({"bool"})),
    "datetime": ContractType(
        "a date and time of ISO 8601", "datetime64[us]", "timestamp[us]", _MOMENTS
    ),
}
