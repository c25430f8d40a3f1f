"""`tallycast feed …`: look into feeds, and keep the registry of a running platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallycast.cli import tables
from tallycast.cli.documents import print_json
from tallycast.cli.options import as_json, platform_options
from tallycast.cli.sources import load
from tallycast.feeds.comparison import diff
from tallycast.feeds.opml import read_opml, write_opml
from tallycast.feeds.parsing import parse, to_json
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from tallycast.cli.platform import Platform

allowing = click.option(
    "--allow",
    multiple=True,
    metavar="HOST:PORT",
    help="Open a private address to the fetch, such as 127.0.0.1:8000.",
)


@click.group()
def feed() -> None:
    """Inspect feeds; add, list, poll and remove them on the platform."""


@feed.command()
@click.argument("source")
@as_json
@allowing
def inspect(source: str, json_wanted: bool, allow: tuple[str, ...]) -> None:
    """Show SOURCE (a file, an address, or -) in normal form, with its warnings and quality."""
    document = load(source, allow=allow)
    parsed = parse(document.body, content_type=document.content_type, url=document.url)
    if json_wanted:
        print_json(to_json(parsed))
    else:
        tables.feed(parsed)


@feed.command(name="diff")
@click.argument("old")
@click.argument("new")
@as_json
@allowing
def diff_command(old: str, new: str, json_wanted: bool, allow: tuple[str, ...]) -> None:
    """Compare two states of a feed: what is new, updated, gone."""
    before, after = (
        parse(document.body, content_type=document.content_type, url=document.url)
        for document in (load(old, allow=allow), load(new, allow=allow))
    )
    found = diff(before, after)
    if json_wanted:
        print_json(
            {
                "common": found.common,
                "new": list(found.new),
                "updated": list(found.updated),
                "gone": list(found.gone),
            }
        )
    else:
        tables.diff(found)


@feed.command()
@click.argument("url")
@click.option("--pin", "pinned", is_flag=True, help="Poll at every 15-minute tick.")
@platform_options
def add(platform: Platform, tenant: str, json_wanted: bool, url: str, pinned: bool) -> None:
    """Register the feed at URL, after a real fetch."""
    command = {"command": "add", "tenant": tenant, "url": url, "pinned": pinned}
    _show_feed(platform.run(command)["feed"], json_wanted)


@feed.command(name="list")
@platform_options
def list_command(platform: Platform, tenant: str, json_wanted: bool) -> None:
    """List the registered feeds."""
    feeds: list[dict[str, Any]] = []
    command: dict[str, Any] = {"command": "list", "tenant": tenant}
    while True:
        page = platform.run(command)
        feeds += page["feeds"]
        if page["next"] is None:
            break
        command["after"] = page["next"]
    if json_wanted:
        print_json({"feeds": feeds})
    else:
        tables.feeds(feeds)


def _change(name: str, text: str) -> None:
    @feed.command(name=name, help=text)
    @click.argument("feed_id")
    @platform_options
    def change(platform: Platform, tenant: str, json_wanted: bool, feed_id: str) -> None:
        answer = platform.run({"command": name, "tenant": tenant, "feed_id": feed_id})
        _show_feed(answer["feed"], json_wanted)


_change("show", "Show one feed and how its polling stands.")
_change("poll", "Poll a feed now; a paused or retired one becomes active again.")
_change("pause", "Stop polling a feed until it is resumed.")
_change("resume", "Poll a paused or retired feed again.")
_change("remove", "Take a feed off the list; its episodes and history are kept.")
_change("pin", "Poll a feed at every 15-minute tick.")
_change("unpin", "Leave a feed to its own rhythm again.")
_change("replay", "Read the stored document again, whole, without fetching.")


@feed.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@platform_options
def import_command(platform: Platform, tenant: str, json_wanted: bool, file: Path) -> None:
    """Add every feed of an OPML FILE, in the background."""
    # Read here, in whatever encoding it declares; sent in the one the platform takes.
    outlines = read_opml(file.read_bytes())
    opml = write_opml(outlines, title=file.name, created=utc_now()).decode()
    answer = platform.run({"command": "import", "tenant": tenant, "opml": opml})
    if json_wanted:
        print_json(answer)
    else:
        click.echo(f"{answer['feeds']} feeds are being added ({answer['import_id']})")


@feed.command()
@platform_options
def export(platform: Platform, tenant: str, json_wanted: bool) -> None:
    """Write the registered feeds as OPML to standard output."""
    answer = platform.run({"command": "export", "tenant": tenant})
    if json_wanted:
        print_json(answer)
    else:
        click.echo(answer["opml"], nl=False)


def _show_feed(found: dict[str, Any], json_wanted: bool) -> None:
    if json_wanted:
        print_json({"feed": found})
    else:
        tables.one_feed(found)
