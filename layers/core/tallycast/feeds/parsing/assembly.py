"""From what was read to the normal form: the show, identities settled, all counted and graded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tallycast.feeds.identity import enclosure_key, identify
from tallycast.feeds.model import Episode, ParsedFeed, QuarantinedItem
from tallycast.feeds.parsing.quality import quality
from tallycast.feeds.parsing.shows import build_show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.feeds.parsing.context import Context
    from tallycast.feeds.parsing.strict import Reading


@dataclass(slots=True)
class Placed:
    """An episode and where its item stood, counted from 0."""

    position: int
    episode: Episode
    source: str = ""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A feed in normal form, and the position of each of its episodes' items."""

    feed: ParsedFeed
    positions: tuple[int, ...]


def assemble(reading: Reading, context: Context, road: Literal["strict", "tolerant"]) -> Assembled:
    """Build the show and put the episodes under it; no item is lost without a word."""
    show = build_show(reading.channel, context)
    placed: list[Placed] = []
    quarantined: list[QuarantinedItem] = []
    context.warnings.add_all(reading.item_warnings)
    for position, item in enumerate(reading.items):
        episode = item.under(show.persons)
        if episode is None:
            reason = "no guid, enclosure or title"
            quarantined.append(QuarantinedItem(position, reason, item.source))
        else:
            placed.append(Placed(position, episode, item.source))
    placed, twins = settle(placed, context)
    quarantined += twins
    warn = context.warnings.add
    if quarantined:
        warn("item_without_identity", quarantined[0].raw, count=len(quarantined))
    if reading.left_out:
        warn("truncated", f"{reading.left_out} items left out", count=reading.left_out)
    if not show.title:
        warn("show_without_title")
    warnings = context.warnings.counted()
    feed = ParsedFeed(
        reading.format,
        show,
        tuple(one.episode for one in placed),
        warnings,
        tuple(sorted(quarantined, key=lambda item: item.position)),
        quality(warnings, len(reading.items)),
        road,
        reading.namespaces,
    )
    return Assembled(feed, tuple(one.position for one in placed))


def settle(placed: list[Placed], context: Context) -> tuple[list[Placed], list[QuarantinedItem]]:
    """Make identities unique within the document.

    - A guid that comes again with the same enclosure is the same episode: the first stays.
    - A guid on different enclosures tells nothing: all its items go by their enclosure.
    - An enclosure that different items share (by mistake, or told apart by the query only) stays
      with the earliest of them, so that it keeps its identity when a later one comes; the
      others go by title and date. The same title and date again is the same item.
    - Whatever still is not unique is quarantined.
    """
    if len({(one.episode.identity, one.episode.identity_value) for one in placed}) == len(placed):
        return placed, []
    kept = _by_guid(placed, context)
    kept = _by_enclosure(kept, context)
    return _by_title(kept)


def _grouped(placed: Iterable[Placed], identity: str) -> list[list[Placed]]:
    """The items that share a value of this identity, where there are at least two."""
    groups: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        if one.episode.identity == identity:
            groups[one.episode.identity_value].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _by_guid(placed: list[Placed], context: Context) -> list[Placed]:
    dropped: set[int] = set()
    for group in _grouped(placed, "guid"):
        seen: dict[str | None, Placed] = {}
        for one in group:
            media = one.episode.enclosure
            if seen.setdefault(enclosure_key(media.url) if media else None, one) is not one:
                dropped.add(one.position)
                context.warnings.add("duplicate_guid", one.episode.identity_value)
        if len(seen) > 1:
            context.warnings.add("guid_reused", group[0].episode.guid, count=len(seen))
            for one in seen.values():
                _identify_without(one, guid=None)
    return [one for one in placed if one.position not in dropped]


def _by_enclosure(placed: list[Placed], context: Context) -> list[Placed]:
    dropped: set[int] = set()
    for group in _grouped(placed, "enclosure"):
        seen: dict[tuple[object, object], Placed] = {}
        for one in group:
            if seen.setdefault((one.episode.title, one.episode.published), one) is not one:
                dropped.add(one.position)
                context.warnings.add("duplicate_item", one.episode.identity_value)
        if len(seen) > 1:
            context.warnings.add(
                "enclosure_reused", group[0].episode.identity_value, count=len(seen)
            )
            first = _earliest(list(seen.values()))
            for one in seen.values():
                if one is not first:
                    _identify_without(one, guid=None, enclosure=None)
    return [one for one in placed if one.position not in dropped]


def _earliest(group: list[Placed]) -> Placed:
    """The one published first; without dates the last in the document, where old ones are."""
    dated = [one for one in reversed(group) if one.episode.published is not None]
    return min(dated, key=_published) if dated else group[-1]


def _published(one: Placed) -> float:
    return one.episode.published.timestamp() if one.episode.published else 0.0


def _identify_without(one: Placed, **gone: None) -> None:
    episode = one.episode
    media = None if "enclosure" in gone or not episode.enclosure else episode.enclosure.url
    found = identify(None, media, episode.title, episode.published)
    # Without a title nothing better is left: `_by_title` quarantines what stays ambiguous.
    kind, value = found or ("title", "")
    one.episode = replace(episode, identity=kind, identity_value=value)


def _by_title(placed: list[Placed]) -> tuple[list[Placed], list[QuarantinedItem]]:
    kept: list[Placed] = []
    quarantined: list[QuarantinedItem] = []
    seen: set[str] = set()
    for one in placed:
        value = one.episode.identity_value
        if one.episode.identity == "title":
            if not value or value in seen:
                reason = "another item has the same title and date" if value else "no title"
                quarantined.append(QuarantinedItem(one.position, reason, one.source or value))
                continue
            seen.add(value)
        kept.append(one)
    return kept, quarantined
