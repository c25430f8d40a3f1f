"""What a tenant has that cases are aimed at: ids by what they stand for, versions, and names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tallycast.feeds.feed import Feed, FeedStatus
from tallycast.feeds.items import EpisodeItem, ShowItem
from tallycast.feeds.model import Enclosure, Episode, Show
from tallycast.feeds.store import FeedStore
from tallycast.identity.access import scopes_of
from tallycast.identity.model import Role
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_text
from tests.e2e.house import House, a_campaign, an_order

MOST_OF_A_KIND: Final = 40
# A parameter that stands for what a list or a creation of another name shows.
_OF_PATH: Final = {
    "sponsors": "sponsor_id",
    "notes": "note_id",
    "agencies": "agency_id",
    "orders": "order_id",
    "campaigns": "campaign_id",
    "creatives": "creative_id",
    "codes": "code_id",
    "links": "link_id",
    "invitations": "invitation_id",
    "clients": "client_id",
    "webhooks": "webhook_id",
    "ping": "delivery_id",
    "hooks": "hook_id",
    "spots": "spot_id",
    "rates": "rate_id",
    "exports": "export_id",
    "api-keys": "key_id",
    "reports": "report_id",
}
_EVERYBODYS: Final = {"number", "day"}
_MADE: Final = re.compile(r"/v1/(?:[\w-]+/[^/]+/)?([\w-]+)$")


class Stock:
    """Ids of one tenant, which grow as cases create more; the versions that were seen; its names.

    Attributes:
        house: the tenant.
        bodies: of requests that were answered well, by operation.
        credential: a key of its owner with every scope, that no case can revoke.
        secrets: what nobody else may ever be shown: its name, and what it called things.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.secrets = {house.tenant, f"secret-{house.tenant}"}
        self.bodies: dict[str, Any] = {}
        self._ids: dict[str, list[str]] = {}
        self._own: set[str] = set()
        self._etags: dict[str, str] = {}
        self._guarded: set[str] = set()
        for name, value in house.ids.items():
            self.add(name, [value])
        self.credential = self._a_credential()

    def _a_credential(self) -> str:
        post = self.house.door().post
        scopes = sorted(scopes_of(Role.OWNER))
        made = post("/v1/api-keys", {"name": "fuzz", "role": "owner", "scopes": scopes})
        self._guarded.add(made["id"])
        return str(made["key"])

    # ── what there is ──

    def one(self, parameter: str, choice: int) -> str | None:
        """One of what a parameter stands for; None where there is nothing."""
        found = self._ids.get(parameter)
        return found[choice % len(found)] if found else None

    def holds(self, parameter: str, value: object) -> bool:
        """Whether it is one of what a parameter stands for."""
        return value in self._ids.get(parameter, ())

    def first(self, parameter: str) -> str | None:
        """What was there first: the things that hang on another hang on this one."""
        return next(iter(self._ids.get(parameter, ())), None)

    def ids(self) -> set[str]:
        """Every id that is, or was, this tenant's alone."""
        return self._own

    def etag(self, path: str) -> str | None:
        """The version of a thing, as it was seen last."""
        return self._etags.get(path)

    def is_guarded(self, value: object) -> bool:
        """Whether the run itself lives on it."""
        return value in self._guarded

    # ── what came of a case ──

    def saw(self, path: str, etag: str | None, created: bytes) -> None:
        """Remember what an answer shows.

        Args:
            path: that was asked, from `/v1` on.
            created: what was created there, as JSON; empty for nothing.
        """
        if etag is not None:
            self._etags[path] = etag
        found = _MADE.search(path) if created else None
        parameter = _OF_PATH.get(found[1]) if found else None
        if parameter is not None:
            made = json.loads(created)
            named = next((name for name in ("id", parameter) if name in made), None)
            if named is not None:
                self.add(parameter, [str(made[named])])

    def add(self, parameter: str, values: Iterable[str]) -> None:
        """More of what a parameter stands for: the first of all is kept, and the newest."""
        held = self._ids.setdefault(parameter, [])
        held += [value for value in values if value not in held]
        del held[1 : 1 - MOST_OF_A_KIND]
        if parameter not in _EVERYBODYS:
            self._own.update(held)


def stocked(house: House) -> Stock:
    """A stock with some of everything, so that removing one leaves others."""
    stock = Stock(house)
    post = house.door().post
    show, episode = a_show(house)
    stock.add("show_id", [show])
    stock.add("episode_id", [episode])
    sponsor = house.ids["sponsor_id"]
    campaign = house.ids["campaign_id"]
    for number in range(4):
        other = post("/v1/sponsors", {"name": f"Rest {number}", "category": f"sofas {number}"})
        order = post("/v1/orders", an_order(sponsor, number=f"IO-R{number}"))
        stock.add("sponsor_id", [other["id"]])
        stock.add("order_id", [order["id"]])
        stock.add("campaign_id", [post("/v1/campaigns", a_campaign(sponsor, order["id"]))["id"]])
        code = post("/v1/codes", {"code": f"REST{number}", "campaign_id": campaign})
        stock.add("code_id", [code["id"]])
        link = {"target": "https://nordlicht.example", "campaign_id": campaign}
        stock.add("link_id", [post("/v1/links", {"slug": f"rest-{number}", **link})["id"]])
        note = post(f"/v1/sponsors/{sponsor}/notes", {"text": f"They called, {number}."})
        stock.add("note_id", [note["id"]])
        webhook = post("/v1/webhooks", {"url": f"https://partner.example/rest/{number}"})
        stock.add("webhook_id", [webhook["id"]])
        hook = post("/v1/hooks", {"name": f"Rest {number}", "scheme": "standard"})
        stock.add("hook_id", [hook["id"]])
        invited = {"email": f"rest-{number}@elsewhere.example", "role": "analyst"}
        stock.add("invitation_id", [post("/v1/invitations", invited)["id"]])
        creative = {"name": f"Rest {number}", "kind": "script", "text": "Lie down."}
        made = post(f"/v1/campaigns/{campaign}/creatives", creative)
        stock.add("creative_id", [made["id"]])
    ping = post(f"/v1/webhooks/{house.ids['webhook_id']}/ping")
    stock.add("delivery_id", [ping["id"]])
    return stock


def a_show(house: House) -> tuple[str, str]:
    """A show with an episode, as a poll would have left them; both ids."""
    store = FeedStore(house.cloud.table(house.cloud.outputs["CoreTable"]))
    now = datetime.now(UTC)
    feed = Feed(
        tenant=house.tenant,
        feed_id=new_id("feed", now),
        show_id=new_id("show", now),
        url="https://feeds.example/fuzz.xml",
        created_at=now - timedelta(days=30),
        title=f"secret-{house.tenant}",
        status=FeedStatus.PAUSED,
    )
    show = Show(title=feed.title)
    episode = Episode(
        identity="guid",
        identity_value="fuzz",
        guid="fuzz",
        published=now - timedelta(days=1),
        enclosure=Enclosure("https://cdn.example/fuzz.mp3", "audio/mpeg", 5_000_000),
        title=f"secret-{house.tenant}",
    )
    at = to_text(now)
    item = EpisodeItem.of(
        feed, episode, identity="fuzz", fingerprint="f", first_seen=at, imported=False
    )
    store.add(feed)
    store.put_show(ShowItem.of(feed, show, at=at))
    store.put_episodes([item])
    return feed.show_id, item.episode_id
