"""`tallycast counts …` and `tallycast tracking …`: the counts of a running platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from tallycast.cli.documents import print_json, read_json
from tallycast.cli.options import on_platform, platform_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.cli.platform import Platform

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY = click.DateTime(["%Y-%m-%d"])


def period(command: Callable[..., None]) -> Callable[..., None]:
    """`--from`, `--to` and `--rules`."""
    for option in (
        click.option("--rules", help="The rule set; else the tenant's first."),
        click.option("--to", "last", type=_DAY, required=True, help="Last day, included."),
        click.option("--from", "first", type=_DAY, required=True, help="First day."),
    ):
        command = option(command)
    return command


@click.group()
def counts() -> None:
    """Read the platform's numbers, and have days counted again."""


@counts.command()
@click.argument("scope", type=click.Choice(["tenant", "show", "episode"]))
@click.argument("of_id", required=False, metavar="[ID]")
@period
@platform_options
def show(
    platform: Platform,
    tenant: str,
    json_wanted: bool,
    scope: str,
    of_id: str | None,
    first: datetime,
    last: datetime,
    rules: str | None,
) -> None:
    """Show the downloads of a tenant, a show or an episode, day by day."""
    asked = _asked("downloads", tenant, first, last, rules) | {"scope": scope, "id": of_id}
    days: list[dict[str, Any]] = []
    while True:
        page = platform.run_measurement(asked)
        days += page["days"]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
    if json_wanted:
        print_json({"days": days})
        return
    table = _table("day", "downloads", "listeners", "requests", "status")
    for day in days:
        table.add_row(
            day["day"],
            f"{day['downloads']:,}",
            f"{day['listeners']:,}",
            f"{day['requests']:,}",
            day["count"]["status"],
        )
    Console(highlight=False).print(table)


@counts.command()
@period
@platform_options
def days(
    platform: Platform,
    tenant: str,
    json_wanted: bool,
    first: datetime,
    last: datetime,
    rules: str | None,
) -> None:
    """Show when each day was counted, and whether it is final."""
    found = platform.run_measurement(_asked("days", tenant, first, last, rules))
    if json_wanted:
        print_json(found)
        return
    table = _table("day", "downloads", "requests", "count", "state", "next count")
    for day in found["days"]:
        table.add_row(
            day["day"],
            f"{day['downloads']:,}",
            f"{day['requests']:,}",
            str(day["version"]),
            day["state"],
            (day.get("due_at") or "-")[:16],
        )
    Console(highlight=False).print(table)


@counts.command()
@period
@platform_options
def recount(
    platform: Platform,
    tenant: str,
    json_wanted: bool,
    first: datetime,
    last: datetime,
    rules: str | None,
) -> None:
    """Count every day of a period again; a final day that changes is restated."""
    answer = platform.run_measurement(_asked("recount", tenant, first, last, rules))
    if json_wanted:
        print_json(answer)
    else:
        click.echo(f"{answer['days']} days are being counted ({answer['plan_id']})")


@counts.command()
@click.argument("episode_id")
@click.option("--rules", help="The rule set; else the tenant's first.")
@platform_options
def ages(
    platform: Platform, tenant: str, json_wanted: bool, episode_id: str, rules: str | None
) -> None:
    """Show an episode's downloads 1, 3, 7, 30 and 90 days after its release, and of all time."""
    asked = {"command": "ages", "tenant": tenant, "id": episode_id, "rules": rules}
    answer = platform.run_measurement(asked)
    if json_wanted:
        print_json(answer)
    elif answer["ages"] is None:
        click.echo("no downloads of this episode were counted")
    else:
        for age, downloads in answer["ages"]["within"].items():
            click.echo(f"{age:>3} days  {downloads:>12,}")
        click.echo(f"all time  {answer['ages']['all_time']:>12,}")


