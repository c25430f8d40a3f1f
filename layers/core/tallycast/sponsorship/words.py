"""The words that the things of this room are made of, and what they may be."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(f"{name!r} is no IANA time zone; write it like Europe/Berlin") from error
    return name


Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
ThingId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]
Category = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        pattern=r"^[a-z0-9][a-z0-9 &/-]*$",
        description="What a brand sells, in lower case: brands of one category are competitors",
        examples=["mattresses"],
    ),
]
Position = Literal["pre", "mid", "post"]
Delivery = Literal["host_read", "producer_read", "announcer"]
Insertion = Literal["baked_in", "dai"]
MakeGood = Literal["credit", "bonus_spots", "none"]
WebUrl = Annotated[
    str, Field(max_length=2000, pattern=r"^https://[^\s\x00-\x1f\x7f-\x9f\ufeff<>\"]+$")
]
Downloads = Annotated[int, Field(ge=1, le=10**9)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
RuleSetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]


def midnight(day: date, zone: str) -> datetime:
    """When a day begins in a time zone, as UTC."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
