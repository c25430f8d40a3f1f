"""What is sold, by whom, to whom: the documents of this room, and the words they are made of.

The facts of a thing (`SpotFacts`) are what a person states; the thing itself (`Spot`) has beside
them what follows, and is never shown as it is.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from tallycast.kernel.money import Money
from tallycast.kernel.schema import Produced
from tallycast.kernel.written import Day
from tallycast.sponsorship.words import (
    Category,
    Delivery,
    Downloads,
    Insertion,
    MakeGood,
    Name,
    Position,
    RuleSetName,
    Text,
    ThingId,
    WebUrl,
    Zone,
    midnight,
)

_DAY: Final = timedelta(days=1)
MOST_SPOTS: Final = 100  # of one campaign
MOST_CREATIVES: Final = 40
LONGEST_FLIGHT_DAYS: Final = 366
LONGEST_GUARANTEE_DAYS: Final = 90


class Status(StrEnum):
    """Where a campaign stands in its life."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    BOOKED = "booked"
    LIVE = "live"
    PAUSED = "paused"
    COMPLETED = "completed"
    RECONCILED = "reconciled"
    CANCELLED = "cancelled"


# In these a campaign holds its positions: nobody else can book them.
HOLDING: Final = frozenset({Status.BOOKED, Status.LIVE, Status.PAUSED})


class Rate(Produced):
    """A price: per thousand downloads (`cpm`), or one fee for one spot (`flat`)."""

    kind: Literal["cpm", "flat"]
    price: Money


class Terms(Produced):
    """What an insertion order says.

    Attributes:
        guarantee_days: downloads count towards what was booked for so many days, of which the day
            of release is the first; None for the days of the flight.
        rules: the rule set that counts; the tenant's first when the order was made.
        commission_basis_points: of the agency, hundredths of a percent of gross.
        exclusive_categories: nobody of these may be in the shows of the campaign during its flight.
        separation: no competitor in the same episode.
        make_good: what is owed for downloads that were booked and not delivered.
    """

    rate: Rate
    guarantee_days: Annotated[int | None, Field(ge=1, le=LONGEST_GUARANTEE_DAYS)] = 30
    rules: RuleSetName | None = None
    commission_basis_points: Annotated[int, Field(ge=0, le=5000)] = 0
    exclusive_categories: Annotated[tuple[Category, ...], Field(max_length=20)] = ()
    separation: bool = True
    make_good: MakeGood = "credit"


class OrderFacts(Produced):
    """An insertion order; once it is signed its terms stand."""

    number: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w./ -]+$")]
    sponsor_id: ThingId
    agency_id: ThingId | None = None
    terms: Terms
    comment: Text | None = None


class Order(OrderFacts):
    """An order as it is kept."""

    status: Literal["draft", "signed", "void"] = "draft"
    signed_at: datetime | None = None
    signed_by: Name | None = None


class Flight(Produced):
    """The days on which a campaign runs, both included, in a time zone."""

    starts_on: Day
    ends_on: Day
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _in_order(self) -> Flight:
        if self.ends_on < self.starts_on:
            raise ValueError("a flight ends on the day it starts, or later")
        if self.days > LONGEST_FLIGHT_DAYS:
            raise ValueError(f"a flight has at most {LONGEST_FLIGHT_DAYS} days")
        return self

    @property
    def days(self) -> int:
        """How many."""
        return (self.ends_on - self.starts_on).days + 1

    @property
    def start(self) -> datetime:
        """When it begins."""
        return midnight(self.starts_on, self.zone)

    @property
    def end(self) -> datetime:
        """When it is over: the midnight after its last day."""
        return midnight(self.ends_on + _DAY, self.zone)


class Targets(Produced):
    """Where a campaign is meant to be heard; empty for everywhere."""

    show_ids: Annotated[tuple[ThingId, ...], Field(max_length=100)] = ()
    countries: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...], Field(max_length=100)
    ] = ()


class Step(Produced):
    """One step in a campaign's life: from where to where, when, and who did it."""

    came_from: Status | None
    to: Status
    at: datetime
    by: str
    reason: str | None = None


class CampaignFacts(Produced):
    """A sponsor's spots over one flight."""

    name: Name
    sponsor_id: ThingId
    order_id: ThingId | None = None
    brand: Name | None = None
    goal_downloads: Downloads | None = None
    budget: Money | None = None
    flight: Flight
    targets: Targets = Targets()
    approval_required: bool = True
    comment: Text | None = None


class Campaign(CampaignFacts):
    """A campaign as it is kept.

    `spot_ids` and `creative_ids` name all there are: indexes lag, and a decision may not.
    """

    category: Category
    status: Status = Status.DRAFT
    spot_ids: tuple[str, ...] = ()
    creative_ids: tuple[str, ...] = ()
    renewed_from: str | None = None
    history: tuple[Step, ...] = ()


class SpotFacts(Produced):
    """One placement: in an episode, or in a show from one day to another.

    Attributes:
        episode_id: the episode; without one, `starts_on` and `ends_on` say which: baked-in, the
            episodes released on these days; dynamically inserted, all of the show's downloads on
            them.
        ordinal: the first, second … of this position.
        rate: in place of the order's.
    """

    show_id: ThingId
    episode_id: ThingId | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    position: Position
    ordinal: Annotated[int, Field(ge=1, le=10)] = 1
    length_seconds: Annotated[int, Field(ge=5, le=600)] = 60
    delivery: Delivery = "host_read"
    insertion: Insertion = "baked_in"
    booked_downloads: Downloads
    rate: Rate | None = None
    script: Text | None = None
    aircheck_url: WebUrl | None = None


class Spot(SpotFacts):
    """A spot as it is kept; `released_on` is its episode's day, as the show counts days."""

    campaign_id: ThingId
    sponsor_id: ThingId
    released_on: date | None = None