@counts.command()
@click.argument("scope", type=click.Choice(["tenant", "show", "episode"]))
@click.argument("of_id", required=False, metavar="[ID]")
@click.option("--period", type=click.Choice(["week", "month"]), default="month")
@click.option("--from", "first", required=True, help="2026-W47 or 2026-11.")
@click.option("--to", "last", required=True, help="Included.")
@click.option("--rules", help="The rule set; else the tenant's first.")
@platform_options
def listeners(platform: Platform, tenant: str, json_wanted: bool, **asked: Any) -> None:  # noqa: ANN401 - click's
    """Show distinct listeners by week or month; they never add up."""
    asked["id"] = asked.pop("of_id")
    answer = platform.run_measurement({"command": "listeners", "tenant": tenant, **asked})
    if json_wanted:
        print_json(answer)
        return
    table = _table("period", "listeners", "status")
    for one in answer["listeners"]:
        table.add_row(one["name"], f"{one['listeners']:,}", one["status"])
    Console(highlight=False).print(table)


@counts.command()
@click.option("--set", "change", type=_FILE, help="JSON with the entries to change.")
@on_platform
def settings(platform: Platform, tenant: str, change: Path | None) -> None:
    """Show, or change, how the tenant's downloads are counted."""
    asked = {
        "command": "settings",
        "tenant": tenant,
        "change": read_json(change) if change else None,
    }
    print_json(platform.run_measurement(asked))


@counts.command()
@click.argument("name", required=False)
@click.option("--set", "source", type=_FILE, help="JSON that says how its files are written.")
@on_platform
def sources(platform: Platform, tenant: str, name: str | None, source: Path | None) -> None:
    """List the log sources, or set up the one called NAME."""
    asked: dict[str, Any] = {"command": "sources", "tenant": tenant}
    if name and source:
        asked |= {"name": name, "source": read_json(source)}
    print_json(platform.run_measurement(asked))


@click.group()
def tracking() -> None:
    """Keep the prefix redirect: show keys, signed addresses, bans, kill switches."""


def _track(action: str, text: str) -> None:
    @tracking.command(name=action, help=text)
    @click.argument("show_id")
    @on_platform
    def change(platform: Platform, tenant: str, show_id: str) -> None:
        asked = {"command": "track", "tenant": tenant, "action": action, "show_id": show_id}
        print_json(platform.run_measurement(asked))


_track("register", "Make a show key; it is shown once. Put the prefix before every enclosure.")
_track("show", "Show how a show is tracked.")
_track("rotate", "Give the show a new signing secret; the one before stays good.")
_track("disable", "Stop recording a show; its listeners are redirected as before.")
_track("enable", "Record a show again.")


@tracking.command()
@click.argument("show_id")
@click.argument("url")
@click.option("--show-key", required=True, envvar="TALLYCAST_SHOW_KEY", help="Of the show.")
@platform_options
def sign(
    platform: Platform, tenant: str, json_wanted: bool, show_id: str, url: str, show_key: str
) -> None:
    """Make an address that is redirected to URL although the feed does not name its host."""
    asked = {
        "command": "sign",
        "tenant": tenant,
        "show_id": show_id,
        "show_key": show_key,
        "url": url,
    }
    answer = platform.run_measurement(asked)
    if json_wanted:
        print_json(answer)
    else:
        click.echo(answer["url"])


@tracking.command()
@click.option("--host", help="A host, and everything below it, for every show.")
@click.option("--show-key", help="One show key.")
@click.option("--lift", is_flag=True, help="Lift the ban.")
@on_platform
def ban(platform: Platform, tenant: str, **asked: Any) -> None:  # noqa: ANN401 - click's
    """Refuse a host or a show key on the redirect."""
    print_json(platform.run_measurement({"command": "ban", "tenant": tenant, **asked}))


@tracking.command()
@click.option("--recording", type=click.Choice(["on", "off"]))
@click.option("--redirecting", type=click.Choice(["on", "off"]))
@on_platform
def switch(platform: Platform, tenant: str, **asked: Any) -> None:  # noqa: ANN401 - click's
    """Turn recording or redirecting off or on, for the whole platform."""
    print_json(platform.run_measurement({"command": "switch", "tenant": tenant, **asked}))


def _asked(
    command: str, tenant: str, first: datetime, last: datetime, rules: str | None
) -> dict[str, Any]:
    return {
        "command": command,
        "tenant": tenant,
        "first": first.date().isoformat(),
        "last": last.date().isoformat(),
        "rules": rules,
    }


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=True)
    return table
