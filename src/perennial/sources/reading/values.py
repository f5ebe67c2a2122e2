"""Single values as the contract's types: what is plain to a person, and nothing that is a guess.

`conversion` converts whole columns at once where every value is plainly written; where one is not,
each distinct value comes here, by way of `single`.

Why so: docs/decisions.md#d84
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perennial.data.contract import CONTRACT, Type
from perennial.model.types import TYPES
from perennial.sources.reading.conversion import EXACT
from perennial.sources.reading.writing import NUMERIC_DATE, Writing

# Texts and not patterns: what the flights need is imported without them being compiled.
_ISO = (
    r"\d{4}(?:-\d\d-\d\d|\d{4}|-?W\d\d(?:-?[1-7])?)"
    r"(?:[T ](?:[01]\d|2[0-3])(?::?[0-5]\d(?::?[0-5]\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
)
#: Stands for a unit, which may be before a number or behind it, inside brackets or outside.
_UNIT = "\x00"
_MARKED = r"[(+\-\u2212]?\s*\d+(?:[.,'\u2019\s_]\d+)+\)?"
_NOT = r"\d\s.,'\u2019+\-\u2212()<>=~≤≥≈±"
#: A number with a unit: before it, a sign such as $ or a word of its own, or behind it.
_WITH_UNIT = (
    rf"[+\-\u2212]?(?:([^\w{_NOT}]|[^{_NOT}]{{2,4}}(?=\s))\s*[\d.,]+|"
    rf"[\d.,]+\s*([^{_NOT}][^\d<>]{{0,11}}))"
)


class Refused(ValueError):
    """A value that is not what its column should be; its text continues "… is not"."""


def number(text: str, how: Writing) -> float:
    """A number, as its column writes them."""
    plain = _plain(text, how, TYPES["number"].meaning)
    if how.may_be_german and not how.is_stated and _is_grouped(plain):
        raise Refused(_unknown_marks(TYPES["number"].meaning))
    whole, _, part = plain.partition(".")
    is_whole = not part.strip("0") and whole.lstrip("-").isdigit()
    return _exact(float(plain), int(whole) if is_whole else 0)


def integer(text: str, how: Writing) -> int:
    """A whole number; 12.0 is one."""
    plain = _plain(text, how, TYPES["integer"].meaning)
    whole, _, part = plain.partition(".")
    if not how.is_stated and _is_grouped(plain):
        raise Refused(_unknown_marks(TYPES["integer"].meaning))
    if part.strip("0") or "e" in plain.lower():
        raise Refused(TYPES["integer"].meaning)
    return _in_64_bits(int(whole or "0"))


def boolean(text: str, how: Writing) -> bool:
    """True or false, in any case."""
    word = text.lower()
    if word not in how.true | how.false:
        raise Refused(TYPES["boolean"].meaning)
    return word in how.true


def category(text: str, how: Writing) -> str:
    """A category: in the contract's spelling, or in its normal form."""
    return how.spelling(text)


def moment(text: str, how: Writing) -> datetime:
    """A date and time, in UTC where it has an offset."""
    meaning = TYPES["datetime"].meaning
    try:
        if how.date_format not in (None, "iso"):
            meaning = f"a date written {how.date_format}"
            return _in_utc(datetime.strptime(text, str(how.date_format)))  # noqa: DTZ007
        if re.fullmatch(_ISO, text, re.ASCII):
            return _in_utc(datetime.fromisoformat(text))
        match = re.fullmatch(NUMERIC_DATE, text, re.ASCII)
        if match and how.date_format is None:
            return _from_parts(match, how)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, Refused) else Refused(meaning) from None
    raise Refused(meaning)


#: What a text means, by the type of its column.
FROM_TEXT: dict[Type, Callable[[str, Writing], Any]] = {
    "category": category,
    "text": lambda text, _: text,
    "number": number,
    "integer": integer,
    "boolean": boolean,
    "datetime": moment,
}


def from_value(value: Any, kind: Type, how: Writing) -> Any:
    """What a value of JSON, Arrow or a database means; a text is no number."""
    if isinstance(value, float | Decimal) and math.isnan(value):
        return None
    if isinstance(value, str):
        text = value.strip()
        if kind not in {"category", "text", "datetime"}:
            raise Refused(TYPES[kind].meaning)
        if not _is_unicode(text):
            raise Refused("a text of whole characters: it has half of a surrogate pair")
        return FROM_TEXT[kind](text, how) if text else None
    return _FROM_VALUE[kind](value, how)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _text_of(value: Any, how: Writing) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= EXACT
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int) or whole or type(value).__name__ == "UUID":
        text = str(int(value) if whole else value)
    elif isinstance(value, float | Decimal) and str(value) in how.spelling:
        text = str(value)
    else:
        raise Refused(TYPES["text"].meaning)
    return text


def _number_of(value: Any, _: Writing) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Refused(TYPES["number"].meaning)
    return _exact(float(value), value if isinstance(value, int) else 0)


