"""What the demo shows at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from tallycast.cli.tables import plain
from tallycast.demo.habits import Phase
from tallycast.demo.truth import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from infra.demo.ledger import Line
    from tallycast.demo.origin import DemoOrigin
    from tallycast.demo.shows import DemoShow
    from tallycast.demo.truth import Truth

_ACTS = {
    Phase.FIRST_TICK: "First polls",
    Phase.SECOND_TICK: "Tick 1, after new episodes, moves and troubles",
    Phase.THIRD_TICK: "Tick 2, after more of it",
}
WIDTH = 100  # of what is no terminal
_WIDE = 124  # of the terminal that shows everything uncut
_COLUMNS = {
    "new": "new",
    "updated": "edited",
    "moved": "moved",
    "gone": "gone",
    "unchanged": "same",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the bus told: the episodes that are true, how often each was told, events by kind."""

    wanted: set[str]
    published: Counter[str]
    events: Counter[str]

    @property
    def exactly_once(self) -> bool:
        """Whether every true episode, and nothing else, was published once."""
        return self.published == Counter(self.wanted)


def truly_refused(truth: Truth) -> dict[str, str]:
    """Feeds that must be refused at registration, with the error's name."""
    return {
        each.slug: each.error or ""
        for each in truth.of(Phase.REGISTRATION)
        if each.kind is OutcomeKind.REFUSED
    }


def faults(lines: Sequence[Line], heard: Heard) -> list[str]:
    """What is not the truth of the feeds, a phrase each."""
    found = []
    if wrong := sum(not each.agrees for each in lines):
        found.append(f"{wrong} polls differ from the truth")
    if not heard.exactly_once:
        found.append("not every episode was published exactly once")
    return found


def show(
    console: Console,
    shows: Iterable[DemoShow],
    lines: Sequence[Line],
    refused: dict[str, str],
    heard: Heard,
) -> None:
    """Print one table per act, then the sums."""
    show_width, host_width = (28, 38) if console.width >= _WIDE else (22, 24)
    habits = {each.slug: each.habit for each in shows}
    for phase, act in _ACTS.items():
        console.print()
        console.print(act, style="bold")
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("", no_wrap=True)
        table.add_column("show", no_wrap=True)
        table.add_column("its host", style="dim", no_wrap=True, max_width=host_width)
        table.add_column("outcome", no_wrap=True, min_width=15)
        for title in _COLUMNS.values():
            table.add_column(title, justify="right", min_width=len(title), no_wrap=True)
        for each in (each for each in lines if each.expected.phase is phase):
            table.add_row(
                "[green]✓[/]" if each.agrees else "[red]✗[/]",
                plain(each.expected.slug, show_width),
                plain(habits[each.expected.slug].description, host_width),
                (each.error or _outcome(each)).removesuffix("Error"),
                *(str(each.counts.get(name, 0) or "·") for name in _COLUMNS),
            )
        console.print(table)
    console.print()
    for slug, error in refused.items():
        console.print(f"Refused at registration: {slug} ({error})")
    same = sum(each.agrees for each in lines)
    told = sum(heard.published.values())
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(heard.events.items()))
    console.print(f"Polls that match the known truth (✓): {same} of {len(lines)}")
    console.print(f"Events on the bus: {kinds}")
    once = "[green]each exactly once[/]" if heard.exactly_once else "[red]NOT each once[/]"
    console.print(f"Episodes published: {told} of {len(heard.wanted)}, {once}")


def show_requests(console: Console, origin: DemoOrigin) -> None:
    """Print what the hosts saw of us."""
    seen = origin.requests()
    statuses = Counter(each.status for each in seen)
    listed = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    sent = sum(each.sent for each in seen) / 1024
    conditional = sum(each.conditional for each in seen)
    console.print(
        f"Requests at the hosts: {len(seen)} ({conditional} conditional): {listed}; {sent:.0f} kB"
    )


def _outcome(each: Line) -> str:
    if each.moved_to:
        return "moved"
    touched = any(each.counts.get(name, 0) for name in ("new", "updated", "gone", "returned"))
    return "read, no change" if each.outcome == "changed" and not touched else each.outcome
