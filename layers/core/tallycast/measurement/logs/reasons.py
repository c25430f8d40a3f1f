"""Why a record was quarantined, or skipped: fixed words, since people and alarms group by them."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a record that should have been a request could not be read."""

    UNKNOWN_FORMAT = "format not recognised"
    LINE_TOO_LONG = "line longer than 64 kB"
    FIELDS = "wrong number of fields"
    QUOTE = "quote never closed"
    NOT_JSON = "not a JSON object"
    NOT_COMBINED = "not a combined log line"
    NOT_AN_ENVELOPE = "not a log subscription document"
    FILE_CUT = "file ends in the middle: what came before is kept"
    FILE_DAMAGED = "file is damaged from here on: what came before is kept"
    FILE_TOO_LARGE = "file is larger than allowed: what came before is kept"
    UNRESOLVED = "tracked hit without a show: replay it"
    NO_TIME = "no time"
    BAD_TIME = "time not understood"
    TOO_EARLY = "time before the year 2000"
    TOO_LATE = "time more than a day ahead"
    NO_URL = "no URL"
    NOT_HTTP = "URL is not http or https"
    NO_HOST = "URL has no host: name the host of this log in its source"
    NO_FILE = "URL names no file"
    LONG_URL = "URL longer than 4 kB"
    BAD_METHOD = "method not understood"
    BAD_STATUS = "status not understood"
    BAD_BYTES = "byte count not understood"
    NO_ADDRESS = "neither an IP address nor a hash of one"
    BAD_ADDRESS = "IP address not understood"
    NO_KEY = "no key to hash addresses of this month"


class Skip(StrEnum):
    """What a record is that is read but neither kept nor quarantined."""

    BLANK = "blank"
    COMMENT = "comment"
    HEADER = "header"
    CONTROL = "control message"
    NO_REQUEST = "connection without a request"
    NOT_MEDIA = "request for something else than media"


NOT_REQUESTS = frozenset(Skip) - {Skip.NOT_MEDIA}
"""The skipped records that were never requests at all."""
