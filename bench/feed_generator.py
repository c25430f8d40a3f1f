"""Realistic podcast feeds, made up by the same seed for the same arguments.

About 30 elements an item with iTunes and Podcasting 2.0 tags and 2 to 3 kB of show notes: what the
larger hosts publish. Nothing is copied from a real show.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

WORDS = [
    "river",
    "lantern",
    "quiet",
    "market",
    "harbour",
    "engine",
    "winter",
    "letter",
    "signal",
    "garden",
    "copper",
    "window",
    "morning",
    "station",
    "paper",
    "violin",
    "orchard",
    "bridge",
    "copperplate",
    "thunder",
    "cellar",
    "ribbon",
    "salt",
    "meadow",
    "compass",
    "kettle",
    "anchor",
    "feather",
    "ladder",
    "marble",
]
NAMESPACES = (
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:podcast="https://podcastindex.org/namespace/1.0" '
    'xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)
FIRST_DAY = datetime(2015, 1, 5, 6, 30, tzinfo=UTC)


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def _notes(rng: random.Random, size: int) -> str:
    parts: list[str] = []
    length = 0
    while length < size:
        link = f"https://notes.example/{rng.choice(WORDS)}?id={rng.randrange(9999)}&amp;from=feed"
        text, name = _words(rng, 24).capitalize(), rng.choice(WORDS)
        part = f'<p>{text} \u2014 <a href="{link}">{name}</a>.</p>\n'
        parts.append(part)
        length += len(part)
    return "".join(parts)


def item(number: int, *, seed: int = 7) -> str:
    """The XML of episode `number`; the same number and seed always give the same text."""
    rng = random.Random(seed * 1_000_003 + number)
    slug = f"{rng.choice(WORDS)}-{rng.choice(WORDS)}-{number}"
    season, episode = divmod(number, 40)
    released = format_datetime(FIRST_DAY + timedelta(days=3 * number))
    seconds = rng.randrange(900, 5400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    media = f"https://dts.podtrac.com/redirect.mp3/media.example/shows/lantern/{slug}.mp3"
    base = f"https://files.example/{slug}"
    notes = _notes(rng, rng.randrange(2000, 3000))
    return f"""    <item>
      <guid isPermaLink="false">urn:lantern:{number:06}:{rng.getrandbits(64):016x}</guid>
      <title>{_words(rng, 5).title()} &amp; {rng.choice(WORDS)}</title>
      <link>https://lantern.example/episodes/{slug}</link>
      <pubDate>{released}</pubDate>
      <description><![CDATA[{notes}]]></description>
      <content:encoded><![CDATA[{notes}]]></content:encoded>
      <enclosure url="{media}?token={rng.getrandbits(32):08x}" length="{seconds * 16000}" \
type="audio/mpeg"/>
      <itunes:title>{_words(rng, 5).title()}</itunes:title>
      <itunes:author>{_words(rng, 2).title()}</itunes:author>
      <itunes:subtitle>{_words(rng, 10).capitalize()}</itunes:subtitle>
      <itunes:summary>{_words(rng, 40).capitalize()}</itunes:summary>
      <itunes:duration>{clock}</itunes:duration>
      <itunes:explicit>false</itunes:explicit>
      <itunes:episodeType>full</itunes:episodeType>
      <itunes:season>{season + 1}</itunes:season>
      <itunes:episode>{episode + 1}</itunes:episode>
      <itunes:image href="{base}.jpg"/>
      <itunes:keywords>{", ".join(rng.sample(WORDS, 4))}</itunes:keywords>
      <podcast:season name="{rng.choice(WORDS).title()}">{season + 1}</podcast:season>
      <podcast:episode display="Ch. {episode + 1}">{episode + 1}</podcast:episode>
      <podcast:transcript url="{base}.vtt" type="text/vtt" language="en"/>
      <podcast:transcript url="{base}.srt" type="application/x-subrip" rel="captions"/>
      <podcast:chapters url="{base}.json" type="application/json+chapters"/>
      <podcast:soundbite startTime="{rng.randrange(90)}.5" duration="30">{_words(rng, 4)}\
</podcast:soundbite>
      <podcast:person role="host" href="https://people.example/{slug}">{_words(rng, 2).title()}\
</podcast:person>
      <podcast:person role="guest" img="{base}-guest.jpg">{_words(rng, 2).title()}\
</podcast:person>
      <podcast:alternateEnclosure type="audio/opus" length="{seconds * 4000}" bitrate="32000">
        <podcast:source uri="{base}.opus"/>
        <podcast:integrity type="sri" value="sha384-{rng.getrandbits(96):024x}"/>
      </podcast:alternateEnclosure>
      <podcast:value type="lightning" method="keysend" suggested="0.00000015000">
        <podcast:valueRecipient name="Show" type="node" address="{rng.getrandbits(128):032x}" \
split="95"/>
        <podcast:valueRecipient name="Host" type="node" address="{rng.getrandbits(128):032x}" \
split="5" fee="true"/>
      </podcast:value>
      <podcast:socialInteract protocol="activitypub" uri="https://social.example/@lantern/{number}"/>
    </item>
"""


def feed(items: int, *, seed: int = 7, first: int = 0) -> bytes:
    """A feed of `items` episodes, newest first, numbered from `first` upwards."""
    built = format_datetime(FIRST_DAY + timedelta(days=3 * (first + items)))
    head = f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" {NAMESPACES}>
  <channel>
    <title>The Lantern Market</title>
    <link>https://lantern.example/</link>
    <atom:link href="https://feeds.example/lantern.xml" rel="self" type="application/rss+xml"/>
    <atom:link href="https://hub.example/" rel="hub"/>
    <language>en</language>
    <description>A made-up show about rivers, engines and letters.</description>
    <lastBuildDate>{built}</lastBuildDate>
    <itunes:author>Harbour Letters</itunes:author>
    <itunes:type>episodic</itunes:type>
    <itunes:explicit>no</itunes:explicit>
    <itunes:owner><itunes:name>Harbour</itunes:name><itunes:email>harbour@lantern.example\
</itunes:email></itunes:owner>
    <itunes:image href="https://files.example/lantern.jpg"/>
    <itunes:category text="Society &amp; Culture"><itunes:category text="Documentary"/>\
</itunes:category>
    <podcast:guid>0f5a7ac5-61ce-5a4d-8f0e-2a5b14f6dcbb</podcast:guid>
    <podcast:locked owner="harbour@lantern.example">yes</podcast:locked>
    <podcast:person>Mara Copper</podcast:person>
    <podcast:funding url="https://lantern.example/support">Support the show</podcast:funding>
"""
    numbers = range(first + items - 1, first - 1, -1)
    body = "".join(item(number, seed=seed) for number in numbers)
    return f"{head}{body}  </channel>\n</rss>\n".encode()
