"""Chance that repeats: everything invented is drawn from a seed and the name of its purpose."""

from __future__ import annotations

import hashlib
import uuid
from random import Random


def dice_for(*names: object) -> Random:
    """Dice of their own for each purpose, so that adding a draw here never shifts one there."""
    return Random(":".join(map(str, names)))  # noqa: S311 - invented shows, no secrets


def stable_uuid(*names: object) -> str:
    """A UUID that the same names always give."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ":".join(map(str, names))))


def token(*names: object) -> str:
    """Sixteen hexadecimal digits that look like a signed address's token."""
    return hashlib.sha256(":".join(map(str, names)).encode()).hexdigest()[:16]
