"""The installed packages are the locked ones, or nothing runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from perennial.runtime.errors import PerennialError, listed

LOCK = Path("requirements/build.txt")

#: The markers that locks are full of, told without `packaging`, whose import costs 40 ms.
_PLAIN = re.compile(r"(?P<name>sys_platform|implementation_name) (?P<sign>[!=]=) '(?P<value>\w+)'")

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info")


def refuse_other_versions(lock: Path = LOCK) -> None:
    """Refuse to go on where installed packages differ from the lock.

    Parameters
    ----------
    lock : Path
        A requirements file that pins every package with ``==``.

    Raises
    ------
    PerennialError
        If the file is missing, or a package is absent or of another version; all are named.
    """
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PerennialError(
            "the file is missing", where=str(lock), hint=f"git restore {lock}"
        ) from None
    found = differences(dict(pinned(text)), installed())
    if found:
        raise PerennialError(
            f"{sys.executable} has other packages than the lock:{listed(found)}",
            where=str(lock),
            hint=f"make repro, or: {sys.executable} -m pip install -r {lock}",
        )


def pinned(text: str) -> Iterator[tuple[str, str]]:
    """Read the pins of a lock that hold for this interpreter.

    Parameters
    ----------
    text : str
        A requirements file as `uv pip compile` writes it.

    Yields
    ------
    tuple of str
        Normalised name and version.
    """
    for line in text.splitlines():
        if not line[:1].isalnum():
            continue
        requirement, _, _ = line.partition(" \\")
        name, _, rest = requirement.partition("==")
        version, _, marker = rest.partition(";")
        if not marker or _applies(marker.strip()):
            yield _normalised(name.partition("[")[0]), version.strip()


def installed(paths: list[str] | None = None) -> dict[str, str]:
    """List installed packages by the names of their metadata folders.

    A tenth of the cost of `importlib.metadata`, which opens every file.

    Parameters
    ----------
    paths : list of str, optional
        Folders to look in; `sys.path` by default.

    Returns
    -------
    dict
        Version by normalised name; the first folder wins, as in an import.
    """
    versions: dict[str, str] = {}
    for folder in sys.path if paths is None else paths:
        for entry in sorted(Path(folder).glob("*.dist-info")) if folder else []:
            match = _INFO.fullmatch(entry.name)
            if match:
                versions.setdefault(_normalised(match["name"]), match["version"])
    return versions


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Say how installed packages differ from the wanted ones.

    Parameters
    ----------
    wanted, found : mapping
        Version by normalised name.

    Returns
    -------
    list of str
        A sentence for each package that differs.
    """
    return [
        f"{name} {found[name]} is installed, {version} is locked"
        if name in found
        else f"{name} {version} is not installed"
        for name, version in sorted(wanted.items())
        if found.get(name) != version
    ]


def _applies(marker: str) -> bool:
    plain = _PLAIN.fullmatch(marker)
    if plain:
        here = {"sys_platform": sys.platform, "implementation_name": sys.implementation.name}
        return (here[plain["name"]] == plain["value"]) == (plain["sign"] == "==")
    from packaging.markers import Marker

    return Marker(marker).evaluate()


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
