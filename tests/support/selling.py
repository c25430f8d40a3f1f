"""A tenant that sells spots: shows with episodes, counted days, and somebody of each role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch

from tallycast.api import app
from tallycast.feeds.items import EpisodeItem, ShowItem
from tallycast.feeds.store import FeedStore
from tallycast.identity.model import Role
from tallycast.kernel.times import to_text
from tallycast.measurement.counting.days import DayState
from tallycast.measurement.rollups.model import Card, CountInfo
from tallycast.measurement.rollups.writing import replace_day
from tallycast.sponsorship.use_cases import routes
from tests.support.api import Answer, ApiClient, a_principal, api_platform
from tests.support.stacks import Stacks

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
RULES = "iab-2.3"
SHOW, OTHER_SHOW = "show_daily", "show_weekly"


@dataclass
class Clock:
    """The time as the API has it; a test may turn it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Selling:
    """The API on moto, with shortcuts for what most tests need."""

    stacks: Stacks
    owner: ApiClient
    partner: ApiClient
    clock: Clock = field(default_factory=Clock)
    tenant: str = "acme"

    def of_tenant(self, tenant: str) -> Selling:
        """Another tenant of the same platform, with two shows and the clock at its start."""
        self.clock.now = NOW
        owner, partner = (
            client.as_(a_principal(role, tenant=tenant))
            for client, role in ((self.owner, Role.OWNER), (self.partner, Role.PARTNER))
        )
        made = Selling(self.stacks, owner, partner, self.clock, tenant)
        made.show(SHOW)
        made.show(OTHER_SHOW)
        return made

    def as_role(self, role: Role, **facts: Any) -> ApiClient:
        client = self.partner if role is Role.PARTNER else self.owner
        return client.as_(a_principal(role, tenant=self.tenant, **facts))

    # ── what the other rooms have written ──

    def show(self, show_id: str = SHOW) -> str:
        FeedStore(self.stacks.core).put_show(
            ShowItem(
                tenant=self.tenant,
                show_id=show_id,
                feed_id=f"feed_of_{show_id}",
                title=f"Title of {show_id}",
                updated_at=to_text(NOW),
                document="{}",
            )
        )
        return show_id

    def episode(self, name: str, released: date, *, show_id: str = SHOW) -> str:
        moment = datetime.combine(released, time(6), tzinfo=UTC)
        FeedStore(self.stacks.core).put_episodes(
            [
                EpisodeItem(
                    tenant=self.tenant,
                    show_id=show_id,
                    feed_id=f"feed_of_{show_id}",
                    episode_id=name,
                    identity=f"guid:{name}",
                    fingerprint="f",
                    title=f"Episode {name}",
                    published=to_text(moment),
                    first_seen=to_text(moment),
                    imported=False,
                    document="{}",
                )
            ]
        )
        return name

    def counted(
        self,
        day: date,
        downloads: Mapping[str, int],
        *,
        show_id: str = SHOW,
        state: str = "final",
        released: Mapping[str, date] | None = None,
        breakdowns: Mapping[str, Any] | None = None,
    ) -> None:
        """One day as the count leaves it: cards of the episodes and of their show."""
        counted_at = datetime.combine(day, time(12), tzinfo=UTC) + timedelta(days=1)
        status = "final" if state == "final" else "provisional"
        count = CountInfo(tenant=self.tenant, rules=RULES, counted_at=counted_at, status=status)
        cards = [
            Card(
                count=count,
                scope="episode",
                id=episode,
                day=day,
                show_id=show_id,
                downloads=number,
                requests=number,
                listeners=number,
                ages=_ages(day, (released or {}).get(episode), number),
            )
            for episode, number in downloads.items()
        ]
        total = sum(downloads.values())
        cards.append(
            Card(
                count=count,
                scope="show",
                id=show_id,
                day=day,
                show_id=show_id,
                downloads=total,
                requests=total,
                listeners=total,
                breakdowns=breakdowns or {},
            )
        )
        replace_day(self.stacks.metrics, count, day, cards)
        found = DayState(tenant=self.tenant, rules=RULES, day=day, state=state, version=1)
        self.stacks.metrics.put_item(
            Item={**found.ref.key, **found.model_dump(mode="json", exclude_none=True)}
        )

    # ── what somebody has done before ──

    def sponsor(self, **facts: Any) -> str:
        body = {"name": "Example Beds", "category": "mattresses"} | facts
        return created(self.owner.post("/v1/sponsors", body))["id"]

    def order(self, sponsor_id: str, *, signed: bool = True, **facts: Any) -> str:
        terms = a_terms() | facts.pop("terms", {})
        number = facts.pop("number", f"IO {self._next()}")
        body = {"number": number, "sponsor_id": sponsor_id, "terms": terms} | facts
        order_id = created(self.owner.post("/v1/orders", body))["id"]
        if signed:
            signed_by = {"signed_by": "Kim Example"}
            assert self.owner.post(f"/v1/orders/{order_id}/sign", signed_by).status == 200
        return order_id

    def campaign(self, sponsor_id: str, order_id: str | None = None, **facts: Any) -> str:
        flight = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
        body = {"name": "Autumn", "sponsor_id": sponsor_id, "flight": flight} | facts
        if order_id is not None:
            body["order_id"] = order_id
        return created(self.owner.post("/v1/campaigns", body))["id"]

    def spot(self, campaign_id: str, /, **facts: Any) -> str:
        return created(self.add_spot(campaign_id, **facts))["id"]

    def add_spot(self, campaign_id: str, /, **facts: Any) -> Answer:
        body = {"show_id": SHOW, "position": "mid", "booked_downloads": 10_000} | facts
        if "episode_id" not in body and "starts_on" not in body:
            body |= {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
        return self.owner.post(f"/v1/campaigns/{campaign_id}/spots", body)

    def booked(self, sponsor_id: str | None = None, *, terms: Any = None, **spot: Any) -> str:
        """A booked campaign with one spot."""
        sponsor_id = sponsor_id or self.sponsor()
        campaign_id = self.campaign(sponsor_id, self.order(sponsor_id, terms=terms or {}))
        self.spot(campaign_id, **spot)
        self.do(campaign_id, "propose")
        self.do(campaign_id, "book")
        return campaign_id

    def do(self, campaign_id: str, command: str, body: Any = None) -> Any:
        answer = self.owner.post(f"/v1/campaigns/{campaign_id}/{command}", body)
        assert answer.status == 200, answer.text
        return answer.json()

    def status(self, campaign_id: str) -> str:
        return self.owner.get(f"/v1/campaigns/{campaign_id}").json()["status"]

    _number: int = 0

    def _next(self) -> int:
        self._number += 1
        return self._number


def a_terms(**terms: Any) -> dict[str, Any]:
    rate = {"kind": "cpm", "price": {"amount": 2500, "currency": "EUR"}}
    return {"rate": rate, "guarantee_days": 30} | terms


def created(answer: Answer) -> Any:
    assert answer.status == 201, answer.text
    return answer.json()


def _ages(day: date, released: date | None, number: int) -> dict[str, int]:
    if released is None:
        return {}
    age = (day - released).days + 1
    for bound in (1, 3, 7, 30, 90):
        if age <= bound:
            return {str(bound): number}
    return {"older": number}


@contextmanager
def selling() -> Iterator[Selling]:
    """A fresh platform; `of_tenant` makes a tenant on it."""
    clock = Clock()
    with (
        patch.object(app, "utc_now", clock),
        api_platform() as (stacks, client, partner),
    ):
        routes.sponsorship.cache_clear()
        yield Selling(stacks, client, partner, clock)
        routes.sponsorship.cache_clear()
