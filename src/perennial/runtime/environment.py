"""The installed packages are the locked ones, or nothing runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from perennial.runtime.errors import PerennialError, listed

LOCK = Path("requirements/build.txt")

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info")


def refuse_other_versions(lock: Path = LOCK) -> None:
    """Raise a `PerennialError` that names every package that is not as the lock pins it."""
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PerennialError(
            "the file is missing", where=str(lock), hint=f"git restore {lock}"
        ) from None
    deviations = differences(dict(pinned(text)), installed())
    if deviations:
        raise PerennialError(
            f"{sys.executable} has other packages than the lock:{listed(deviations)}",
            where=str(lock),
            hint=f"make repro, or: {sys.executable} -m pip install -r {lock}",
        )


def pinned(text: str) -> Iterator[tuple[str, str]]:
    """Normalised name and version of each pin of a lock that applies to this interpreter."""
    for line in text.splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate():
                version = str(requirement.specifier).removeprefix("==")
                yield canonicalize_name(requirement.name), version


def installed(paths: list[str] | None = None) -> dict[str, str]:
    """Version of each package on `sys.path`, or in other folders; the first folder wins.

    Read from the names of the metadata folders: a tenth of the cost of `importlib.metadata`, which
    opens every file.
    """
    versions: dict[str, str] = {}
    for folder in sys.path if paths is None else paths:
        for entry in sorted(Path(folder).glob("*.dist-info")) if folder else []:
            match = _INFO.fullmatch(entry.name)
            if match:
                versions.setdefault(canonicalize_name(match["name"]), match["version"])
    return versions


def differences(wanted: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """A sentence for each package that is absent, or present in another version."""
    return [
        f"{name} {present[name]} is installed, {version} is locked"
        if name in present
        else f"{name} {version} is not installed"
        for name, version in sorted(wanted.items())
        if present.get(name) != version
    ]
