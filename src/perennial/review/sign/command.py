"""`perennial sign`: sign a bundle with a key of one's own."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from perennial.bundle import integrity, signing
from perennial.bundle.manifest import BundleError
from perennial.params import paths
from perennial.runtime import jsonfile
from perennial.runtime.errors import PerennialError
from perennial.runtime.publishing import publishing

BUNDLE = paths.BUNDLE

#: The environment variable that names the private key's file.
PRIVATE_KEY = "PERENNIAL_PRIVATE_KEY"

DESCRIPTION = """\
Check a bundle whole, and sign it: Ed25519 over its manifest, which lists the SHA-256
of every other file. The signature is written beside the folder, as FOLDER.sig: commit
it. Who configures the public key loads no bundle without it.
"""

EXAMPLES = """\
examples:
  openssl genpkey -algorithm ed25519 -out ~/keys/release.pem   (once; keep it secret)
  openssl pkey -in ~/keys/release.pem -pubout                  (its line: export.sign)
  perennial sign --key ~/keys/release.pem
  gpg -d release.pem.gpg | perennial sign --key /dev/stdin

exit codes:
  0  signed
  2  the bundle is not whole, or the key not the one that it names
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "folder", nargs="?", type=Path, default=BUNDLE, help=f"the bundle; {BUNDLE} by default"
    )
    parser.add_argument(
        "--key", metavar="FILE", help=f"the private key, as PEM; by default ${PRIVATE_KEY} names it"
    )
    parser.add_argument("--json", action="store_true", help="print a report for programs")


def run(arguments: argparse.Namespace) -> int:
    """Sign a bundle, and print where and with which key; always 0."""
    folder: Path = arguments.folder
    path, public_key = sign_bundle(folder, _private_key(arguments.key))
    if arguments.json:
        print(jsonfile.dumps({"public_key": public_key, "signature": str(path)}), end="")
    else:
        print(f"signed: {path}; verified by the public key\n  {public_key}")
    return 0


def _private_key(given: str | None) -> bytes:
    name = given or os.environ.get(PRIVATE_KEY)
    if not name:
        raise PerennialError(
            "no private key was named", hint=f"--key FILE, or set {PRIVATE_KEY} to its path"
        )
    path = Path(name)
    if any((folder / ".git").exists() for folder in path.resolve().parents):
        raise PerennialError(
            "the private key lies in a git repository, where it will be committed one day",
            where=name,
            hint="keep it outside; if it was ever pushed, make another one",
        )
    return path.read_bytes()


def sign_bundle(folder: Path, private_key: bytes) -> tuple[Path, str]:
    """Check a bundle and sign it: the signature's path, and the line of the key that verifies it.

    A bundle that is not whole, or another key than the one that it names, is a `PerennialError`.
    """
    try:
        content = integrity.read_manifest(folder)
        manifest, _ = integrity.check_files(folder, content)
        signature, public_key = signing.sign(content, private_key)
    except BundleError as error:
        raise PerennialError(str(error), hint="dvc repro, or dvc checkout") from None
    except ValueError as error:
        raise PerennialError(
            str(error),
            where="the private key",
            hint="openssl genpkey -algorithm ed25519, or decrypt it into --key /dev/stdin",
        ) from None
    named = manifest["public_key"]
    if named not in {None, public_key}:
        raise PerennialError(
            f"the bundle names another key, {named}; this one's is {public_key}",
            where="export.sign",
            hint="sign with the private key of the one named, or change export.sign and run export",
        )
    with publishing(signing.beside(folder)) as path:
        path.write_bytes(signature)
    return signing.beside(folder), public_key
