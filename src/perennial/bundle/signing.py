"""The signature of a bundle: plain Ed25519 (RFC 8032) over the bytes of its manifest.

The manifest lists the SHA-256 of every other file, so it is the bundle that is signed. The
signature lies beside the bundle's folder, in ``FOLDER.sig``: the folder is the same to the byte on
machines that have the private key and on those that have not. Its 64 bytes are what `openssl
pkeyutl` writes and verifies.
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
    """The public key that a bundle has to be signed for, if any is configured.

    Parameters
    ----------
    public_key : str, optional
        The caller's; by default that of the environment variable `PERENNIAL_PUBLIC_KEY`.

    Returns
    -------
    str or None
        Its line of base64; None if no signature is asked for.

    Raises
    ------
    BundleError
        If it is set, and is no Ed25519 public key; an empty one too, for that is a mistake, and no
        wish to accept anything.
    """
    given = os.environ.get(PUBLIC_KEY) if public_key is None else public_key
    return None if given is None else line_of(given)


def is_signature(found: bytes, content: bytes, public_key: str) -> bool:
    """Whether a signature is a key's for a content.

    Parameters
    ----------
    found : bytes
        The signature.
    content : bytes
        What was signed.
    public_key : str
        Whose it must be, as its line of base64.

    Returns
    -------
    bool
        Whether it is.
    """
    # Imported when it is needed: without a key, nobody pays for it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)[_HEAD_BYTES:])
    try:
        key.verify(found, content)
    except InvalidSignature:
        return False
    return True


def line_of(public_key: str) -> str:
    """The one line of base64 that a public key is, of that line or of PEM.

    Parameters
    ----------
    public_key : str
        As `openssl pkey -pubout` writes it, whole or the line between its frame.

    Returns
    -------
    str
        Sixty characters.

    Raises
    ------
    BundleError
        If it is no Ed25519 public key.
    """
    line = re.sub(r"-----(BEGIN|END) PUBLIC KEY-----", "", public_key).strip()
    if not re.fullmatch(PATTERN, line):
        # What was given may be a private key: it is not repeated.
        raise BundleError(f"not an Ed25519 public key; configured by {PUBLIC_KEY} or public_key")
    return line


def sign(content: bytes, private_key: bytes) -> tuple[bytes, str]:
    """Sign a manifest.

    Parameters
    ----------
    content : bytes
        The manifest's bytes.
    private_key : bytes
        A private key as PEM, not encrypted.

    Returns
    -------
    signature : bytes
        64 bytes, the same every time.
    public_key : str
        The line of the key that verifies it.

    Raises
    ------
    ValueError
        If it is no private key of Ed25519.
    """
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
    """Where a bundle's signature lies: beside its folder, by the name it was asked for."""
    named = folder if folder.name not in {"", ".."} else Path(os.path.normpath(folder.absolute()))
    return named.with_name(f"{named.name}.sig")
