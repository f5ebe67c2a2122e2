"""The manifest: what a bundle is, and the size and SHA-256 of each of its files.

Nothing here trusts what it reads. A manifest that breaks a rule is refused with a `BundleError`
that says which.

Why so: docs/decisions.md#d33
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from perennial.model.types import TYPES
from perennial.runtime import jsonfile

#: Version of the bundle's format. An older one stays loadable for good.
FORMAT = 1
MANIFEST = "manifest.json"

#: Bytes that a manifest may have, and all files that it lists together.
LARGEST_MANIFEST = 8 * 2**20
LARGEST_BUNDLE = 4 * 2**30

_DIGEST = re.compile(r"[0-9a-f]{64}")
#: Names that mean the same on every system, and never a place outside the folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,3}")

#: What becomes of a value that `prepare` would reject: it is answered as any other, answered with a
#: mark, or refused. The contract's `requests.outside`.
SETTINGS = ("answer", "mark", "refuse")

_TASKS = {"binary", "multiclass", "regression"}

Rule = Callable[[Any], bool]


class BundleError(ValueError):
    """A bundle that is not whole, not what its manifest says, or newer than this code."""


def parse(content: bytes) -> dict[str, Any]:
    """Parse a manifest and check all of it; a `BundleError` says which rule it breaks."""
    try:
        manifest = jsonfile.loads(content)
    except ValueError as error:
        raise BundleError(f"{MANIFEST}: not a manifest: {error}") from None
    _check_format(manifest)
    # Every byte counts, blanks and the order of keys too.
    try:
        rewritten, digest = jsonfile.dumps(manifest).encode(), digest_of(manifest)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{MANIFEST}: not a manifest: {error}") from None
    if manifest.get("sha256") != digest:
        raise BundleError(f"{MANIFEST}: its own SHA-256 is not that of its content")
    if content != rewritten:
        raise BundleError(f"{MANIFEST}: not written as export writes it")
    has_sizes = "public_key" in manifest
    complete = {**_BEFORE, **manifest}
    if not has_sizes:
        complete |= _added_later(manifest.get("files"))
    _check_keys(complete, has_sizes=has_sizes)
    return dict(complete)


#: What a manifest without a setting of requests meant: all was answered.
_BEFORE = {"requests": {"outside": "answer"}}


def _added_later(files: Any) -> dict[str, Any]:
    """What signatures added to format 1, for a manifest from before them.

    It named no public key, and of each file the digest alone: the size is None.
    """
    listed = files.items() if isinstance(files, dict) else ()
    sized = {name: {"bytes": None, "sha256": digest} for name, digest in listed}
    return {"public_key": None, "files": sized}


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest but for its own entry `sha256`, which identifies the bundle."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(jsonfile.dumps(content).encode()).hexdigest()


def write(folder: Path, described: Mapping[str, Any]) -> None:
    """Write a bundle's manifest, with its `files` and `sha256`, after all its other files."""
    manifest = {**described, "files": list_files(folder)}
    jsonfile.write(folder / MANIFEST, {**manifest, "sha256": digest_of(manifest)})


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """`bytes` and `sha256` of each file of a bundle but the manifest, by path with slashes."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for name, path in sorted(paths.items())
        if path.is_file() and name != MANIFEST
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(value: object, length: int = 100) -> str:
    """A text from outside, short and printable enough for a message."""
    text = str(value)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= length else f"{text[:length]}…"


def _check_format(manifest: Any) -> None:
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is not int or not 1 <= version < 2**31:
        raise BundleError(f"{MANIFEST}: not a manifest: it has no format")
    if version > FORMAT:
        raise BundleError(
            f"{MANIFEST}: format {version} is newer than {FORMAT}, which this code reads"
        )


def _check_keys(manifest: dict[str, Any], *, has_sizes: bool) -> None:
    for key, (rule, expected) in _KEYS.items():
        if key not in manifest:
            raise BundleError(f"{MANIFEST}: not a manifest: it has no {key}")
        if not rule(manifest[key]):
            raise BundleError(f"{MANIFEST}: not a manifest: {key} is not {expected}")
    for name, column in manifest["columns"].items():
        if not _is_column(column):
            raise BundleError(f"{MANIFEST}: not a manifest: columns: {shown(name)} is no column")
    for name in manifest["features"]:
        if name not in manifest["columns"]:
            raise BundleError(f"{MANIFEST}: not a manifest: features: no column {shown(name)}")
    for name, file in manifest["files"].items():
        _check_file(name, file, has_sizes=has_sizes)
    if sum(file["bytes"] or 0 for file in manifest["files"].values()) > LARGEST_BUNDLE:
        raise BundleError(f"{MANIFEST}: lists more than {LARGEST_BUNDLE / 2**30:g} GiB of files")


def _check_file(name: str, file: Any, *, has_sizes: bool) -> None:
    if not _NAME.fullmatch(name) or name == MANIFEST:
        raise BundleError(f"{MANIFEST}: lists {shown(name)}, which is no name of a bundle's file")
    if not (isinstance(file, dict) and file.keys() == {"bytes", "sha256"}):
        raise BundleError(f"{MANIFEST}: not a manifest: files: {name} lacks its bytes or sha256")
    is_sized = _is_count(file["bytes"]) or not has_sizes
    if not (is_sized and _is_digest(file["sha256"])):
        raise BundleError(f"{MANIFEST}: not a manifest: files: {name} has odd bytes or sha256")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_label(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _is_digest(value: Any) -> bool:
    return _is_text(value) and _DIGEST.fullmatch(value) is not None


def _is_list(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(rule(item) for item in value)


def _is_mapping(rule: Rule) -> Rule:
    return lambda value: isinstance(value, dict) and all(rule(item) for item in value.values())


def _is_column(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("type"))
        and value["type"] in TYPES
        and _is_number(value.get("missing"))
        and 0 <= value["missing"] <= 1
        and all(_is_end(value.get(key), value["type"]) for key in ("min", "max"))
        and (value.get("categories") is None or _is_list(_is_label)(value["categories"]))
    )


def _is_end(value: Any, kind: str) -> bool:
    if value is None or (_is_number(value) and kind != "datetime"):
        return value is None or abs(value) < 2**1023
    try:
        return kind == "datetime" and datetime.fromisoformat(value).tzinfo is None
    except (TypeError, ValueError):
        return False


def _are_requests(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("outside") in SETTINGS
        and isinstance(value.get("normal_form", False), bool)
    )


#: What must be there: its rule, and how a refusal words it. Other keys may stand beside them.
_KEYS: dict[str, tuple[Rule, str]] = {
    "name": (_is_text, "a text"),
    "description": (_is_text, "a text"),
    "task": (lambda value: _is_text(value) and value in _TASKS, "a task"),
    "target": (_is_text, "a text"),
    "classes": (
        _is_list(_is_label),
        "a list of texts, booleans or numbers",
    ),
    "threshold": (lambda value: value is None or _is_number(value), "a number or null"),
    "features": (_is_list(_is_text), "a list of texts"),
    "columns": (_is_mapping(lambda _: True), "a mapping"),
    "requests": (_are_requests, "a setting of requests"),
    "public_key": (lambda value: value is None or _is_text(value), "a text or null"),
    "engine": (_is_text, "a text"),
    "packages": (_is_mapping(_is_text), "a mapping to texts"),
    "data": (_is_mapping(_is_digest), "a mapping to SHA-256 digests"),
    "files": (_is_mapping(lambda _: True), "a mapping"),
}
