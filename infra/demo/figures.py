"""What the demo shows of measurement at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from infra.demo.deliveries import together
from infra.demo.numbers import PAID_BY, SOURCES, accuracy, nothing, of_episodes
from tallycast.cli.tables import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from infra.demo.deliveries import Delivery
    from infra.demo.measurement import Outcome
    from infra.demo.selling import Sold
    from tallycast.demo.traffic.compare import Difference

_BARS = "▁▂▃▄▅▆▇█"
_TOP = 8
_NOBODY_KNOWS = "-"
_SEEN_BY = {"log": "logs", "prefix": "our prefix"}
_FORMS = {"cloudfront": "CloudFront, gzipped", "csv": "CSV", "jsonl": "JSON lines"}


def show(console: Console, outcome: Outcome) -> None:
    """Print the books, the accuracy, the waterfall, the days and the episodes."""
    for part in (_books, _accuracy, _waterfall, _days, _episodes):
        console.print()
        part(console, outcome)


def show_sold(console: Console, sold: Sold) -> None:
    """Print what was delivered of what was booked, what is owed, and what the partner heard."""
    console.print()
    console.print("A campaign: booked, delivered, owed", style="bold")
    table = _table(
        "episode", "spot", "booked", "delivered", "true", "of booked", "pacing", "missing", "owed",
        left=2,
    )  # fmt: skip
    for placed, figures in sold.delivered:
        pacing, owed = figures["pacing"], figures["owed"]
        table.add_row(
            plain(placed.title, 30),
            placed.position,
            _number(placed.booked),
            _number(figures["delivered"]),
            _number(placed.true),
            f"{figures['percent']:.1f} %",
            "·" if pacing is None else f"{pacing:.2f}",
            _number(figures["shortfall"]["downloads"]),
            money(owed["value"]) if owed["downloads"] else "·",
        )
    report = sold.report
    pacing, owed = report["pacing"], report["owed"]
    table.add_row(
        "together", "", _number(report["booked"]), _number(report["delivered"]), "",
        f"{report['percent']:.1f} %", "·" if pacing is None else f"{pacing:.2f}",
        "", money(owed["value"]) if owed["downloads"] else "·",
    )  # fmt: skip
    console.print(table)
    ordered = sold.ordered
    console.print(
        f"Its shop told of {ordered.recorded + ordered.known} orders: {ordered.recorded} recorded, "
        f"{ordered.known} known already; {ordered.proved} of the campaign, by its promo code"
    )
    kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(sold.heard.items()))
    console.print(
        f"The partner's system read the same {sold.seen['delivered']:,} downloads, without prices, "
        f"and verified {sum(sold.heard.values())} signed webhooks: {kinds}"
    )


def money(amount: Mapping[str, Any] | None) -> str:
    """`12.50 EUR`; nothing for nothing."""
    return f"{amount['amount'] / 100:,.2f} {amount['currency']}" if amount else "·"


def sparkline(numbers: Sequence[int]) -> str:
    """A bar for each number, as high as it is against the largest; a dot for nothing."""
    most = max(numbers, default=0)
    return "".join(
        _BARS[min(number * len(_BARS) // max(most, 1), len(_BARS) - 1)] if number else "·"
        for number in numbers
    )


def percent(difference: Difference) -> str:
    """The error as text; nothing, where nobody knows the truth."""
    return f"{difference.percent:+.2f} %" if difference.true else _NOBODY_KNOWS


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", no_wrap=True)
    return table


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def _mark(*, good: bool) -> str:
    return "[green]✓[/]" if good else "[red]✗[/]"


def _books(console: Console, outcome: Outcome) -> None:
    console.print("What arrived, and where every line of it is", style="bold")
    table = _table("", "form", "accepted", "stored", "unreadable", "known already", left=2)
    by_name: dict[str, Delivery] = {one.name: one for one in outcome.sent.files}
    hits = [one for one in outcome.books if one.file.startswith("hits/")]
    rows = [
        (entry.file.rpartition("/")[2], _FORMS[by_name[entry.file.rpartition("/")[2]].form], entry)
        for entry in sorted(outcome.books, key=lambda one: (one.deduplicated > 0, one.file))
        if entry not in hits
    ]
    for name, form, entry in (
        *rows,
        ("hits", "our redirect's own log", together(hits)),
        ("together", "", together(outcome.books)),
    ):
        table.add_row(
            name, form, _number(entry.accepted), _number(entry.stored),
            _number(entry.quarantined), _number(entry.deduplicated),
            style="bold" if name == "together" else "",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{_mark(good=outcome.books_add_up)} accepted = stored + unreadable + known already, as "
        "sent; every stored request has a verdict"
    )
    console.print(
        f"{_mark(good=True)} all {outcome.sent.hits} requests through the prefix were led to the "
        "episode's own address (302)"
    )


def _accuracy(console: Console, outcome: Outcome) -> None:
    console.print("Downloads, measured and true", style="bold")
    table = _table(
        "", "rules", "seen by", "measured", "knowable", "error", "people got", "error", left=3
    )
    for report in accuracy(outcome.numbers, outcome.truth):
        judged = report.rules == PAID_BY
        verdict = outcome.verdicts["log" if report.source == "log" else "prefix"]
        table.add_row(
            _mark(good=verdict.downloads_agree) if judged else "",
            report.rules,
            _SEEN_BY[report.source],
            _number(report.visible.measured),
            _number(report.visible.true),
            percent(report.visible),
            _number(report.persons.true) if report.persons.true else _NOBODY_KNOWS,
            percent(report.persons),
        )
    console.print(table)
    console.print(
        "knowable: what perfect rules would make of these requests. people got: who heard a minute "
        "or more;\nno rules can know that. A prefix sees no bytes, so what people got is not told "
        "for it.",
        style="dim",
    )


def _waterfall(console: Console, outcome: Outcome) -> None:
    console.print(f"What became of every request ({PAID_BY})", style="bold")
    table = _table("", "verdict", "logs: measured", "true", "prefix: measured", "true", left=2)
    found = {
        source: {each.what: each for each in outcome.verdicts[source].report.waterfall}
        for source in SOURCES
    }
    for rule in _in_order(rule for each in found.values() for rule in each):
        pairs = [found[source].get(rule) for source in SOURCES]
        known = [each for each in pairs if each is not None and not nothing(each)]
        if not known:
            continue
        cells = [
            _number(number)
            for each in pairs
            for number in ((each.measured, each.true) if each else (0, 0))
        ]
        same = all(each.measured == each.true for each in known)
        table.add_row("[green]✓[/]" if same else "[yellow]~[/]", rule, *cells)
    console.print(table)
    if any(
        each.measured != each.true
        for verdict in outcome.verdicts.values()
        for each in verdict.report.waterfall
    ):
        console.print(
            "~ hidden by a format: CSV has no request ids, and our redirect gives each request its "
            "own, so a\nreplay looks like a repetition; CloudFront escapes referrers, so a bad one "
            "may pass. A scraper's\nspike may be cut in two by a midnight.",
            style="dim",
        )


def _in_order(rules: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(rules))


def _days(console: Console, outcome: Outcome) -> None:
    console.print(f"Days of the tenant ({PAID_BY}), each in its show's time zone", style="bold")
    table = _table("day", "", "downloads", "listeners", "requests", "status", left=2)
    days = outcome.numbers.days
    most = max((day.downloads for day in days), default=0) or 1
    for day in days:
        table.add_row(
            day.day.isoformat(),
            "█" * round(24 * day.downloads / most) or "▏",
            _number(day.downloads),
            _number(day.listeners),
            _number(day.requests),
            day.status,
        )
    console.print(table)


def _episodes(console: Console, outcome: Outcome) -> None:
    console.print(f"Top episodes ({PAID_BY})", style="bold")
    table = _table("", "episode", "show", "measured", "true", "day by day", left=3)
    numbers, true = outcome.numbers, of_episodes(outcome.truth)
    titles = outcome.listening.cast.episodes(outcome.ids)
    downloads = numbers.measured[PAID_BY].downloads
    for episode, measured in numbers.of_episodes().most_common(_TOP):
        by_day = [
            sum(downloads.get((source, episode, day.day), 0) for source in SOURCES)
            for day in numbers.days
        ]
        show_, one = titles[episode]
        table.add_row(
            "[green]✓[/]" if measured == true[episode] else "[yellow]~[/]",
            plain(one.title, 34),
            plain(show_.slug, 24),
            _number(measured),
            _number(true[episode]),
            sparkline(by_day),
        )
    console.print(table)
