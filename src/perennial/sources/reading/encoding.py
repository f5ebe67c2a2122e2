"""Bytes as text."""

from __future__ import annotations

from perennial.runtime.errors import PerennialError


def decoded(content: bytes, name: str, encoding: str, hint: str) -> str:
    """Decode a file's content.

    Parameters
    ----------
    content : bytes
        All of it.
    name : str
        The file's name, for messages.
    encoding : str
        What it is written in.
    hint : str
        What to do if it is not.

    Returns
    -------
    str
        The text, without a byte order mark.

    Raises
    ------
    PerennialError
        If a byte does not fit, or there is no such encoding.
    """
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
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
