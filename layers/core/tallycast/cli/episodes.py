"""`tallycast episodes …`: the episodes that the running platform has."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from tallycast.cli import tables
from tallycast.cli.options import platform_options

if TYPE_CHECKING:
    from tallycast.cli.platform import Platform


@click.group()
def episodes() -> None:
    """Look at the episodes of registered feeds."""


@episodes.command(name="list")
@click.argument("feed_id")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--after", help="Go on after this `sort` value of the last episode shown.")
@click.option("--guid", help="Only the episode with this guid.")
@click.option(
    "--enclosure", metavar="URL", help="Only episodes behind this enclosure, prefixes aside."
)
@platform_options
def list_command(
    platform: Platform,
    tenant: str,
    json_wanted: bool,
    feed_id: str,
    limit: int,
    after: str | None,
    guid: str | None,
    enclosure: str | None,
) -> None:
    """List the episodes of FEED_ID, newest first."""
    found = platform.run(
        {
            "command": "episodes",
            "tenant": tenant,
            "feed_id": feed_id,
            "limit": limit,
            "after": after,
            "guid": guid,
            "enclosure": enclosure,
        }
    )["episodes"]
    if json_wanted:
        json.dump({"episodes": found}, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        tables.episodes(found)
