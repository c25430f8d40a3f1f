"""What a person can ask of the registry, as one message with one answer.

The command line sends these to `manage_feeds`; each names its tenant, because the caller is an
operator with AWS credentials of their own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from tallycast.aws.errors import translated
from tallycast.feeds.identity import enclosure_key
from tallycast.feeds.items import episode_id
from tallycast.feeds.opml import Outline, read_opml, write_opml
from tallycast.kernel import keys
from tallycast.kernel.ids import new_id
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_stepfunctions.client import SFNClient

    from tallycast.feeds.documents import DocumentStore
    from tallycast.feeds.feed import Feed
    from tallycast.feeds.registry import Registry


FeedId = Annotated[str, Field(pattern=r"^feed_[0-9a-z]{1,40}$")]


class _Command(Produced):
    tenant: str


class AddFeed(_Command):
    """Register a feed by its address."""

    command: Literal["add"]
    url: str
    pinned: bool = False


class ListFeeds(_Command):
    """List the tenant's feeds, in the order they were added, from behind `after` on."""

    command: Literal["list"]
    limit: Annotated[int, Field(ge=1, le=1000)] = 500
    after: FeedId | None = None


class ChangeFeed(_Command):
    """Pause, resume, remove, pin, unpin, poll or replay one feed."""

    command: Literal["pause", "resume", "remove", "pin", "unpin", "poll", "replay", "show"]
    feed_id: FeedId


class ListEpisodes(_Command):
    """List a feed's episodes, newest first, or find those with a guid or behind an enclosure."""

    command: Literal["episodes"]
    feed_id: FeedId
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str, Field(max_length=100)] | None = None
    guid: str | None = None
    enclosure: str | None = None


class ImportOpml(_Command):
    """Add every feed of an OPML file, in the background."""

    command: Literal["import"]
    opml: str


class ExportOpml(_Command):
    """The tenant's feeds as an OPML file."""

    command: Literal["export"]


Command = AddFeed | ListFeeds | ChangeFeed | ListEpisodes | ImportOpml | ExportOpml
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Commands:
    """Carries out commands; every answer is plain JSON."""

    registry: Registry
    documents: DocumentStore
    step_functions: SFNClient
    import_state_machine: str
    clock: Callable[[], datetime]

    def run(self, command: Command) -> dict[str, Any]:
        """Carry out one command.

        Raises:
            TallycastError: it cannot be done; the message says why.
        """
        match command:
            case AddFeed():
                feed = self.registry.add(command.tenant, command.url, pinned=command.pinned)
                return {"feed": shown(feed)}
            case ListFeeds():
                return self._list(command)
            case ChangeFeed():
                return {"feed": shown(self._change(command))}
            case ListEpisodes():
                return {"episodes": self._episodes(command)}
            case ImportOpml():
                return self._import(command)
            case ExportOpml():
                return {"opml": self._export(command.tenant)}

    def _list(self, command: ListFeeds) -> dict[str, Any]:
        feeds = self.registry.list(command.tenant, after=command.after)
        page = list(islice(feeds, command.limit + 1))
        more = len(page) > command.limit
        page = page[: command.limit]
        return {
            "feeds": [shown(feed) for feed in page],
            "next": page[-1].feed_id if more else None,
        }

    def _change(self, command: ChangeFeed) -> Feed:
        registry, tenant, feed_id = self.registry, command.tenant, command.feed_id
        match command.command:
            case "pause":
                return registry.pause(tenant, feed_id)
            case "resume":
                return registry.resume(tenant, feed_id)
            case "remove":
                return registry.remove(tenant, feed_id)
            case "pin" | "unpin":
                return registry.pin(tenant, feed_id, pinned=command.command == "pin")
            case "poll" | "replay":
                return registry.poll(tenant, feed_id, replay=command.command == "replay")
            case "show":
                return registry.get(tenant, feed_id)

    def _episodes(self, command: ListEpisodes) -> Sequence[dict[str, Any]]:
        feed = self.registry.get(command.tenant, command.feed_id)
        if command.enclosure is not None:
            key = enclosure_key(command.enclosure)
            found_by_file = self.registry.store.episodes_by_enclosure(feed.tenant, key)
            return [each.brief() for each in found_by_file if each.feed_id == feed.feed_id]
        if command.guid is None:
            return self.registry.store.episodes(
                feed.tenant, feed.show_id, limit=command.limit, after=command.after
            )
        found = self.registry.store.episode(
            feed.tenant, feed.show_id, episode_id(feed.show_id, f"guid:{command.guid.strip()}")
        )
        return [found.brief()] if found else []

    def _import(self, command: ImportOpml) -> dict[str, Any]:
        outlines = read_opml(command.opml.encode())
        import_id = new_id("imp", self.clock())
        key = keys.import_list(command.tenant, import_id)
        feeds = [
            {"command": "add", "tenant": command.tenant, "url": outline.url} for outline in outlines
        ]
        self.documents.put(key, json.dumps(feeds).encode())
        with translated("start the import"):
            started = self.step_functions.start_execution(
                stateMachineArn=self.import_state_machine,
                name=import_id,
                input=json.dumps({"tenant": command.tenant, "key": key}),
            )
        return {
            "import_id": import_id,
            "feeds": len(feeds),
            "execution": started["executionArn"],
        }

    def _export(self, tenant: str) -> str:
        feeds = self.registry.list(tenant)
        outlines = (Outline(feed.url, feed.title) for feed in feeds)
        return write_opml(outlines, title=f"Feeds of {tenant}", created=self.clock()).decode()


def shown(feed: Feed) -> dict[str, Any]:
    """What a person sees of a feed."""
    return feed.model_dump(
        mode="json",
        exclude={"lease_id", "lease_until", "catalogue_key", "recent_episodes"},
    )
