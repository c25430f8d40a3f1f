"""What the counting commands show to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tallycast.cli.tables import plain
from tallycast.measurement.logs.reasons import Skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.text import Text

_MOST_ROWS = 20
_MOST_REASONS = 3
_WIDE = 72
_NARROW = 32


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=place > 0)
    return table


def counted(document: Mapping[str, Any]) -> None:
    """One count: its numbers, the waterfall, the days, the episodes."""
    console = Console(highlight=False)
    console.print(
        f"[bold]{document['downloads']:,}[/] downloads by {document['listeners']:,} listeners "
        f"in {document['requests']:,} requests"
    )
    console.print(
        f"rules {document['rules']}, {document['window']} window, days in {document['timezone']}",
        style="dim",
    )
    if document["quarantined"]:
        console.print(
            f"{document['quarantined']:,} lines could not be read: "
            f"{reasons(document['quarantined_by'])}",
            style="yellow",
        )
    if others := document["skipped"].get(Skip.NOT_MEDIA):
        console.print(f"{others:,} lines ask for something else than media", style="dim")
    console.print()
    console.print(_waterfall(document))
    for title, part in (("day", "by_day"), ("episode", "by_episode")):
        console.print()
        console.print(_parts(title, document[part]))
        if len(document[part]) > _MOST_ROWS:
            console.print(f"… and {len(document[part]) - _MOST_ROWS} more (--json shows all)")


def reasons(found: Mapping[str, int]) -> str:
    """`12 no time, 3 status not understood`: the most frequent ones."""
    told = [f"{count:,} {reason}" for reason, count in list(found.items())[:_MOST_REASONS]]
    return ", ".join([*told, "…"] if len(found) > _MOST_REASONS else told)


def _waterfall(document: Mapping[str, Any]) -> Table:
    table = _table("waterfall", "requests", "left")
    left = document["requests"]
    table.add_row("requests", "", f"{left:,}")
    for step in document["waterfall"]:
        left -= step["dropped"]
        table.add_row(f"  {step['rule']}", f"-{step['dropped']:,}", f"{left:,}")
    table.add_row("downloads", "", f"{document['downloads']:,}")
    return table


def _parts(title: str, parts: Mapping[str, Mapping[str, int]]) -> Table:
    table = _table(title, "downloads", "requests")
    rows: Iterable[tuple[str, Mapping[str, int]]] = parts.items()
    if title != "day":
        rows = sorted(rows, key=lambda row: (-row[1]["downloads"], row[0]))
    for name, part in list(rows)[:_MOST_ROWS]:
        table.add_row(plain(name, _WIDE), f"{part['downloads']:,}", f"{part['requests']:,}")
    return table


def explained(document: Mapping[str, Any]) -> None:
    """Why one line ended as it did: every fact that was looked at."""
    _facts(Console(highlight=False), document)


def compared(document: Mapping[str, Any]) -> None:
    """Two counts side by side: the total, and where they differ most."""
    console = Console(highlight=False)
    total, apart = document["total"], document["differences"]
    within = "[green]within ±5 %[/]" if total["acceptable"] else "[red]beyond ±5 %[/]"
    sides = [f"{document[side]['rules']}: [bold]{total[side]:,}[/]" for side in ("first", "second")]
    console.print(f"{' · '.join(sides)} downloads, {_percent(total)}, {within}")
    for rule, gap in total["explained_by"].items():
        word = "more" if gap > 0 else "fewer"
        console.print(f"  the second drops {abs(gap):,} {word} by {rule}")
    console.print(
        f"{document['equal']} episodes and days are equal, {len(apart)} differ, "
        f"{document['beyond']} of them beyond ±5 %",
        style="dim",
    )
    if not apart:
        return
    table = _table("episode", "day", "first", "second", "difference", "explained by")
    table.columns[0].min_width = _NARROW // 2
    table.columns[-1].no_wrap = False
    for each in apart[:_MOST_ROWS]:
        why = [f"{rule} {gap:+,}" for rule, gap in each["explained_by"].items()]
        table.add_row(
            _end_of(each["episode_id"]),
            each["day"],
            f"{each['first']:,}",
            f"{each['second']:,}",
            _percent(each),
            ", ".join(why[:2]),
        )
    console.print()
    console.print(table)
    if len(apart) > _MOST_ROWS:
        console.print(f"… and {len(apart) - _MOST_ROWS} more (--json shows all)")


def _end_of(episode: str) -> Text:
    """What tells episodes apart stands at the end of an address."""
    return plain(episode if len(episode) <= _NARROW else f"…{episode[1 - _NARROW :]}", _NARROW)


def _percent(difference: Mapping[str, Any]) -> str:
    return "new" if difference["share"] is None else f"{difference['share']:+.2%}"


def _facts(console: Console, document: Mapping[str, Any], indent: int = 0) -> None:
    for name, value in document.items():
        label = f"{' ' * indent}{name:{max(22 - indent, 1)}} "
        if isinstance(value, dict):
            console.print(label.rstrip(), style="bold")
            _facts(console, value, indent + 2)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(label.rstrip(), style="bold")
            for part in value[:_MOST_ROWS]:
                text = ", ".join(f"{key} {one}" for key, one in part.items())
                console.print(" " * (indent + 2), plain(text, 160), sep="")
            if len(value) > _MOST_ROWS:
                console.print(f"{' ' * (indent + 2)}… and {len(value) - _MOST_ROWS} more")
        elif value not in (None, [], ""):
            console.print(label, plain(value, 160), sep="")
