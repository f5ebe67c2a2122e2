"""CSV: delimited values, all of them texts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.csv

from perennial.data.contract import Contract
from perennial.params.collect import Csv
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import Conformed, conform
from perennial.sources.reading.encoding import decoded
from perennial.sources.reading.names import check_names
from perennial.sources.reading.origin import Origin, clipped

_DELIMITERS = (",", ";", "\t", "|")
# A single value, such as a long text, must fit into a block.
_BLOCK = 1 << 24


def read(content: bytes, name: str, contract: Contract, dialect: Csv) -> Conformed:
    """Read a CSV file's content."""
    text = decoded(
        content,
        name,
        dialect.encoding,
        hint="set collect.csv.encoding to what it is written in, such as cp1252 or latin-1",
    )
    text = _without_escaped_nulls(text, dialect)
    header = _header(text, name, contract, dialect)
    table = _texts(text, header, name, dialect).rename_columns(header)

    @cache
    def lines() -> list[int]:
        return [line for line, _ in _records(text, dialect)]

    hint = (
        "correct the values, or say in collect.csv how they are written "
        "(docs/reference/params.md#csv); texts that mean a missing value go into "
        "collect.csv.nulls"
    )
    origin = Origin(name, lambda row: f"line {lines()[row + 1]}", hint)
    return conform(table, contract, origin, dialect, is_text=True)


def read_compressed(content: bytes, name: str, contract: Contract, dialect: Csv) -> Conformed:
    """Read the content of a CSV file that gzip has compressed."""
    try:
        content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise PerennialError(
            f"not a whole gzip file: {error}", where=name, hint="fetch the file again"
        ) from None
    return read(content, name, contract, dialect)


def read_tabs(content: bytes, name: str, contract: Contract, dialect: Csv) -> Conformed:
    """Read the content of a file whose values are separated by tabs."""
    return read(content, name, contract, dialect.model_copy(update={"delimiter": "\t"}))


def _without_escaped_nulls(text: str, dialect: Csv) -> str:
    r"""Leave out a value of \N, by which databases write a missing one where \ is the escape."""
    if dialect.escape is None:
        return text
    mark = re.escape(dialect.delimiter)
    return re.sub(rf"(?<![^{mark}\n]){re.escape(dialect.escape)}N(?![^{mark}\r\n])", "", text)


def _header(text: str, name: str, contract: Contract, dialect: Csv) -> list[str]:
    _, header = next(_records(text[:_BLOCK], dialect), (0, []))
    if not header:
        raise PerennialError("the file is empty", where=name, hint="fetch it again, or remove it")
    other = [mark for mark in _DELIMITERS if mark in header[0] and mark != dialect.delimiter]
    if len(header) == 1 and other and header[0].strip() not in contract.columns:
        raise PerennialError(
            f"one column, {clipped(header[0])!r}: another delimiter than {dialect.delimiter!r}",
            where=f"{name}, line 1",
            hint=f"set collect.csv.delimiter to {json.dumps(other[0])}",
        )
    spelled = {key.strip(): key for key in contract.columns}
    names = [spelled.get(key.strip(), key.strip()) for key in header]
    check_names(names, contract, name)
    return names


def _texts(text: str, header: list[str], name: str, dialect: Csv) -> pa.Table:
    # The newline at the end shows a quote that never closes: it becomes part of the value.
    content = text.encode() + b"\n"
    if _needs_care(content, dialect):
        return _texts_with_care(text, header, name, dialect)
    _, raw = next(_records(text[:_BLOCK], dialect, skips=False))
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(raw, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        _refuse_malformed(text, header, name, dialect)
        raise PerennialError(f"not valid CSV: {error}", where=name) from None
    last = table.column(-1)[-1].as_py() if len(table) else None
    if last is not None and last.endswith("\n"):
        _refuse_malformed(text, header, name, dialect)
    return table


def _needs_care(content: bytes, dialect: Csv) -> bool:
    """Whether Arrow cannot read it, or would read it wrongly without a word.

    That is so where a quote has a letter on both sides, as in ``"no"rth``.
    """
    marks = dialect.delimiter + dialect.quote
    if dialect.escape is not None or not marks.isascii():
        return True
    codes = np.frombuffer(content, np.uint8)
    places = np.flatnonzero(codes == ord(dialect.quote))
    ordinary = ~np.isin(np.arange(256), [ord(mark) for mark in f"{marks}\r\n"])
    # The first has the last newline before it.
    return bool((ordinary[codes[places - 1]] & ordinary[codes[places + 1 - len(codes)]]).any())


def _texts_with_care(text: str, header: list[str], name: str, dialect: Csv) -> pa.Table:
    _refuse_malformed(text, header, name, dialect)
    records = [record for _, record in _records(text, dialect)][1:]
    columns = zip(*records, strict=True) if records else ([] for _ in header)
    return pa.Table.from_arrays([pa.array(texts, pa.string()) for texts in columns], header)


def _refuse_malformed(text: str, header: list[str], name: str, dialect: Csv) -> None:
    wrong, after = [], 1
    try:
        for line, record in _records(text, dialect, strict=True):
            if len(record) != len(header):
                wrong.append((line, len(record)))
            after = line
    except csv.Error as error:
        escaped = f"\\{dialect.quote}"
        is_escaped = escaped in text and dialect.escape is None
        more = f"; if it is written {escaped}, set collect.csv.escape to a backslash"
        raise PerennialError(
            f"a quote is not closed as it should be ({error})",
            where=f"{name}, after line {after}",
            hint=f"close it; a quote inside a quoted value is written twice: {dialect.quote * 2}"
            f"{more if is_escaped else ''}",
        ) from None
    if wrong:
        more = f" (and {len(wrong) - 1} more such lines)" if len(wrong) > 1 else ""
        raise PerennialError(
            f"{wrong[0][1]} values where the header has {len(header)}{more}",
            where=f"{name}, line {wrong[0][0]}",
            hint="give each line a value for each column; quote a value that holds the delimiter",
        )


def _records(
    text: str, dialect: Csv, *, strict: bool = False, skips: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Read records slowly, each with the number of the line that it begins on.

    Spaces before a value are skipped, or a quote after them would be part of it.
    """
    csv.field_size_limit(1 << 30)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        skipinitialspace=skips and dialect.delimiter != " ",
        strict=strict,
    )
    line = 1
    for record in reader:
        if record:
            yield line, record
        line = reader.line_num + 1
