"""The normal form of a podcast feed: what every format and every habit is reduced to.

Plain values only. Times are aware UTC datetimes, durations seconds, sizes bytes, addresses
absolute URLs as text. A missing or unusable value is None (or empty); it is never invented.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

IdentityKind = Literal["guid", "enclosure", "title"]
FeedFormat = Literal["rss", "atom", "rdf"]


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The media file of an episode. `bytes` is the length the feed claims, if it is a number."""

    url: str
    type: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One address of an alternate enclosure (`podcast:source`)."""

    uri: str
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class AlternateEnclosure:
    """`podcast:alternateEnclosure`: the same content in another form."""

    type: str | None
    bytes: int | None = None
    bitrate: float | None = None
    height: int | None = None
    lang: str | None = None
    title: str | None = None
    rel: str | None = None
    codecs: str | None = None
    default: bool = False
    integrity_type: str | None = None
    integrity_value: str | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """`podcast:person`; role and group in lower case, `host` and `cast` when not given."""

    name: str
    role: str = "host"
    group: str = "cast"
    href: str | None = None
    img: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """`podcast:transcript`."""

    url: str
    type: str | None = None
    language: str | None = None
    rel: str | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter written in the feed itself (`psc:chapter`)."""

    start_seconds: float
    title: str | None = None
    href: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An address with a media type: a chapters file, a content link, a WebSub hub."""

    url: str
    type: str | None = None
    rel: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Soundbite:
    """`podcast:soundbite`, in seconds."""

    start_seconds: float
    duration_seconds: float
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """`podcast:location`: `geo:` URI, OpenStreetMap id, and what it is (`subject`, `creator`)."""

    name: str
    geo: str | None = None
    osm: str | None = None
    rel: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class License:
    """`podcast:license`: an SPDX-like identifier, with an address for custom ones."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SocialInteract:
    """`podcast:socialInteract`: where the conversation about an episode is."""

    protocol: str
    uri: str | None = None
    account_id: str | None = None
    account_url: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """`podcast:remoteItem`: a feed, or one item of it, by guid."""

    feed_guid: str | None
    feed_url: str | None = None
    item_guid: str | None = None
    medium: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ValueRecipient:
    """Who gets which share of a payment; `fee` is taken off the top."""

    address: str
    type: str | None = None
    name: str | None = None
    split: float | None = None
    fee: bool = False
    custom_key: str | None = None
    custom_value: str | None = None