def _integer_of(value: Any, _: Writing) -> int:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value != int(value):
        raise Refused(TYPES["integer"].meaning)
    return _in_64_bits(int(value))


def _boolean_of(value: Any, _: Writing) -> bool:
    if not isinstance(value, bool | int | float) or value not in {0, 1}:
        raise Refused(TYPES["boolean"].meaning)
    return bool(value)


def _moment_of(value: Any, _: Writing) -> datetime:
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise Refused(TYPES["datetime"].meaning)


_FROM_VALUE: dict[Type, Callable[[Any, Writing], Any]] = {
    "category": lambda value, how: category(_text_of(value, how), how),
    "text": _text_of,
    "number": _number_of,
    "integer": _integer_of,
    "boolean": _boolean_of,
    "datetime": _moment_of,
}


def _plain(text: str, how: Writing, meaning: str) -> str:
    """A number as Python writes it; (432) is -432, as accountants write."""
    has_unit = bool(how.unit) and how.unit in text
    marked = text.replace(how.unit, _UNIT, 1) if has_unit else text
    match = _number_pattern(how.decimal, how.thousands).fullmatch(marked)
    is_closed = match and bool(match["open"]) == bool(match["close"])
    if not match or not is_closed or _UNIT in text or not (match["whole"] or match["part"]):
        raise Refused(_question(text, how, meaning))
    signs = [sign for sign in (match["open"], match["sign"]) if sign]
    if len(signs) > 1:
        raise Refused(meaning)
    if how.has_unit and not has_unit:
        raise Refused(f"{meaning} in {how.unit}, as other rows have it")
    whole = re.sub(r"[^0-9]", "", match["whole"]) or "0"
    part = "" if match["part"] is None else f".{match['part']}"
    return f"{'-' if signs and signs != ['+'] else ''}{whole}{part}{match['power'] or ''}"


@lru_cache
def _number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    alike = {" ": "[ \u00a0\u202f\u2009]", "'": "['\u2019]"}
    mark = alike.get(thousands, re.escape(thousands))
    grouped = rf"|[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}" if thousands else ""
    return re.compile(
        rf"[{_UNIT}\s]*(?P<open>\()?[{_UNIT}\s]*(?P<sign>[+\-\u2212]?)[{_UNIT}\s]*"
        rf"(?P<whole>[0-9]*{grouped})(?:{re.escape(decimal)}(?P<part>[0-9]*))?"
        rf"(?P<power>[eE][+-]?[0-9]+)?[{_UNIT}\s]*(?P<close>\))?[{_UNIT}\s]*"
    )


def _question(text: str, how: Writing, meaning: str) -> str:
    if not how.is_stated and re.fullmatch(_MARKED, text, re.ASCII):
        return _unknown_marks(meaning)
    match = re.fullmatch(_WITH_UNIT, text)
    affix = (match[1] or match[2] or "").strip() if match else ""
    if affix.isprintable() and affix and not how.unit:
        # YAML takes a bare % or @ for something else.
        unit = json.dumps(affix, ensure_ascii=False)
        return (
            f"{meaning} by itself; if all rows are in {affix}, write `unit: {unit}` at the column "
            f"in {CONTRACT}"
        )
    return meaning


def _is_grouped(plain: str) -> bool:
    return bool(re.fullmatch(r"-?[1-9][0-9]{0,2}\.[0-9]{3}", plain))


def _unknown_marks(meaning: str) -> str:
    return (
        f"{meaning} whose marks are known: set collect.csv.decimal to the decimal mark, and "
        "thousands to the one between thousands"
    )


def _exact(value: float, whole: int) -> float:
    if abs(whole) > EXACT:
        raise Refused(
            f"a number that is exact (past 2^53 digits would be lost): make the column an integer "
            f"or a text in {CONTRACT}"
        )
    if not math.isfinite(value):
        raise Refused(TYPES["number"].meaning)
    # -0.0 equals 0.0 and sorts with it, but has other bytes.
    return value + 0.0


def _in_64_bits(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Refused(f"a whole number of 64 bits: make the column a text in {CONTRACT}")
    return value


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is None else value.astimezone(UTC)


def _from_parts(match: re.Match[str], how: Writing) -> datetime:
    if len(how.orders) != 1:
        reason = (
            "some of the file's dates have the day first and others the month"
            if how.orders
            else "none of the file's dates shows whether the day or the month comes first"
        )
        raise Refused(
            f"{TYPES['datetime'].meaning}, and {reason}: set collect.csv.date_format, such as "
            '"%d/%m/%Y" or "%m/%d/%Y"'
        )
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    day, month = (first, second) if "day" in how.orders else (second, first)
    hour, minute, second = (int(part or 0) for part in (match[5], match[6], match[7]))
    clock = time(hour, minute, second, int((match[8] or "0").ljust(6, "0")))
    return datetime.combine(date(year, month, day), clock)
