"""Prefixed, sortable ids (`feed_01J…`), and ids derived from what a thing is (`ep_…`)."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        digits.append(_CROCKFORD[digit])
    return "".join(reversed(digits))


def new_id(prefix: str, now: datetime, entropy: bytes | None = None) -> str:
    """A ULID (48 bits of milliseconds, 80 random bits) in lower case behind `prefix_`.

    Ids made later sort later, to the millisecond.
    """
    millis = int(now.timestamp() * 1000)
    random = int.from_bytes(entropy or os.urandom(10), "big")
    return f"{prefix}_{_base32(millis << 80 | random, 26)}"


def derived_id(prefix: str, *parts: str) -> str:
    """The same parts always give the same id, so that writing a thing twice writes it once."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"{prefix}_{_base32(int.from_bytes(digest[:16], 'big'), 26)}"