@dataclass(frozen=True, slots=True)
class ValueTimeSplit:
    """`podcast:valueTimeSplit`: other recipients during part of an episode."""

    start_seconds: float
    duration_seconds: float
    remote_start_seconds: float | None = None
    remote_percentage: float | None = None
    recipients: tuple[ValueRecipient, ...] = ()
    remote_item: RemoteItem | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """`podcast:value`: how a show or an episode takes payments."""

    type: str | None
    method: str | None
    suggested: str | None = None
    recipients: tuple[ValueRecipient, ...] = ()
    time_splits: tuple[ValueTimeSplit, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """One of `podcast:images` or `podcast:image`: an address, its width in pixels, its purpose."""

    url: str
    width: int | None = None
    height: int | None = None
    purpose: str | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class Txt:
    """`podcast:txt`: free text for machines, by purpose."""

    value: str
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Funding:
    """`podcast:funding`."""

    url: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Trailer:
    """`podcast:trailer` of a show."""

    url: str
    title: str | None = None
    published: datetime | None = None
    type: str | None = None
    bytes: int | None = None
    season: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """`podcast:block`: whether to hide the show, from everybody or from the `service` named."""

    blocked: bool
    service: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateFrequency:
    """`podcast:updateFrequency`: the show's own promise of its rhythm."""

    text: str | None = None
    rrule: str | None = None
    dtstart: datetime | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """One item of a feed.

    `identity` names the rule that tells this episode from all others of its show, and
    `identity_value` is what that rule compares: the guid verbatim but for surrounding white
    space, else the enclosure's address without prefixes and query, else title and date.
    """

    identity: IdentityKind
    identity_value: str
    guid: str | None = None
    title: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    duration_seconds: int | None = None
    enclosure: Enclosure | None = None
    more_enclosures: tuple[Enclosure, ...] = ()
    link: str | None = None
    description: str | None = None
    summary: str | None = None
    subtitle: str | None = None
    author: str | None = None
    image: str | None = None
    episode_type: str | None = None
    season: int | None = None
    season_name: str | None = None
    episode: float | None = None
    episode_display: str | None = None
    explicit: bool | None = None
    block: bool = False
    keywords: tuple[str, ...] = ()
    persons: tuple[Person, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    chapters_link: Link | None = None
    transcripts: tuple[Transcript, ...] = ()
    soundbites: tuple[Soundbite, ...] = ()
    funding: tuple[Funding, ...] = ()
    alternate_enclosures: tuple[AlternateEnclosure, ...] = ()
    location: tuple[Location, ...] = ()
    license: License | None = None
    social_interacts: tuple[SocialInteract, ...] = ()
    value: tuple[Value, ...] = ()
    images: tuple[Image, ...] = ()
    txts: tuple[Txt, ...] = ()
    content_links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveItem:
    """`podcast:liveItem`: a broadcast with its state (`pending`, `live`, `ended`) and times."""

    status: str | None
    start: datetime | None
    end: datetime | None
    item: Episode


@dataclass(frozen=True, slots=True)
class Category:
    """An Apple category with its sub-category, if any."""

    name: str
    sub: str | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """What a feed says of itself, above its episodes."""

    title: str | None = None
    link: str | None = None
    description: str | None = None
    subtitle: str | None = None
    language: str | None = None
    author: str | None = None
    owner_name: str | None = None
    owner_email: str | None = None
    copyright: str | None = None
    generator: str | None = None
    image: str | None = None
    explicit: bool | None = None
    type: str | None = None
    categories: tuple[Category, ...] = ()
    keywords: tuple[str, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None
    ttl_minutes: int | None = None
    block: bool = False
    blocks: tuple[Block, ...] = ()
    complete: bool = False
    new_feed_url: str | None = None
    podcast_guid: str | None = None
    locked: bool | None = None
    locked_owner: str | None = None
    medium: str | None = None
    uses_podping: bool = False
    update_frequency: UpdateFrequency | None = None
    hubs: tuple[str, ...] = ()
    self_url: str | None = None
    first_page: str | None = None
    next_page: str | None = None
    last_page: str | None = None
    persons: tuple[Person, ...] = ()
    funding: tuple[Funding, ...] = ()
    trailers: tuple[Trailer, ...] = ()
    live_items: tuple[LiveItem, ...] = ()
    podroll: tuple[RemoteItem, ...] = ()
    remote_items: tuple[RemoteItem, ...] = ()
    publisher: RemoteItem | None = None
    location: tuple[Location, ...] = ()
    license: License | None = None
    value: tuple[Value, ...] = ()
    images: tuple[Image, ...] = ()
    txts: tuple[Txt, ...] = ()
    social_interacts: tuple[SocialInteract, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedWarning:
    """Something the feed does that it should not: how often, and the first example."""

    code: str
    count: int
    example: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedItem:
    """An item that cannot be told from others (no guid, enclosure or title): kept, not published.

    `raw` is the item's own bytes as text, capped; `position` counts items from 0.
    """

    position: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A whole feed in normal form.

    `quality` is 0 to 100 (`parsing.quality` says how it is made); `road` tells which parser read
    it: `strict` (one streaming pass) or `tolerant` (feedparser).
    """

    format: FeedFormat
    show: Show
    episodes: tuple[Episode, ...]
    warnings: tuple[FeedWarning, ...] = ()
    quarantined: tuple[QuarantinedItem, ...] = ()
    quality: float = 100.0
    road: Literal["strict", "tolerant"] = "strict"
    namespaces: tuple[str, ...] = field(default=())
