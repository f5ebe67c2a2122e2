"""Parameters of `export`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from perennial.params.yamlfile import Closed

#: What `openssl pkey -pubout` writes of an Ed25519 key: its head (RFC 8410), and 32 bytes.
PUBLIC_KEY = r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$"


class Export(Closed):
    """What the bundle carries."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = "model"
    """The model's name in the registry; it shares a word with the contract's name."""
    reference_rows: int = Field(1_000, ge=0)
    """Test rows kept as the monitor's reference, at most."""
    samples: int = Field(20, ge=1)
    """Requests with their answers, repeated in a fresh process."""
    sign: Annotated[str, StringConstraints(pattern=PUBLIC_KEY)] | None = None
    """Public key that the bundle names as its signer's, as its line of base64: `perennial sign`
    then signs with no other."""
