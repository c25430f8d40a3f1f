"""Why one request was counted, or which rule dropped it: every fact that was looked at.

The verdict is the engine's; the facts beside it are worked out again by the rules' own functions,
so that an auditor can follow them by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallycast.kernel.errors import PermanentError
from tallycast.measurement import ranges, threshold
from tallycast.measurement.engine.spells import unit_keys, unit_rows
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    from tallycast.measurement.engine import Count

REASONS: Final[dict[str, str]] = {
    "method": "only a GET fetches a file",
    "not_modified": "304: the listener already had the file",
    "status": "the answer was neither 200 nor 206",
    "playlist": "the list of a stream holds no audio",
    "two_bytes": "exactly two bytes were asked for: a player testing whether ranges are served",
    "tiny_range": "no part of the range has more than two bytes",
    "ends_at_one": "a range that ends with byte 1 adds nothing",
    "apple_watch": "an Apple Watch: the phone has downloaded the episode already",
    "bot": "the user agent is on the list of robots",
    "blank_agent": "no user agent was sent",
    "malformed_agent": "the user agent is none a player sends",
    "data_centre": "the IP is in a data centre",
    "vpn": "the IP is an exit of a VPN",
    "bad_referrer": "the referrer is no address, or one known for false requests",
    "delivered_twice": "the same request was delivered before, under the same request_id",
    "volume": "the IP asked for more in a day than people behind it can want",
    "below_threshold": "all its requests in the window hold less than one minute of the episode",
    "no_bytes": "none of its requests asked for more than one byte",
    "probe_replaced": "bytes=0-1, and a larger request followed",
    "repeat": "the same listener, episode and window: counted once",
    "counted": "the first request of a window that holds a download",
}
_MOST_SHOWN = 50
_SHOWN = (
    "time", "source", "media", "part", "method", "status", "range_start", "range_end",
    "more_ranges", "bytes_sent", "total_bytes", "network", "user_agent", "referrer", "request_id",
)  # fmt: skip


class NoSuchRequestError(PermanentError):
    """The count has no request at this place."""


def explain(counted: Count, file_id: str, line: int) -> dict[str, Any]:
    """Why the request at a line of a file ended as it did.

    Args:
        counted: a count with detail, the last one made on its connection.
        file_id: the file, as in the requests.
        line: its line (1-based).

    Returns:
        JSON-ready: the verdict and its reason; the request; what is known of its user agent and
        episode; what it was credited with; its window: which requests it holds, how many bytes
        they cover of how many needed, and which of them is the download.

    Raises:
        NoSuchRequestError: no request was counted there.
    """
    row = _one(
        counted,
        f"""SELECT {", ".join(f's."{name}"' for name in REQUESTS)}
        FROM {counted.plan.source} AS s WHERE file_id = $1 AND line = $2""",  # noqa: S608 - our own names
        [file_id, line],
    )
    verdict = None if row is None else _verdict(counted, file_id, line)
    if row is None or verdict is None:
        others = "" if counted.plan.day is None else ", or one of another day or shard"
        raise NoSuchRequestError(
            f"line {line} of {file_id!r} is no request for media{others}: a heading or a comment, "
            "a page or a picture, or beyond the end of the file",
            file_id=file_id,
            line=line,
        )
    day, rule = verdict
    document: dict[str, Any] = {
        "file_id": file_id,
        "line": line,
        "verdict": rule,
        "because": REASONS[rule],
        "rules": counted.plan.rules.name,
        "day": str(day),
        "request": {name: _plain(row[name]) for name in _SHOWN if row[name] not in (None, "")},
        "user_agent": _agent(counted, row["user_agent"]),
        "episode": _episode(counted, row["media"]),
    }
    document["bytes"] = _bytes(row, document["episode"], blind=_is_blind(row))
    window = _window(counted, file_id, line)
    if window:
        document["window"] = window
    return document


def _one(counted: Count, query: str, values: list[object]) -> dict[str, Any] | None:
    cursor = counted.connection.execute(query, values)
    row = cursor.fetchone()
    return (
        None
        if row is None
        else dict(zip([c[0] for c in cursor.description or []], row, strict=True))
    )


def _verdict(counted: Count, file_id: str, line: int) -> tuple[Any, str] | None:
    counted.verdicts()
    found = counted.connection.execute(
        "SELECT day, rule FROM counted_verdicts WHERE file_id = $1 AND line = $2", [file_id, line]
    ).fetchone()
    return None if found is None else (found[0], found[1])


def _plain(value: object) -> object:
    return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)


def _is_blind(row: dict[str, Any]) -> bool:
    return row["source"] != "log" or (row["status"] is None and row["bytes_sent"] is None)


def _agent(counted: Count, agent: str | None) -> dict[str, Any]:
    row = _one(
        counted,
        """SELECT agent_kind AS kind, agent_name AS name, agent_device AS device,
            agent_is_bot AS is_bot, agent_is_watch AS is_watch
        FROM count_agents WHERE agent_key IS NOT DISTINCT FROM $1""",
        [agent],
    )
    return {name: value for name, value in (row or {}).items() if value is not None}


def _episode(counted: Count, media: str | None) -> dict[str, Any]:
    row = _one(
        counted,
        """SELECT episode AS episode_id, show_name AS show_id, zone, length AS length_bytes,
            minute AS minute_bytes
        FROM count_media WHERE media_key IS NOT DISTINCT FROM $1""",
        [media],
    )
    return row or {}


def _ask(row: dict[str, Any], length: int | None) -> ranges.Ask:
    total = row["total_bytes"] or None
    return ranges.Ask(
        source=row["source"],
        status=row["status"],
        start=row["range_start"],
        end=row["range_end"],
        more=row["more_ranges"],
        bytes_sent=row["bytes_sent"],
        size=total if row["part"] else (total or length),
    )


def _bytes(row: dict[str, Any], episode: dict[str, Any], *, blind: bool) -> dict[str, Any]:
    """What the request was credited with, and what makes a download."""
    if blind:
        return {"seen": False}
    ask = _ask(row, episode.get("length_bytes"))
    size = episode.get("length_bytes") if row["part"] else ask.size
    needed = threshold.needed_bytes(episode.get("minute_bytes"), size)
    found = ranges.merge(ranges.spans(ask))
    return {
        "seen": True,
        "size": size,
        "credited": ranges.covered(found),
        "ranges": [f"{start}-{end}" for start, end in found],
        "needed": needed if needed is not None else "the whole file, of unknown size",
    }


def _window(counted: Count, file_id: str, line: int) -> dict[str, Any] | None:
    """The window of a request that reached one: its requests and their bytes together."""
    plan = counted.plan
    keys = unit_keys(plan)
    same = " AND ".join(f"o.{key} IS NOT DISTINCT FROM r.{key}" for key in keys.split(", "))
    picks = ", ".join(f's."{name}"' for name in REQUESTS)
    cursor = counted.connection.execute(
        f"""WITH placed AS (SELECT * FROM {unit_rows(plan)} JOIN count_files USING (f)),
        mine AS (SELECT * FROM placed WHERE file_key = $1 AND line = $2)
        SELECT {picks}, v.rule, known.file FROM placed AS r JOIN mine AS o ON {same}
        JOIN {plan.source} AS s ON s.file_id = r.file_key AND s.line = r.line
        JOIN count_media AS known ON s.media IS NOT DISTINCT FROM known.media_key
        LEFT JOIN counted_verdicts AS v ON v.file_id = s.file_id AND v.line = s.line
        ORDER BY s.time, s.file_id, s.line""",  # noqa: S608 - our own names
        [file_id, line],
    )
    names = [column[0] for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        return None
    spans: dict[tuple[str, str], list[ranges.ByteRange]] = {}
    for row in rows:
        if not _is_blind(row):
            known = _episode(counted, row["media"])
            found = ranges.spans(_ask(row, known.get("length_bytes")))
            spans.setdefault((row["file"] or "", row["part"] or ""), []).extend(found)
    download = next((row for row in rows if row["rule"] == "counted"), None)
    return {
        "kind": plan.rules.window,
        "opened": _plain(rows[0]["time"]),
        "last": _plain(rows[-1]["time"]),
        "requests": len(rows),
        "covered": {
            " ".join(name for name in file if name): ranges.covered(found)
            for file, found in spans.items()
        },
        "download": download
        and {
            "file_id": download["file_id"],
            "line": download["line"],
            "time": _plain(download["time"]),
        },
        "lines": [
            {
                "file_id": row["file_id"],
                "line": row["line"],
                "time": _plain(row["time"]),
                "verdict": row["rule"],
            }
            for row in rows[:_MOST_SHOWN]
        ],
    }
