"""The named habits of the demo's hosts and documents, and the phases it walks through."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Phase(IntEnum):
    """The demo's acts in order: feeds are added, polled, changed and polled twice more."""

    REGISTRATION = 0
    FIRST_TICK = 1
    SECOND_TICK = 2
    THIRD_TICK = 3


class Habit(StrEnum):
    """How a show's host answers. One per show; the rest of the answer is ordinary."""

    STRONG_ETAG = "strong-etag"
    LAST_MODIFIED = "last-modified"
    BOTH_VALIDATORS = "both-validators"
    NO_VALIDATORS = "no-validators"
    HEAD_CHURN = "head-churn"
    ROTATING_TOKENS = "rotating-tokens"
    GZIP = "gzip"
    SLOW = "slow"
    ILL_FORMED = "ill-formed"
    PERMANENT_REDIRECT = "permanent-redirect"
    TEMPORARY_REDIRECT = "temporary-redirect"
    NEW_FEED_URL = "new-feed-url"
    DYING = "dying"
    THROTTLED = "throttled"
    PARKED = "parked"
    BROKEN = "broken"

    @property
    def description(self) -> str:
        """One line for a table: what the host does."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Habit.STRONG_ETAG: "ETag, 304 when it matches",
    Habit.LAST_MODIFIED: "Last-Modified, 304 when not newer",
    Habit.BOTH_VALIDATORS: "ETag and Last-Modified, 304",
    Habit.NO_VALIDATORS: "always 200, the same bytes",
    Habit.HEAD_CHURN: "always 200, a new build date each time",
    Habit.ROTATING_TOKENS: "always 200, new tokens in every enclosure's query",
    Habit.GZIP: "compresses when asked, ETag",
    Habit.SLOW: "takes its time, ETag",
    Habit.ILL_FORMED: "undefined entities, ETag",
    Habit.PERMANENT_REDIRECT: "301 to a new address from the second tick",
    Habit.TEMPORARY_REDIRECT: "302 to a mirror, always",
    Habit.NEW_FEED_URL: "itunes:new-feed-url and a new media host from the second tick",
    Habit.DYING: "500 at the second tick, 410 from the third",
    Habit.THROTTLED: "429 with Retry-After at the second tick",
    Habit.PARKED: "an HTML page with 200 at the second tick",
    Habit.BROKEN: "an HTML page with 200, always",
}


class Quirk(StrEnum):
    """What a show's document does that it should not, or need not. Any number per show."""

    NO_GUIDS = "no-guids"
    LATIN_1 = "iso-8859-1"
    LEADING_WHITE_SPACE = "white-space-before-declaration"
    UNDEFINED_ENTITY = "undefined-entity"
    ROTATING_TOKENS = "rotating-tokens"
    PAGED = "paged"
