"""Secrets of our own: 32 random bytes behind a prefix that names the kind; only hashes are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import Final

API_KEY_PREFIX: Final = "tc_live_"
INVITATION_PREFIX: Final = "tc_inv_"
RANDOM_BYTES: Final = 32
_SHOWN: Final = 4  # characters of a secret behind its prefix that tell it from others
_SHAPE: Final = re.compile(r"tc_(live|inv)_[A-Za-z0-9_-]{43}")


def new_secret(prefix: str, entropy: bytes | None = None) -> str:
    """A secret nobody can guess: the prefix and 43 characters (256 bits, base64url)."""
    random = os.urandom(RANDOM_BYTES) if entropy is None else entropy
    return prefix + base64.urlsafe_b64encode(random).decode().rstrip("=")


def is_secret(text: str, prefix: str) -> bool:
    """Whether a text has the shape of a secret of this kind."""
    return text.startswith(prefix) and _SHAPE.fullmatch(text) is not None


def hash_of(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hex. It needs no salt: it is as long as the hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def matches(secret: str, kept: str) -> bool:
    """Whether this is the secret whose hash was kept, in a time that does not depend on it."""
    return hmac.compare_digest(hash_of(secret).encode(), kept.encode())


def preview(secret: str, prefix: str) -> str:
    """`tc_live_Ab3x…`: enough to tell secrets apart, and of no use otherwise."""
    return f"{secret[: len(prefix) + _SHOWN]}…"
