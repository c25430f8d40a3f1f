"""What the commands show to people. Text from feeds is escaped: it may hold terminal codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.feeds.comparison import FeedDiff
    from tallycast.feeds.model import ParsedFeed

_MOST_ROWS = 20
_PRINTED = 60
_NUMBERS = {"seconds", "failures", "episodes", "times"}
_IDS = {"feed", "episode"}  # what the next command is given: never cut


def plain(value: object, width: int = _PRINTED) -> Text:
    """A stranger's text, safe for a terminal: control characters out, cut to a width."""
    text = "" if value is None else str(value)
    safe = "".join(char if char.isprintable() else " " for char in text)
    return Text(safe if len(safe) <= width else safe[: width - 1] + "…")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = column in _NUMBERS
        whole = number or column in _IDS
        table.add_column(column, justify="right" if number else "left", no_wrap=whole)
    return table


def feed(parsed: ParsedFeed) -> None:
    """One parsed feed: what it is, its latest episodes, what is wrong with it."""
    console = Console(highlight=False)
    show = parsed.show
    console.print(plain(show.title or "(no title)", 100), style="bold")
    facts = [
        f"{parsed.format}, read by the {parsed.road} road",
        f"{len(parsed.episodes)} episodes",
        f"quality {parsed.quality:.0f} of 100",
    ]
    console.print(" · ".join(facts), style="dim")
    table = _table("published", "seconds", "identity", "title")
    for episode in parsed.episodes[:_MOST_ROWS]:
        table.add_row(
            episode.published.strftime("%Y-%m-%d %H:%M") if episode.published else "-",
            "-" if episode.duration_seconds is None else str(episode.duration_seconds),
            episode.identity,
            plain(episode.title),
        )
    console.print(table)
    if len(parsed.episodes) > _MOST_ROWS:
        console.print(f"… and {len(parsed.episodes) - _MOST_ROWS} more (--json shows all)")
    if parsed.warnings:
        warnings = _table("warning", "times", "for instance")
        for warning in parsed.warnings:
            warnings.add_row(warning.code, str(warning.count), plain(warning.example))
        console.print()
        console.print(warnings)


def diff(found: FeedDiff) -> None:
    """What changed between two states of a feed."""
    console = Console(highlight=False)
    console.print(
        f"{found.common} in both, {len(found.new)} new, {len(found.updated)} updated, "
        f"{len(found.gone)} gone"
    )
    for sign, identities in (("+", found.new), ("~", found.updated), ("-", found.gone)):
        for identity in identities:
            console.print(Text(f"{sign} ") + plain(identity, 100))


def feeds(found: Sequence[dict[str, Any]]) -> None:
    """The registry."""
    table = _table("feed", "status", "episodes", "last poll", "next poll (UTC)", "title")
    for one in found:
        last = one.get("last_outcome") or "-"
        table.add_row(
            one["feed_id"],
            one["status"],
            str(one["episodes"]),
            f"{last} ({one['failures']})" if one["failures"] else last,
            _minute(one.get("next_poll_at"))[5:] or "-",
            plain(one.get("title") or one["url"], 40),
        )
    Console(highlight=False).print(table)


def one_feed(found: dict[str, Any]) -> None:
    """One feed of the registry, every field."""
    console = Console(highlight=False)
    for name, value in found.items():
        if value not in (None, [], ""):
            console.print(Text(f"{name:18} ") + plain(value, 100))


def episodes(found: Sequence[dict[str, Any]]) -> None:
    """Episodes, newest first."""
    table = _table("published", "seconds", "episode", "title")
    for one in found:
        seconds = one.get("duration_seconds")
        table.add_row(
            _minute(one.get("published")),
            "-" if seconds is None else str(seconds),
            one["episode_id"],
            plain(one.get("title")),
        )
    Console(highlight=False).print(table)


def _minute(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "-"
