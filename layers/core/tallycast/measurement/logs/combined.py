"""nginx's and Apache's combined log (also common, and with the virtual host in front).

What follows the user agent is additions, whatever their order: named by the source, or only
looked at for byte ranges. The size in the line itself is that of the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.layout import Facts, Layout
from tallycast.measurement.logs.reasons import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE: Final = r'^\S+ \S+ .*\[\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\] "'

# Escaped quotes and backslashes stand aside while the line is cut at its quotes.
_QUOTE: Final = "chr(1)"
_SLASH: Final = "chr(2)"
_ESCAPES: Final = r"'\\x|\x01|\x02'"
_ASIDE: Final = (
    r"CASE WHEN contains(text, '\') THEN "
    rf"replace(replace(text, '\\', {_SLASH}), '\"', {_QUOTE}) ELSE text END"
)
# nginx's variables and what they are here. `$bytes_sent` holds the headers too, so the line's own
# size goes before it.
_VARIABLES: Final = {
    "http_range": "range",
    "range": "range",
    "host": "host",
    "http_host": "host",
    "server_name": "host",
    "scheme": "scheme",
    "request_id": "request_id",
    "http_x_amzn_trace_id": "request_id",
    "sent_http_content_range": "content_range",
    "content_range": "content_range",
    "http_x_playback_session_id": "session",
    "session": "session",
    "geoip_country_code": "country",
    "geoip2_data_country_code": "country",
    "country": "country",
    "region": "region",
    "asn": "asn",
    "total_bytes": "total_bytes",
    "msec": "time",
    "time_iso8601": "time",
}


def layout(additions: Sequence[str]) -> Layout:
    """Lines of the combined format.

    Args:
        additions: nginx's names of what follows the user agent, with or without `$`.
    """
    return Layout(
        record=f"string_split({_ASIDE}, '\"')",
        problem=(
            f"CASE WHEN length(r) < 3 OR NOT contains(r[1], '[') "
            f"THEN {sql.text(Reason.NOT_COMBINED)} END"
        ),
        skip=(
            "CASE WHEN (contains(text, '] \"-\" ') OR contains(text, '] \"\" ')) "
            "AND split_part(text, '\"', 2) IN ('-', '') "
            f"THEN {sql.text(Skip.NO_REQUEST)} WHEN starts_with(text, '#') "
            f"THEN {sql.text(Skip.COMMENT)} END"
        ),
        facts=_facts(additions),
        escapes="backslash",
    )


def _facts(additions: Sequence[str]) -> Facts:
    first, second = "split_part(r[1], ' ', 1)", "split_part(r[1], ' ', 2)"
    # The first of a list of addresses (`203.0.113.7, 10.0.0.1`) is the listener's, and no host.
    has_host = (
        f"({second} <> '-' AND NOT suffix({first}, ',') "
        f"AND regexp_full_match({second}, '[0-9a-fA-F:]*[.:][0-9a-fA-F:.]*') "
        f"AND NOT regexp_full_match({first}, '[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*'))"
    )
    after_method = "substr(r[2], length(split_part(r[2], ' ', 1)) + 2)"
    target = (
        f"(CASE WHEN r[2][-9:] LIKE ' HTTP/_._' THEN left({after_method}, -9) "
        f"WHEN r[2][-7:] LIKE ' HTTP/_' THEN left({after_method}, -7) ELSE {after_method} END)"
    )
    # What the server has escaped is percent-encoded, as the client should have sent it.
    encoded = rf"regexp_replace({target}, '\\x([0-9A-Fa-f]{{2}})', '%\1', 'g')"
    encoded = f"replace(replace({encoded}, {_QUOTE}, '%22'), {_SLASH}, '%5C')"
    found: Facts = {
        "ip": f"CASE WHEN {has_host} THEN {second} ELSE {first} END",
        "host": f"CASE WHEN {has_host} THEN regexp_replace({first}, ':(80|443)$', '') END",
        "time": "rtrim(string_split(r[1], '[')[-1], '] ')",
        "method": "split_part(r[2], ' ', 1)",
        "url": f"CASE WHEN regexp_matches({target}, {_ESCAPES}) THEN {encoded} ELSE {target} END",
        "status": "split_part(trim(r[3]), ' ', 1)",
        "bytes_sent": "split_part(trim(r[3]), ' ', 2)",
        "referrer": _restored("r[4]"),
        "user_agent": _restored("r[6]"),
    }
    rest = "array_to_string(r[7:], '\"')"
    if not additions:
        found["range"] = f"nullif(regexp_extract({rest}, '(?i)bytes=[0-9, -]+'), '')"
        found["content_range"] = f"nullif(regexp_extract({rest}, 'bytes [0-9]+-[0-9]+/[0-9]+'), '')"
    tokens = f'regexp_extract_all({rest}, \'"[^"]*"|[^ "]+\')'
    for place, addition in enumerate(additions, 1):
        fact = _VARIABLES.get(addition.strip().lstrip("$").lower())
        if fact is not None:
            found[fact] = f"trim({tokens}[{place}], '\"')"
    return found


def _restored(expression: str) -> str:
    """Quotes and backslashes back where they were, still escaped."""
    return rf"replace(replace({expression}, {_QUOTE}, '\"'), {_SLASH}, '\\')"
