"""The SQL of the columns of REQUESTS, from rows that were judged good."""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.lengths import LONGEST_KEPT
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.checks import fact, judged_sql, seen_by
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.measurement.logs.layout import Layout
    from tallycast.measurement.logs.model import LogSource

_NETWORKS: Final = "'household', 'commercial', 'cellular', 'data_centre', 'vpn', 'relay', 'unknown'"


def requests_sql(layout: Layout, source: LogSource, file_id: str, now: datetime) -> str:
    """SQL of the rows of REQUESTS, in any order."""
    columns = {
        "time": "make_timestamp(us)",
        "file_id": sql.text(file_id),
        "line": "line",
        "media": _private(layout, "media"),
        "part": _private(layout, "part"),
        "method": "upper(method)",
        "status": f"split_part({fact(layout, 'status', 'j')}, '.', 1)",
        "bytes_sent": "bytes_sent_number",
        **_whose(layout, source),
        **_ranges(layout),
        **_network(layout, source.ip_key),
        **_texts(layout),
    }
    members = ", ".join(
        f"CAST({columns[name]} AS {kind}) AS {name}" for name, kind in REQUESTS.items()
    )
    words = "".join(
        f" LEFT JOIN words {each}_word ON {each}_word.word = j.{each}" for each in layout.escaped
    )
    return (
        f"SELECT {members} FROM ({judged_sql(layout, source, now)}) j{words} "
        "WHERE gone IS NULL AND reason IS NULL"
    )


def _whose(layout: Layout, source: LogSource) -> dict[str, str]:
    """Who saw it and which show it was for."""
    show = fact(layout, "show_id", "j")
    cases = " ".join(
        f"WHEN {sql.text(theirs)} THEN {sql.text(mine)}" for theirs, mine in source.shows.items()
    )
    # Another system's name of a show is no id of ours, unless the source says which.
    other = "NULL" if layout.foreign_shows else show
    known = f"CASE {show} {cases} ELSE {other} END" if cases else other
    return {
        "source": seen_by(layout, source.source or layout.source, "j"),
        "show_id": f"coalesce({known}, {sql.text(source.show_id)})",
    }


def _ranges(layout: Layout) -> dict[str, str]:
    """The range asked for, else the bounds that came as columns, else what the answer held."""
    rest = "CASE WHEN contains(asked, ',') THEN substr(asked, instr(asked, ',') + 1) END"
    # Without a start, or with an end before it, there is no range.
    good = "range_first IS NOT NULL AND (range_last IS NULL OR range_last >= range_first)"
    content = fact(layout, "content_range", "j")
    sent = [sql.content_range(content, part) for part in (1, 2, 3)]
    silent = f"coalesce({fact(layout, 'range', 'j')}, {fact(layout, 'range_start', 'j')}) IS NULL"
    more = fact(layout, "more_ranges", "j")
    return {
        "range_start": f"CASE WHEN {good} THEN range_first WHEN {silent} THEN {sent[0]} END",
        "range_end": f"CASE WHEN {good} THEN range_last WHEN {silent} THEN {sent[1]} END",
        "more_ranges": f"CASE WHEN asked IS NOT NULL THEN {rest} "
        f"WHEN range_start_number IS NOT NULL AND regexp_full_match({more}, '[0-9,-]+') "
        f"THEN {sql.cut(more, LONGEST_KEPT)} END",
        "total_bytes": f"coalesce(total_bytes_number, {sent[2]})",
    }


def _network(layout: Layout, given: str) -> dict[str, str]:
    """What stands for the address, and where it is.

    Args:
        layout: of the rows.
        given: what to call the key of hashes that came with the log.
    """
    ip, key, hashed, previous = (
        fact(layout, name, "j") for name in ("ip", "ip_key", "ip_hash", "ip_hash_previous")
    )
    country, region, asn, network = (
        fact(layout, name, "j") for name in ("country", "region", "asn", "network")
    )
    number = sql.whole_number(f"ltrim(upper({asn}), 'AS')", 10)
    return {
        "ip_key": f"CASE WHEN {ip} IS NOT NULL THEN new_key "
        f"ELSE coalesce({key}, {sql.text(given)}) END",
        "ip_hash": f"CASE WHEN {ip} IS NOT NULL THEN new_hash ELSE {sql.cut(hashed, 128)} END",
        # Hashes without the name of a key were made by somebody who does not change theirs.
        "ip_hash_previous": f"CASE WHEN {ip} IS NOT NULL THEN new_hash_previous "
        f"WHEN {previous} IS NULL AND {key} IS NULL THEN {sql.cut(hashed, 128)} "
        f"ELSE {sql.cut(previous, 128)} END",
        "country": f"coalesce(ip_country, CASE WHEN regexp_full_match({country}, '[A-Za-z]{{2}}') "
        f"THEN upper({country}) END)",
        "region": f"coalesce(ip_region, {sql.cut(region, 64)})",
        "asn": f"coalesce(ip_asn, try_cast({number} AS INTEGER))",
        # An address says most, if anything is known of it; a tracked hit has none, but knows whose
        # network it came from.
        "network": "coalesce(nullif(ip_network, 'unknown'), "
        f"CASE WHEN {network} IN ({_NETWORKS}) THEN {network} END, asn_network, ip_network)",
    }


def _texts(layout: Layout) -> dict[str, str]:
    referrer = sql.cut(_plain(layout, "referrer"), LONGEST_KEPT)
    return {
        "user_agent": _private(layout, sql.cut(_plain(layout, "user_agent"), LONGEST_KEPT)),
        "referrer": f"CASE WHEN {referrer} IS NOT NULL THEN {sql.masked(referrer)} END",
        "request_id": _private(layout, sql.cut(fact(layout, "request_id", "j"), 256)),
        "session": _private(layout, sql.cut(fact(layout, "session", "j"), 128)),
    }


def _plain(layout: Layout, name: str) -> str:
    """A text as the client sent it."""
    written = fact(layout, name, "j")
    return f"coalesce({name}_word.{name}, {written})" if name in layout.escaped else written


def _private(layout: Layout, expression: str) -> str:
    """Text without the requester's own address, should somebody have put it there."""
    e, ip = expression, fact(layout, "ip", "j")
    return (
        f"CASE WHEN contains({e}, {ip}) THEN replace({e}, {ip}, '{sql.MASK_4}') "
        f"WHEN contains({e}, address) "
        f"THEN replace({e}, address, '{sql.MASK_4}') ELSE {e} END"
    )
