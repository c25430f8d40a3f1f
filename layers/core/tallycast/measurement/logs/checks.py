"""The SQL that judges rows: facts as text, then types, checks in order, and a verdict.

Only facts that a format has become columns; the others are the word NULL, which costs nothing.
"""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.feeds.parameters import NAMES_A_FILE, PARAMETER
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.blocks import TOO_LONG
from tallycast.measurement.logs.layout import FACTS
from tallycast.measurement.logs.reasons import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.measurement.logs.layout import Layout
    from tallycast.measurement.logs.model import LogSource

_NUMBERS: Final = ("range_start", "range_end", "bytes_sent", "total_bytes")
_LATEST_US: Final = 253_402_300_799_000_000  # the end of the year 9999
_MADE: Final = frozenset({"method", "url"})  # there even if the format lacks them


def fact(layout: Layout, name: str, table: str = "f") -> str:
    """The SQL of a fact in the table `facts`; NULL where the format lacks it."""
    if name in layout.facts or name in _MADE:
        return f"{table}.{sql.name(name)}"
    return "CAST(NULL AS VARCHAR)"


def seen_by(layout: Layout, otherwise: str, table: str) -> str:
    """The SQL of who saw a request, `log` or `prefix`: as the row says, if it says so."""
    if "source" not in layout.facts:
        return sql.text(otherwise)
    seen = fact(layout, "source", table)
    return f"CASE WHEN {seen} IN ('log', 'prefix') THEN {seen} ELSE {sql.text(otherwise)} END"


def facts_sql(layout: Layout, source: LogSource, now: datetime) -> str:
    """SQL of table `facts` from `lines`: text, and the time as `us` and its `month`.

    A URL that is only a path gets scheme and host; the fragment goes, and so does the query,
    which often holds who is asking, but for what may say which file is asked for (`file_key`).
    `month` is NULL for a time that is not believed.
    """
    # The record is made once, its parts are taken once, and only then looked at. A skipped line
    # has no text; a condition around the record instead would copy it.
    record = (
        f"SELECT *, {layout.record} AS r FROM (SELECT line, skip, "
        "CASE WHEN skip IS NULL THEN text END AS text "
        f"FROM (SELECT *, coalesce({sql.MARKED}, {layout.skip}) AS skip FROM lines))"
        if layout.of_text
        else "SELECT *, CAST(NULL AS VARCHAR) AS skip, '' AS text FROM lines"
    )
    problem = (
        f"CASE WHEN skip IS NOT NULL THEN NULL WHEN starts_with(text, {sql.text(TOO_LONG)}) "
        f"THEN {sql.text(Reason.LINE_TOO_LONG)} ELSE {layout.problem} END AS problem"
    )
    cells = ", ".join(
        f"CAST({layout.facts[name]} AS VARCHAR) AS {sql.name(name)}"
        for name in FACTS
        if name in layout.facts
    )
    parts = f"SELECT line, skip, {problem}{', ' if cells else ''}{cells} FROM ({record})"
    known = {name: sql.known(sql.name(name)) for name in FACTS if name in layout.facts}
    known.setdefault("method", "'GET'")  # a list of downloads, not a server's log
    known.setdefault("url", "CAST(NULL AS VARCHAR)")
    columns = ", ".join(f"{expression} AS {sql.name(name)}" for name, expression in known.items())
    us = sql.microseconds('"time"', source.time_format) if "time" in known else "NULL"
    parts_of_url = ", ".join(name for name in ("host", "scheme") if name in layout.facts)
    exclude = f"EXCLUDE ({parts_of_url})" if parts_of_url else ""
    believed = f"us BETWEEN {sql.YEAR_2000_US} AND {_latest(now)}"
    return (
        f"SELECT * {exclude}, CASE WHEN {believed} "
        "THEN CAST(date_trunc('month', make_timestamp(us)) AS DATE) END AS month "
        f"FROM (SELECT * REPLACE ({_whole_url(layout, source)} AS url), CAST({us} AS BIGINT) AS us "
        f"FROM (SELECT line, skip, problem, {columns} FROM ({parts})) k)"
    )


