"""Logs of one JSON object a line, read by the names of their members."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs import cloudfront
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.blocks import NO_ENVELOPE
from tallycast.measurement.logs.layout import FACTS, Facts, Layout, member, templated
from tallycast.measurement.logs.names import assigned, plain
from tallycast.measurement.logs.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEGAPHONE_URL: Final = "https://traffic.megaphone.fm/{episode_id}.mp3"
_MEGAPHONE: Final = {
    "time": "created_at",
    "ip": "ip",
    "request_id": "id",
    "show_id": "podcast_id",
    "bytes_sent": "bytes_sent",
    "total_bytes": "filesize",
    "user_agent": "user_agent",
    "country": "country",
    "region": "region",
}


def _layout(
    members: Sequence[str], facts: Facts, *, percent: bool = False, foreign_shows: bool = False
) -> Layout:
    # JSON pointers are looked up one by one, names all at once.
    names = _distinct([each for each in members if not each.startswith("/")])
    shape = json.dumps(dict.fromkeys(names or ["time"], "VARCHAR"))
    return Layout(
        record=(
            "TRY(json_transform(CASE WHEN starts_with(text, '{') "
            f"OR starts_with(ltrim(text, ' ' || chr(9)), '{{') THEN text END, {sql.text(shape)}))"
        ),
        problem=(
            f"CASE WHEN text[1] = {sql.text(NO_ENVELOPE)} THEN {sql.text(Reason.NOT_AN_ENVELOPE)} "
            f"WHEN r IS NULL THEN {sql.text(Reason.NOT_JSON)} END"
        ),
        facts=facts,
        escapes="percent" if percent else "",
        foreign_shows=foreign_shows,
    )


def _at(name: str) -> str:
    if name.startswith("/"):
        return f"CASE WHEN r IS NOT NULL THEN json_extract_string(text, {sql.text(name)}) END"
    return member(name)


def ours(names: Sequence[str], mapping: Mapping[str, str]) -> Layout:
    """Objects with our names (as tracked hits have), common ones, or the mapping's.

    Args:
        names: members seen in the file.
        mapping: the source's columns.
    """
    pointers = {fact: each for fact, each in mapping.items() if each.startswith("/")}
    by_name = {fact: each for fact, each in mapping.items() if fact not in pointers}
    # Our own names are always looked for: not every line has every member.
    seen = dict.fromkeys([*FACTS, *by_name.values(), *names])
    found = assigned(list(seen), by_name) | pointers
    # A common name goes where a column of ours is never used in the file.
    if names:
        found |= assigned(list(names), by_name) | pointers
    return _layout(
        list(dict.fromkeys(found.values())), {fact: _at(each) for fact, each in found.items()}
    )


def cloudfront_lines(names: Sequence[str]) -> Layout:
    """CloudFront's v2 JSON lines, by the members seen in the file."""
    used = _distinct([each for each in names if plain(each) in cloudfront.USED])
    return _layout(used, cloudfront.with_members(used), percent=True)


def megaphone(url_template: str) -> Layout:
    """Megaphone's lines. They name an episode, not an address: the template makes one of it."""
    members = [*dict.fromkeys(_MEGAPHONE.values()), "episode_id"]
    facts = {fact: _at(each) for fact, each in _MEGAPHONE.items()}
    facts["url"] = templated(
        url_template or MEGAPHONE_URL, {each: sql.known(member(each)) for each in members}
    )
    return _layout(members, facts, foreign_shows=True)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that differ in more than case, as DuckDB wants them in a struct."""
    return list({each.lower(): each for each in reversed(names) if each}.values())
