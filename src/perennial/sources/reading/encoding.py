"""Bytes as text."""

from __future__ import annotations

from perennial.runtime.errors import PerennialError


def decoded(content: bytes, name: str, encoding: str, hint: str) -> str:
    """Decode a file's content, less its byte order mark; `hint` is for bytes that do not fit."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            hint = (
                "it begins as UTF-16 does: set collect.csv.encoding to utf-16, or save it as UTF-8"
            )
        line = content[: error.start].decode(encoding, errors="replace").count("\n") + 1
        raise PerennialError(
            f"byte {error.start} (0x{content[error.start]:02x}) is not {encoding}",
            where=f"{name}, line {line}",
            hint=hint,
        ) from None
    except LookupError:
        raise PerennialError(
            f"collect.csv.encoding: no encoding is called {encoding!r}",
            where="params.yaml",
            hint="use a name that Python knows, such as utf-8, cp1252 or latin-1",
        ) from None
    return text.removeprefix("\ufeff")
