"""The signature of a bundle: plain Ed25519 (RFC 8032) over the bytes of its manifest.

The manifest lists the SHA-256 of every other file, so it is the bundle that is signed. The
signature lies beside the bundle's folder, in ``FOLDER.sig``: the folder is the same to the byte on
machines that have the private key and on those that have not. Its 64 bytes are what `openssl
pkeyutl` writes and verifies.

Why so: docs/decisions.md#d34
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from perennial.bundle.manifest import BundleError

#: The environment variable that configures a public key.
PUBLIC_KEY = "PERENNIAL_PUBLIC_KEY"

#: A public key's line of base64: what says that it is one of Ed25519 (RFC 8410), and 32 bytes.
PATTERN = r"MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}="
_HEAD_BYTES = 12

#: Bytes of a signature.
SIZE = 64


def configured(public_key: str | None = None) -> str | None:
    """The line of base64 of the public key whose signature is required; None if there is none.

    It is the caller's, or that of the environment variable `PERENNIAL_PUBLIC_KEY`. An empty one is
    a mistake, and refused with a `BundleError` like any other that is no Ed25519 public key.
    """
    given = os.environ.get(PUBLIC_KEY) if public_key is None else public_key
    return None if given is None else line_of(given)


def is_signature(signature: bytes, content: bytes, public_key: str) -> bool:
    """Whether 64 bytes are the signature of a content by a public key, its line of base64."""
    # Imported when it is needed: without a key it costs nothing.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)[_HEAD_BYTES:])
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def line_of(public_key: str) -> str:
    """The line of base64 of a public key, sixty characters, from that line or from PEM."""
    line = re.sub(r"-----(BEGIN|END) PUBLIC KEY-----", "", public_key).strip()
    if not re.fullmatch(PATTERN, line):
        # It may be a private key: the message does not repeat it.
        raise BundleError(f"not an Ed25519 public key; configured by {PUBLIC_KEY} or public_key")
    return line


def sign(content: bytes, private_key: bytes) -> tuple[bytes, str]:
    """Sign a manifest with a PEM private key: the signature, and the line of the public key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(private_key, password=None)
        is_ours = isinstance(key, Ed25519PrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        is_ours = False
    if not is_ours:
        raise ValueError("not a private key of Ed25519 as PEM, or an encrypted one")
    assert isinstance(key, Ed25519PrivateKey)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key.sign(content), base64.b64encode(public).decode()


def beside(folder: Path) -> Path:
    """The path of a bundle's signature: beside its folder, under the folder's name as given."""
    named = folder if folder.name not in {"", ".."} else Path(os.path.normpath(folder.absolute()))
    return named.with_name(f"{named.name}.sig")
