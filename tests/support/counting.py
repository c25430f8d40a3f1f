"""Counting in tests: builders, a tiny classifier, and an independent naive count to compare with.

The naive count is written from the rules' text, request by request, in plain Python; it knows the
true IP behind a hash and covers bytes one by one. It shares no code with the engine.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from tallycast.kernel.ids import derived_id
from tallycast.measurement.engine import Count, count
from tallycast.measurement.model import EPISODES, REQUESTS
from tallycast.measurement.rulesets import RuleSet

MONDAY = datetime(2026, 11, 9)
MEDIA = "cdn.example/show/episode.mp3"
PHONE = "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"
H24 = timedelta(hours=24)
Row = dict[str, Any]


def hash_of(ip: str, month: str) -> str:
    """What stands for an IP under the key of a month (`2026-11`); readable, unlike the real one."""
    return f"{ip}@{month}"


def month_before(month: str) -> str:
    """`2026-01` → `2025-12`."""
    first = date(int(month[:4]), int(month[5:]), 1)
    return f"{first - timedelta(days=1):%Y-%m}"


def a_request(time: datetime = MONDAY, *, ip: str = "192.0.2.1", **overrides: Any) -> Row:
    """A row of REQUESTS: a phone that got 10 MB of an episode in one piece.

    The hashes follow from `ip` and the month of `time`.
    """
    month = f"{time:%Y-%m}"
    row: Row = dict.fromkeys(REQUESTS)
    row |= {
        "time": time,
        "source": "log",
        "file_id": "file",
        "line": 1,
        "show_id": "show_a",
        "media": MEDIA,
        "part": "",
        "method": "GET",
        "status": 200,
        "bytes_sent": 10_000_000,
        "ip_key": month,
        "ip_hash": hash_of(ip, month),
        "ip_hash_previous": hash_of(ip, month_before(month)),
        "network": "household",
        "user_agent": PHONE,
    }
    unknown = overrides.keys() - row.keys()
    assert not unknown, unknown
    return row | overrides


def a_part(start: int, end: int | None, time: datetime = MONDAY, **overrides: Any) -> Row:
    """A row of REQUESTS that got a range, and all of it."""
    sent = None if end is None or start < 0 else end - start + 1
    return a_request(
        time,
        **({"status": 206, "range_start": start, "range_end": end, "bytes_sent": sent} | overrides),
    )


def an_episode(media: str = MEDIA, **overrides: Any) -> Row:
    """A row of EPISODES: half an hour at 128 kbit/s, without a header."""
    row: Row = dict.fromkeys(EPISODES)
    row |= {
        "media": media,
        "episode_id": "ep_a",
        "show_id": "show_a",
        "zone": "UTC",
        "released_at": MONDAY - timedelta(days=1),
        "duration_seconds": 1800.0,
        "length_bytes": 28_800_000,
        "header_bytes": 0,
    }
    return row | overrides


def in_lines(rows: list[Row]) -> list[Row]:
    """The rows, numbered as lines of their files."""
    lines: Counter[str] = Counter()
    numbered = []
    for row in rows:
        lines[row["file_id"]] += 1
        numbered.append(row | {"line": lines[row["file_id"]]})
    return numbered


class TinyClassifier:
    """Tells a handful of user agents apart by a word in them."""

    def classify(self, user_agents):
        return [self._one(agent) for agent in user_agents]

    def _one(self, agent):
        if not agent:
            return ("blank", None, None, None, False, False)
        if "bot" in agent.lower():
            return ("bot", "Bot", None, "bot", True, False)
        if agent.startswith("okhttp"):
            return ("library", "okhttp", None, None, True, False)
        if "watchOS" in agent:
            return ("app", "Watch", "Apple Watch", "watch", False, True)
        return ("app", "App", "Phone", "mobile", False, False)


def a_table(
    con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: list[Row]
) -> None:
    """Create or replace a table from rows."""
    picks = ", ".join(
        f'unnest(${place}::{kind}[]) AS "{column}"'
        for place, (column, kind) in enumerate(columns.items(), start=1)
    )
    con.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT {picks}",
        [[row[column] for row in rows] for column in columns],
    )


def a_count(
    rules: RuleSet, rows: list[Row], episodes: list[Row] | None = None, *, con=None, **how: Any
) -> Count:
    """Count rows with the engine on a fresh connection."""
    con = con or duckdb.connect(config={"threads": 1})
    a_table(con, "requests", REQUESTS, rows)
    a_table(con, "episodes", EPISODES, [an_episode()] if episodes is None else episodes)
    return count(con, rules, TinyClassifier(), **how)


def downloads_of(
    rules: RuleSet, rows: list[Row], episodes: list[Row] | None = None, **how: Any
) -> int:
    """How many downloads the rows are."""
    return a_count(rules, in_lines(rows), episodes, **how).document()["downloads"]


def verdicts_of(
    rules: RuleSet, rows: list[Row], episodes: list[Row] | None = None, **how: Any
) -> list[str]:
    """The verdict of each row, in order."""
    rows = in_lines(rows)
    found = {
        (file_id, line): rule
        for file_id, line, _, rule in a_count(rules, rows, episodes, **how).verdicts()
    }
    return [found[row["file_id"], row["line"]] for row in rows]


@dataclass
class NaiveCount:
    """What the naive count says of each request, by (file_id, line)."""

    verdicts: dict[tuple[str, int], str] = field(default_factory=dict)
    days: dict[tuple[str, int], date] = field(default_factory=dict)
    episodes: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def downloads(self) -> int:
        return sum(verdict == "counted" for verdict in self.verdicts.values())

    def waterfall(self) -> Counter:
        """Requests by (day, episode, rule)."""
        return Counter(
            (self.days[key], self.episodes[key], verdict) for key, verdict in self.verdicts.items()
        )


def naive_count(rules: RuleSet, rows: list[Row], episodes: list[Row]) -> NaiveCount:
    """Count request by request, as the rules are written."""
    result = NaiveCount()
    known = {}
    for episode in sorted(episodes, key=lambda e: e["episode_id"]):
        known.setdefault(episode["media"], episode)
    alive: list[Row] = []
    for row in rows:
        episode = _episode_of(row, known)
        zone = ZoneInfo(episode["zone"] if episode and rules.zone == "show" else "UTC")
        place = row["file_id"], row["line"]
        result.days[place] = row["time"].replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()
        result.episodes[place] = (
            episode["episode_id"] if episode else derived_id("media", row["media"])
        )
        rule = next((name for name in rules.request_rules if _breaks(name, row, rules)), None)
        if rule:
            result.verdicts[place] = rule
        else:
            alive.append(row)
    alive.sort(key=lambda r: (r["time"], r["file_id"], r["line"]))
    alive = _without_doubles(alive, result)
    alive = _without_excess(alive, rules, result)
    groups = defaultdict(list)
    for row in alive:
        place = row["file_id"], row["line"]
        listener = (_ip(row), row["user_agent"] or "")
        what = result.episodes[place]
        if rules.unique_by == "file_and_referrer":
            what, listener = _file_of(row, known), (*listener, row["referrer"] or "")
        groups[listener, what, row["source"]].append(row)
    for group in groups.values():
        for window in _windows(group, rules, result):
            _judge(window, rules, known, result)
    return result


def _file_of(row: Row, known: dict[str, Row]) -> str:
    """Of the known files the one whose parameters are the most of those asked for."""
    path, _, asked = row["media"].partition("?")
    matching = (
        [
            (-len(parameters), media)
            for media in known
            for at, _, query in [media.partition("?")]
            if at == path
            and (parameters := set(filter(None, query.split("&")))) <= set(asked.split("&"))
        ]
        if asked
        else []
    )
    return row["media"] if row["media"] in known or not matching else min(matching)[1]


def _episode_of(row: Row, known: dict[str, Row]) -> Row | None:
    return known.get(_file_of(row, known))


def _ip(row: Row) -> str:
    return row["ip_hash"].partition("@")[0]


def _breaks(name: str, row: Row, rules: RuleSet) -> bool:
    start, end, more = row["range_start"], row["range_end"], row["more_ranges"]
    agent = row["user_agent"] or ""
    served = row["source"] == "log"
    told = TinyClassifier()._one(agent)
    pieces = [p.split("-") for p in (more or "").split(",") if p]
    match name:
        case "method":
            return row["method"] not in ("GET", None)
        case "not_modified":
            return served and row["status"] == 304
        case "status":
            return served and row["status"] not in (None, 200, 206, 304)
        case "playlist":
            return row["media"].endswith(".m3u8") or (row["part"] or "").endswith(".m3u8")
        case "two_bytes":
            return not more and start is not None and start >= 0 and end == start + 1
        case "ends_at_one":
            return not more and end == 1
        case "tiny_range":
            if start is None or (not more and (start, end) == (0, 1)):
                return False
            sizes = [-start if start < 0 else (9e9 if end is None else end - start + 1)]
            if not more and sizes[0] < 1:
                return False
            sizes += [
                int(b) if not a else (9e9 if not b else int(b) - int(a) + 1) for a, b in pieces
            ]
            return all(size <= 2 for size in sizes)
        case "apple_watch":
            return (agent.startswith("atc/") and "watchOS" in agent) or told[5]
        case "bot":
            return told[0] == "bot" or (told[4] and rules.library_bots)
        case "blank_agent":
            return agent.strip() in ("", "-")
        case "malformed_agent":
            return agent.strip() not in ("", "-") and (
                "\x00" in agent or not re.search("[A-Za-z]", agent)
            )
        case "data_centre" | "vpn":
            return row["network"] == name
        case "bad_referrer":
            return bool(row["referrer"]) and (
                " " in row["referrer"] or "spam.example" in row["referrer"]
            )
    raise AssertionError(name)


def _without_doubles(alive: list[Row], result: NaiveCount) -> list[Row]:
    seen, kept = set(), []
    for row in alive:
        name = row["request_id"]
        request = tuple(
            row[column]
            for column in REQUESTS
            if column not in ("file_id", "line", "session", "asn", "network", "country", "region")
        )
        if name and request in seen:
            result.verdicts[row["file_id"], row["line"]] = "delivered_twice"
            continue
        seen.add(request)
        kept.append(row)
    return kept


def _without_excess(alive: list[Row], rules: RuleSet, result: NaiveCount) -> list[Row]:
    if rules.most_episodes_per_ip is None and rules.most_requests_per_ip is None:
        return alive
    by_ip = defaultdict(list)
    for row in alive:
        by_ip[_ip(row), result.days[row["file_id"], row["line"]]].append(row)
    kept = []
    for (_, day), rows in by_ip.items():
        wanted = {result.episodes[row["file_id"], row["line"]] for row in rows}
        too_many = len(wanted) > (rules.most_episodes_per_ip or 10**9)
        too_much = len(rows) > (rules.most_requests_per_ip or 10**9)
        safe = any(row["network"] in rules.exempt_networks for row in rows) or any(
            entry.ip_hash in (row["ip_hash"], row["ip_hash_previous"]) and entry.holds_on(day)
            for row in rows
            for entry in rules.safe_ips
        )
        if (too_many or too_much) and not safe:
            for row in rows:
                result.verdicts[row["file_id"], row["line"]] = "volume"
        else:
            kept += rows
    return sorted(kept, key=lambda r: (r["time"], r["file_id"], r["line"]))


def _windows(group: list[Row], rules: RuleSet, result: NaiveCount) -> list[list[Row]]:
    windows: list[list[Row]] = []
    for row in group:
        same = False
        if windows:
            first, last = windows[-1][0], windows[-1][-1]
            if rules.window == "calendar":
                same = (
                    result.days[row["file_id"], row["line"]]
                    == result.days[first["file_id"], first["line"]]
                )
            else:
                since = first if rules.window == "rolling" else last
                same = row["time"] - since["time"] < H24
        if same:
            windows[-1].append(row)
        else:
            windows.append([row])
    return windows


def _judge(window: list[Row], rules: RuleSet, known: dict[str, Row], result: NaiveCount) -> None:
    valid = {
        "one_minute": lambda: _holds_a_minute(window, rules, known),
        "any_bytes": lambda: any(
            r["range_start"] is None
            or r["range_end"] is None
            or r["more_ranges"]
            or r["range_end"] != r["range_start"]
            for r in window
        ),
        "none": lambda: True,
    }[rules.threshold]()
    places = [(row["file_id"], row["line"]) for row in window]
    if not valid:
        name = {"one_minute": "below_threshold", "any_bytes": "no_bytes"}[rules.threshold]
        result.verdicts |= dict.fromkeys(places, name)
        return
    result.verdicts |= dict.fromkeys(places, "repeat")
    winner = places[0]
    if rules.keeps_probe:
        probes = {
            place
            for place, row in zip(places, window, strict=True)
            if (row["range_start"], row["range_end"]) == (0, 1)
        }
        larger = [place for place in places if place not in probes]
        if larger:
            winner = larger[0]
            result.verdicts |= dict.fromkeys(probes, "probe_replaced")
    result.verdicts[winner] = "counted"


def _holds_a_minute(window: list[Row], rules: RuleSet, known: dict[str, Row]) -> bool:
    by_media = defaultdict(lambda: defaultdict(set))
    needs = defaultdict(list)
    for row in window:
        if row["time"] - window[0]["time"] >= H24 and rules.window != "calendar":
            continue
        if row["source"] != "log" or (row["status"] is None and row["bytes_sent"] is None):
            return True
        episode = _episode_of(row, known) or {}
        length = episode.get("length_bytes") or None
        size = (row["total_bytes"] or None) if row["part"] else (row["total_bytes"] or length)
        rate = episode.get("bitrate_bps") or rules.assumed_bitrate_bps
        need = None
        if rate and not (episode.get("duration_seconds") or 99) < 60:
            need = (episode.get("header_bytes") or 0) + rate * 60 // 8
        limit = length if row["part"] else size
        if limit is not None:
            need = limit if need is None else min(need, limit)
        got = _bytes(row, size)
        if need is not None and len(got) >= need:
            return True
        start, end = row["range_start"], row["range_end"]
        whole = (start is None and row["status"] != 206) or row["status"] == 200
        whole = whole or (start == 0 and end is None)
        whole = whole or (
            start is not None
            and row["status"] != 206
            and start >= 0
            and end is not None
            and end < start
        )
        if need is None and whole and row["bytes_sent"] != 0 and not _is_stream(row):
            return True
        by_media[_file_of(row, known)][row["part"]] |= got
        needs[_file_of(row, known)].append((bool(row["total_bytes"]), need))
    for media, parts in by_media.items():
        known_needs = [need for told, need in needs[media] if told and need is not None]
        known_needs = known_needs or [need for _, need in needs[media] if need is not None]
        if known_needs and sum(len(got) for got in parts.values()) >= max(known_needs):
            return True
    return False


def _is_stream(row: Row) -> bool:
    return bool(row["part"])


def _bytes(row: Row, size: int | None) -> set[int]:
    start, end = row["range_start"], row["range_end"]
    whole = (
        start is None or row["status"] == 200 or (start >= 0 and end is not None and end < start)
    )
    asked = [(0, None)] if whole else [(start, end)]
    if not whole:
        for piece in (row["more_ranges"] or "").split(","):
            if piece:
                a, b = piece.split("-")
                asked.append((-int(b), None) if not a else (int(a), int(b) if b else None))
    left = 10**6 if row["bytes_sent"] is None else row["bytes_sent"]
    got: set[int] = set()
    for first, last in asked:
        if first < 0:
            length = min(-first, left, 10**6 if size is None else size)
            begin = first if size is None else max(0, size + first)
        else:
            if last is None and size is None and row["bytes_sent"] is None:
                continue
            stop = (10**6 if size is None else size) if last is None else last + 1
            stop = stop if size is None else min(stop, size)
            length, begin = min(left, stop - first), first
        if length > 0:
            got |= set(range(begin, begin + length))
            left -= length
    return got
