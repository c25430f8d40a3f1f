"""What can be wrong with what somebody asks of this room; each says what to do."""

from __future__ import annotations

from tallycast.kernel.errors import NotFoundError


class ConversionNotFoundError(NotFoundError):
    """The tenant has no such conversion."""
