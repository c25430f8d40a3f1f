"""What shows have to sell, and what they can say of their audience."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tallycast.api.paging import Query
from tallycast.api.routes import Routes
from tallycast.feeds.store import ShowNotFoundError
from tallycast.kernel.written import Day
from tallycast.sponsorship.model import LONGEST_FLIGHT_DAYS, LONGEST_GUARANTEE_DAYS
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import Position

if TYPE_CHECKING:
    from tallycast.api.call import Call

inventory = Routes("inventory", "What shows have to sell: avails, and the media kit")
Slots = Annotated[int, Field(ge=0, le=10)]


class InventoryQuery(Query):
    """Which days, and how many slots an episode has."""

    first: Annotated[Day, Field(description="First day")]
    last: Annotated[Day, Field(description="Last day, included; at most 366 days in all")]
    window_days: Annotated[
        int,
        Field(ge=1, le=LONGEST_GUARANTEE_DAYS, description="Guarantee window of an episode"),
    ] = 30
    pre: Slots = 1
    mid: Slots = 2
    post: Slots = 1

    @model_validator(mode="after")
    def _in_order(self) -> InventoryQuery:
        if not timedelta() <= self.last - self.first < timedelta(days=LONGEST_FLIGHT_DAYS):
            raise ValueError(f"last: from first on, and at most {LONGEST_FLIGHT_DAYS} days in all")
        return self


class AvailsView(BaseModel):
    """One position, in downloads."""

    model_config = ConfigDict(frozen=True)

    position: Position
    slots: int = Field(description="Episodes (released and expected) times slots of each")
    forecast: int | None = Field(description="slots * downloads per episode; null: nothing says")
    booked: int = Field(description="Booked downloads that fall into the period")
    available: int | None = Field(description="forecast - booked, never below 0")


class InventoryView(BaseModel):
    """What a show has to sell in a period."""

    model_config = ConfigDict(frozen=True)

    show_id: str
    first: Day
    last: Day
    zone: str
    rules: str
    per_episode: int | None = Field(
        description="Mean downloads of the last episodes (at most 10) whose window is over"
    )
    based_on: int = Field(description="How many episodes that is the mean of")
    released: int = Field(description="Episodes of the period that are out")
    expected: int = Field(description="Further ones, by the rhythm of the last 90 days")
    avails: list[AvailsView]


class Share(BaseModel):
    """One country or app, with its part of the downloads."""

    model_config = ConfigDict(frozen=True)

    name: str
    downloads: int


class MediaKitView(BaseModel):
    """A show's audience in numbers."""

    model_config = ConfigDict(frozen=True)

    show_id: str
    title: str | None
    rules: str
    mean_downloads: int | None = Field(description="Of an episode within 30 days of release")
    median_downloads: int | None
    based_on: int = Field(description="How many episodes say so: the last ones, at most 10")
    first: Day = Field(description="First of the 28 days that downloads and shares are of")
    last: Day
    downloads: int
    countries: list[Share] = Field(description="The ten with the most downloads")
    apps: list[Share] = Field(description="The ten with the most downloads")
    listeners: int | None = Field(description="Distinct listeners of `listeners_month`")
    listeners_month: str | None = Field(description="The last whole month counted")
    listeners_final: bool


@inventory.get(
    "/v1/shows/{show_id}/inventory",
    scope="inventory:read",
    query=InventoryQuery,
    returns=InventoryView,
    raises=(ShowNotFoundError,),
)
def show_inventory(call: Call, show_id: str, query: InventoryQuery) -> InventoryView:
    """Show what a show has to sell, position by position."""
    slots: dict[Position, int] = {"pre": query.pre, "mid": query.mid, "post": query.post}
    found = sponsorship().inventory.offer(
        call.tenant,
        show_id,
        (query.first, query.last),
        slots,
        call.now,
        window_days=query.window_days,
    )
    return InventoryView(
        show_id=show_id,
        first=query.first,
        last=query.last,
        zone=found.zone,
        rules=found.rules,
        per_episode=found.per_episode,
        based_on=found.based_on,
        released=found.released,
        expected=found.expected,
        avails=[
            AvailsView(
                position=each.position,
                slots=each.slots,
                forecast=each.forecast,
                booked=each.booked,
                available=each.available,
            )
            for each in found.avails
        ],
    )


@inventory.get(
    "/v1/shows/{show_id}/media-kit",
    scope="inventory:read",
    returns=MediaKitView,
    raises=(ShowNotFoundError,),
)
def show_media_kit(call: Call, show_id: str) -> MediaKitView:
    """Show what a show can say of its audience.

    Downloads of an episode within 30 days, countries and apps of the last 28 days, and listeners of
    the last whole month. Listeners are of that month alone: they do not add up over months.
    """
    found = sponsorship().inventory.media_kit(call.tenant, show_id, call.now)
    return MediaKitView(
        show_id=show_id,
        title=found.title,
        rules=found.rules,
        mean_downloads=found.mean_downloads,
        median_downloads=found.median_downloads,
        based_on=found.based_on,
        first=found.first,
        last=found.last,
        downloads=found.downloads,
        countries=[Share(name=name, downloads=number) for name, number in found.countries],
        apps=[Share(name=name, downloads=number) for name, number in found.apps],
        listeners=found.listeners,
        listeners_month=found.listeners_month,
        listeners_final=found.listeners_final,
    )
