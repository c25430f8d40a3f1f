"""Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, as the bytes are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "whsec_"
VERSION: Final = "v1"
SECRET_BYTES: Final = 32  # of a secret that we make; the specification allows 24 to 64
_FEWEST, _MOST = 24, 64


class BadSecretError(InvalidError):
    """A secret that is none by the specification."""


def secret_of(key: bytes) -> str:
    """The text under which a key is handed over: `whsec_` and base64.

    Raises:
        BadSecretError: the key is shorter than 24 bytes or longer than 64.
    """
    if not _FEWEST <= len(key) <= _MOST:
        raise BadSecretError(f"a signing key has {_FEWEST} to {_MOST} bytes, not {len(key)}")
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The key behind `whsec_…`; padding may be missing.

    Raises:
        BadSecretError: no base64 after the prefix, or of another length than 24 to 64 bytes.
    """
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSecretError(f"a secret is {PREFIX} and base64") from error
    if not _FEWEST <= len(key) <= _MOST:
        raise BadSecretError(f"a secret holds {_FEWEST} to {_MOST} bytes, not {len(key)}")
    return key


def digest(key: bytes, message_id: str, timestamp: int, body: bytes) -> bytes:
    """What a signature's base64 stands for."""
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature: `v1,` and base64."""
    return f"{VERSION},{base64.b64encode(digest(key, message_id, timestamp, body)).decode()}"


def headers(
    keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes
) -> list[tuple[str, str]]:
    """The three headers of a message, signed with every key that is live.

    Args:
        keys: the newest first.
        message_id: the same at every attempt.
        timestamp: seconds since the epoch, of this attempt.
        body: the very bytes that are sent.
    """
    signatures = [signature(key, message_id, timestamp, body) for key in keys]
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signatures)),
    ]
