"""The answer of a database to a query.

Its URL holds a password. So it comes from an environment variable, and is removed from every
message of a driver before it is shown.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote, unquote

import pandas as pd

from perennial.data.contract import Contract
from perennial.runtime.errors import PerennialError
from perennial.sources.reading.conform import from_values
from perennial.sources.reading.origin import Origin

#: Names under which people know PostgreSQL, for the driver that requirements/land.txt installs.
_POSTGRES = ("postgres", "postgresql")


def read(query: str, variable: str, contract: Contract) -> pd.DataFrame:
    """Read the answer to a query; `variable` is the environment variable of the database's URL."""
    where = f"the database of ${variable}"
    names, rows = _answer(query, _url(variable), where)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PerennialError(
            f"columns that the query names twice: {', '.join(repeated)}",
            where=where,
            hint="give each a name of its own, with AS",
        )
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    hint = "correct the query, with CAST for instance, or the column's type in the contract"
    origin = Origin(where, hint=hint)
    return from_values(dict(zip(names, columns, strict=True)), contract, origin).rows


def check_variable(variable: str) -> None:
    """Refuse what is no name of an environment variable, unrepeated: it may be the URL itself."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise PerennialError(
            "--url-env takes the name of an environment variable, not a URL: command lines are "
            "seen by others and kept in histories",
            hint="export DATABASE_URL=…, then --url-env DATABASE_URL",
        )


def scrubbed(message: str, url: str) -> str:
    """Replace a URL and the user, password and options in it by ``***`` in a driver's message.

    Examples
    --------
    >>> scrubbed("no entry for me with s3cret", "postgresql://me:s3cret@db/rows")
    'no entry for *** with ***'
    """
    _, _, rest = url.partition("://")
    location, _, options = rest.partition("?")
    user, _, password = location.rpartition("@")[0].partition(":")
    values = [option.partition("=")[2] for option in options.split("&")]
    secrets = {url, rest, user, password, *values}
    secrets |= {unquote(secret) for secret in secrets} | {quote(secret) for secret in secrets}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        message = message.replace(secret, "***")
    return message


def _url(variable: str) -> str:
    url = os.environ.get(variable, "")
    if not url:
        raise PerennialError(
            "the environment variable is not set",
            where=f"${variable}",
            hint=f"export {variable}=postgresql://user:password@host/name",
        )
    return url


def _answer(query: str, url: str, where: str) -> tuple[list[str], list[Any]]:
    engine = _engine(url, where)
    try:
        return _fetched(engine, query)
    # Each driver raises its own kinds: whatever it is, the rows could not be read.
    except Exception as error:  # noqa: BLE001
        reason = str(getattr(error, "orig", None) or error).strip()
        raise PerennialError(
            scrubbed(f"no answer: {reason}", url), where=where, hint="check the URL and the query"
        ) from None
    finally:
        engine.dispose()


def _engine(url: str, where: str) -> Any:
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise PerennialError(
            "SQLAlchemy is not installed", hint="pip install -r requirements/land.txt"
        ) from None
    try:
        return sqlalchemy.create_engine(_driven(sqlalchemy.make_url(url)))
    except ModuleNotFoundError as error:
        raise PerennialError(
            f"its driver is not installed: {error.name}",
            where=where,
            hint="pip install -r requirements/land.txt, or the driver that the URL names",
        ) from None
    # What cannot be parsed cannot be scrubbed either, so nothing of it is shown.
    except Exception:  # noqa: BLE001
        raise PerennialError(
            "no URL that SQLAlchemy understands",
            where=where,
            hint="write it like postgresql://user:password@host/name or sqlite:///file.db; a "
            "special character in a password is percent-encoded",
        ) from None


def _driven(url: Any) -> Any:
    return url.set(drivername="postgresql+psycopg") if url.drivername in _POSTGRES else url


def _fetched(engine: Any, query: str) -> tuple[list[str], list[Any]]:
    # Not pandas.read_sql, which infers types: a whole number beside a missing one becomes a float.
    # Without parameters a driver leaves % and : in the query alone. Nothing is ever committed.
    with engine.connect().execution_options(no_parameters=True) as connection:
        result = connection.exec_driver_sql(query)
        if not result.returns_rows:
            raise ValueError("the query returns no rows; write a SELECT")
        return list(result.keys()), list(result.fetchall())