def _whole_url(layout: Layout, source: LogSource) -> str:
    whole = "split_part(url, '#', 1)"
    path = f"split_part({whole}, '?', 1)"
    query = f"substr({whole}, length({path}) + 1)"
    which = f"array_to_string(regexp_extract_all({query}, {sql.text(PARAMETER)}, 1), '&')"
    bare = (
        "CASE WHEN NOT (contains(url, '?') OR contains(url, '#')) THEN url "
        f"WHEN NOT contains(url, '=') OR regexp_matches({path}, {sql.text(NAMES_A_FILE)}) "
        f"THEN {path} ELSE {path} || coalesce('?' || nullif({which}, ''), '') END"
    )
    host = f"coalesce({fact(layout, 'host', 'k')}, {sql.text(source.host)})"
    scheme = f"coalesce(lower({fact(layout, 'scheme', 'k')}), {sql.text(source.scheme)})"
    return (
        f"CASE WHEN starts_with(url, '/') AND {host} <> '' "
        f"THEN concat({scheme}, '://', lower({host}), {bare}) ELSE {bare} END"
    )


def _latest(now: datetime) -> int:
    return int(now.timestamp() * 1_000_000) + sql.DAY_US


def judged_sql(layout: Layout, source: LogSource, now: datetime) -> str:
    """SQL of all rows of `facts`, joined with the dictionaries, typed, with `skip` and `reason`.

    Both are NULL for a good row; the first check that fails gives the reason.
    """
    numbers = ", ".join(
        f"{sql.whole_number(fact(layout, name))} AS {name}_number" for name in _NUMBERS
    )
    typed = (
        "SELECT f.*, u.* EXCLUDE (url), a.* EXCLUDE (ip, month), s.asn_network, "
        f"{sql.ranges(fact(layout, 'range'))} AS asked, {numbers} "
        "FROM facts f LEFT JOIN urls u ON u.url = f.url "
        f"LEFT JOIN systems s ON s.asn = {fact(layout, 'asn')} "
        f"LEFT JOIN addresses a ON a.ip = {fact(layout, 'ip')} AND a.month = f.month"
    )
    # Bounds are taken out of the range once; what they mean is for `rows` to say.
    start, end = sql.first_bounds("asked")
    bounded = (
        f"SELECT *, CASE WHEN asked IS NULL THEN coalesce(range_start_number, "
        f"{sql.suffix(fact(layout, 'range_start', 't'))}) ELSE {start} END AS range_first, "
        f"CASE WHEN asked IS NULL THEN range_end_number ELSE {end} END AS range_last "
        f"FROM ({typed}) t"
    )
    # A redirect leads to the files of a feed only: whatever it saw is media, if it is a file. That
    # is said of ours. The logs of others also hold what their hosts were asked for beside.
    redirected = f"{seen_by(layout, source.source or 'log', 't')} = 'prefix'"
    gone = f"coalesce(skip, CASE WHEN problem IS NULL AND NOT {redirected} THEN url_skip END)"
    reason = _reason(layout, redirected, now)
    return f"SELECT *, {reason} AS reason, {gone} AS gone FROM ({bounded}) t"


# What is in nearly every line is asked for before the patterns, which take longer.
_BAD_METHOD: Final = (
    "method NOT IN ('GET', 'HEAD') AND NOT regexp_full_match(method, '[A-Za-z][A-Za-z_-]{0,19}')"
)


def _reason(layout: Layout, redirected: str, now: datetime) -> str:
    def t(name: str) -> str:
        return fact(layout, name, "t")

    status = t("status")
    bad_status = (
        f"{status} NOT IN ('200', '206') AND NOT "
        rf"regexp_full_match({status}, '\d{{1,3}}(\.0{{1,6}})?')"
    )
    verdicts = [
        ("problem IS NOT NULL", "problem"),
        (f"{t('kind')} = 'unresolved_hit'", Reason.UNRESOLVED),
        ("url IS NULL", Reason.NO_URL),
        ("url_problem IS NOT NULL", "url_problem"),
        (f"media IS NULL AND {redirected}", Reason.NO_FILE),
        (f"{t('time')} IS NULL", Reason.NO_TIME),
        (f"us IS NULL OR abs(us) > {_LATEST_US}", Reason.BAD_TIME),
        (f"us < {sql.YEAR_2000_US}", Reason.TOO_EARLY),
        (f"us > {_latest(now)}", Reason.TOO_LATE),
        (_BAD_METHOD, Reason.BAD_METHOD),
        (bad_status, Reason.BAD_STATUS),
        (f"{t('bytes_sent')} IS NOT NULL AND bytes_sent_number IS NULL", Reason.BAD_BYTES),
        (f"{t('ip')} IS NULL AND {t('ip_hash')} IS NULL", Reason.NO_ADDRESS),
        (
            f"{t('ip')} IS NOT NULL AND new_hash IS NULL",
            f"coalesce(ip_problem, {sql.text(Reason.NO_KEY)})",
        ),
    ]
    cases = " ".join(
        f"WHEN {test} THEN {sql.text(word) if isinstance(word, Reason) else word}"
        for test, word in verdicts
    )
    return f"CASE {cases} END"
