"""The tables of measurement: their columns, in order, with DuckDB's types.

One place says what a row is. Writers, the engine, the lake's catalogue (Glue) and the tests all
read it here. Times are UTC with microseconds and no zone; sizes are bytes; a value that is not
known is NULL and never invented. Partition columns stand in the path, not in the files.
"""

from __future__ import annotations

from typing import Final

Columns = dict[str, str]

# One row per request, as intake leaves it. Never changed afterwards, only replaced by file.
# - file_id, line: which delivered file it came in, and where in it (1-based line or row).
# - request_id: the name that who saw the request gave it; NULL when there is none. The same
#   request delivered twice (a replay, an at-least-once stream) has the same one.
# - source: `log` when bytes and status were seen by who served the file, `prefix` when only the
#   request was seen, by a redirect.
# - media: `host/path` of the audio file behind all measurement prefixes, with what of the query
#   names a file where the path does not (`feeds.files.file_key`). For a segment of an HLS
#   stream it is the playlist's folder and `part` names the segment; else `part` is ''.
# - range_start, range_end: inclusive bytes of the Range header as asked for. Both NULL: no range.
#   range_end NULL: open-ended. A suffix range (`bytes=-500`) is range_start = -500, range_end NULL.
#   `more_ranges` holds the rest of a header with several ranges (`0-1,500-999` → `500-999`).
# - bytes_sent: of the body as far as the log can tell; total_bytes: size of the whole file where
#   the log tells it (Content-Range, or a size column).
# - ip_hash: hex HMAC of the IPv4 address or the IPv6 /64 under the key of the row's month, which
#   `ip_key` names (`2026-11`); ip_hash_previous: under the key of the month before, so that a
#   window may reach over the month's end.
# - network: `household`, `commercial`, `cellular`, `data_centre`, `vpn`, `relay` or `unknown`.
# - session: the player's X-Playback-Session-Id.
REQUESTS: Final[Columns] = {
    "time": "TIMESTAMP",
    "source": "VARCHAR",
    "file_id": "VARCHAR",
    "line": "BIGINT",
    "request_id": "VARCHAR",
    "show_id": "VARCHAR",
    "media": "VARCHAR",
    "part": "VARCHAR",
    "method": "VARCHAR",
    "status": "SMALLINT",
    "range_start": "BIGINT",
    "range_end": "BIGINT",
    "more_ranges": "VARCHAR",
    "bytes_sent": "BIGINT",
    "total_bytes": "BIGINT",
    "ip_key": "VARCHAR",
    "ip_hash": "VARCHAR",
    "ip_hash_previous": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "asn": "INTEGER",
    "network": "VARCHAR",
    "user_agent": "VARCHAR",
    "referrer": "VARCHAR",
    "session": "VARCHAR",
}

# What is known of the audio behind a `media` at the time of a count. `zone` is the IANA name of
# the show's reporting time zone. `header_bytes` is the ID3 tag before the audio, 0 if not known.
EPISODES: Final[Columns] = {
    "media": "VARCHAR",
    "episode_id": "VARCHAR",
    "show_id": "VARCHAR",
    "zone": "VARCHAR",
    "released_at": "TIMESTAMP",
    "duration_seconds": "DOUBLE",
    "length_bytes": "BIGINT",
    "bitrate_bps": "BIGINT",
    "header_bytes": "BIGINT",
}

# What a user agent is. `kind` is `bot`, `app`, `library`, `browser`, `unknown`, `blank` or
# `malformed`.
# `is_bot` is also true for libraries that are bots. `device` and `category` are those of the
# device list; `is_watch` marks an Apple Watch, whose requests the phone has made already.
AGENTS: Final[Columns] = {
    "user_agent": "VARCHAR",
    "kind": "VARCHAR",
    "name": "VARCHAR",
    "device": "VARCHAR",
    "category": "VARCHAR",
    "is_bot": "BOOLEAN",
    "is_watch": "BOOLEAN",
}

# One row per counted download. Lies in the lake by tenant, rules and `dt`, the day in the show's
# reporting time zone (UTC under rule sets that say so). `time` is that of the window's first
# request; `listener` stands for one IP and user agent under the key `ip_key`: 16 hex digits for the
# address, and 16 for the user agent, which stay the same when the key changes.
DOWNLOADS: Final[Columns] = {
    "show_id": "VARCHAR",
    "episode_id": "VARCHAR",
    "time": "TIMESTAMP",
    "hour": "SMALLINT",
    "listener": "VARCHAR",
    "ip_key": "VARCHAR",
    "ip_hash": "VARCHAR",
    "ip_hash_previous": "VARCHAR",
    "source": "VARCHAR",
    "bytes": "BIGINT",
    "age_seconds": "BIGINT",
    "app": "VARCHAR",
    "app_kind": "VARCHAR",
    "device": "VARCHAR",
    "category": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "asn": "INTEGER",
    "network": "VARCHAR",
    "referrer": "VARCHAR",
}

# How many requests of an episode and day met which verdict; they add up to the requests. `rule`
# is `counted` or the name of the one rule that dropped them.
WATERFALL: Final[Columns] = {
    "show_id": "VARCHAR",
    "episode_id": "VARCHAR",
    "source": "VARCHAR",
    "rule": "VARCHAR",
    "requests": "BIGINT",
}

# A line that could not be read. `text` is the line with every IP address masked.
QUARANTINE: Final[Columns] = {
    "file_id": "VARCHAR",
    "line": "BIGINT",
    "reason": "VARCHAR",
    "text": "VARCHAR",
}

# A final day that changed after all. `cause` is `late data`, `new reference data`, `new rules`
# or `other`.
RESTATEMENTS: Final[Columns] = {
    "restated_at": "TIMESTAMP",
    "rules": "VARCHAR",
    "show_id": "VARCHAR",
    "episode_id": "VARCHAR",
    "old_downloads": "BIGINT",
    "new_downloads": "BIGINT",
    "cause": "VARCHAR",
    "detail": "VARCHAR",
}

# What a verdict can be, besides the name of a rule that drops.
COUNTED: Final = "counted"
