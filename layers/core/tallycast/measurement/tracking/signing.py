"""Signed paths: a way to a host that the show's feed never named.

`/e/{show key}/{scheme}/~{signature}/{host/path}`, where the signature is the first 128 bits of
HMAC-SHA256 under one of the show's signing secrets over

    v1 LF {show key} LF {scheme}://{host/path}

in base64url without padding: 22 characters. The query is not signed: players and hosts add to it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES: Final = 16


def signature(secret: bytes, key: str, scheme: str, rest: str) -> str:
    """The 22 characters that stand behind `~` for `{scheme}://{rest}` under a show key."""
    message = f"v1\n{key}\n{scheme}://{rest}".encode()
    return urlsafe_b64encode(hmac.digest(secret, message, "sha256")[:_BYTES]).decode().rstrip("=")


def is_signed(secrets: Iterable[bytes], key: str, scheme: str, rest: str, given: str) -> bool:
    """Whether one of the secrets (the current one and the one before it) made the signature."""
    return any(
        hmac.compare_digest(signature(secret, key, scheme, rest), given) for secret in secrets
    )
