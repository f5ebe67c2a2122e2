"""Check that each lock pins a package with every extra that the lock's other packages require.

    python scripts/check_locks.py

To pip 23, the pin `coverage==7.17.3` does not meet a requirement of `coverage[toml]`: it looks for
the newest release that does, and refuses it for want of a hash. So a lock without the extra stops
installing as soon as that package has a newer release.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
PYTHONS = ("3.11", "3.12", "3.13")


def environments() -> Iterator[dict[str, str]]:
    """The values of markers on Linux, for each Python that the locks are made for."""
    here = {key: str(value) for key, value in default_environment().items()}
    linux = {"os_name": "posix", "platform_system": "Linux", "sys_platform": "linux"}
    for version in PYTHONS:
        yield here | linux | {"python_version": version, "python_full_version": f"{version}.0"}


def pins(text: str) -> list[Requirement]:
    """The requirements that a lock pins, with their extras and markers."""
    lines = (line.removesuffix("\\") for line in text.splitlines())
    return [Requirement(line) for line in lines if line[:1].isalnum()]


def applies(marker: Marker | None, environment: dict[str, str], extras: set[str]) -> bool:
    """Whether a marker holds without an extra, or with one of several."""
    if marker is None:
        return True
    return any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))


def faults(text: str) -> list[str]:
    """The faults of a lock, one line each."""
    lock = pins(text)
    messages = {
        message: None for environment in environments() for message in _faults(lock, environment)
    }
    return [*messages, *_unknown(lock)]


def _faults(lock: list[Requirement], environment: dict[str, str]) -> Iterator[str]:
    active = [pin for pin in lock if applies(pin.marker, environment, set())]
    extras = {canonicalize_name(pin.name): pin.extras for pin in active}
    for pin in active:
        for required in _requirements(pin, environment):
            name = canonicalize_name(required.name)
            if missing := required.extras - extras.get(name, set()):
                wanted = ", ".join(sorted(missing))
                yield f"{pin.name} requires {required.name}[{wanted}], which is not pinned"


def _requirements(pin: Requirement, environment: dict[str, str]) -> Iterator[Requirement]:
    """What a package requires with the extras of its pin; nothing where it is not installed."""
    try:
        lines = distribution(pin.name).requires or []
    except PackageNotFoundError:
        return
    for required in map(Requirement, lines):
        if applies(required.marker, environment, pin.extras):
            yield required


def _unknown(lock: list[Requirement]) -> Iterator[str]:
    """The pins of this Python that cannot be checked, as another version is installed or none."""
    for pin in lock:
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            version = distribution(pin.name).version
        except PackageNotFoundError:
            yield f"{pin.name} is not installed, so what it requires is not known"
            continue
        if not pin.specifier.contains(version, prereleases=True):
            yield f"{pin} is pinned, and {version} is installed: run `make environment`"


def main() -> int:
    messages = [
        f"{path.relative_to(FOLDER.parent)}: {message}"
        for path in sorted(FOLDER.glob("*.txt"))
        for message in faults(path.read_text(encoding="utf-8"))
    ]
    for message in messages:
        print(message, file=sys.stderr)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
