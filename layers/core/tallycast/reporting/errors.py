"""What can be wrong with what somebody asks of this room; each says what to do."""

from __future__ import annotations

from tallycast.kernel.errors import InvalidError, NotFoundError


class ReportNotFoundError(NotFoundError):
    """The tenant has no such report."""


class ReportTooLargeError(InvalidError):
    """A campaign with so many spots that its figures do not fit into one report."""
