"""Times are aware UTC datetimes; as text they have one fixed-width form, so that they sort."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The clock. Only compositions at the edge call it; rules take the time as an argument."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """`2026-11-22T20:59:58.123Z`: UTC, milliseconds, always the same width, so it sorts by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def from_text(text: str) -> datetime:
    """The reverse of `to_text`; reads every ISO 8601 form with a zone.

    Raises:
        ValueError: no ISO 8601 time, or one without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment.astimezone(UTC)


def to_millis(moment: datetime) -> datetime:
    """The time as it comes back from its text: in UTC, to the millisecond."""
    return from_text(to_text(moment))
