"""What makes an episode the same episode: guid, else enclosure, else title and date.

In real host moves every enclosure address changed while the guids stayed; so the guid is taken
verbatim (trimmed only) and comes first. An enclosure counts without its measurement prefixes and
its query, because both change without the episode changing.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.feeds.model import IdentityKind

PODCAST_NAMESPACE = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")

# Hosts of measurement services that stand as a prefix before the real address.
PREFIX_HOSTS = frozenset({
    "2.gum.fm", "arttrk.com", "cdn.stitcher.com", "chrt.fm", "chtbl.com", "claritaspod.com",
    "clrtpod.com", "dts.podtrac.com", "growx.podkite.com", "injector.simplecastaudio.com",
    "mgln.ai", "op3.dev", "pdcn.co", "pdst.fm", "pfx.vpixl.com", "podcorn.com",
    "podscribe.com", "podsights.com", "podtrac.com", "play.podtrac.com",
    "prefix.up.audio", "pscrb.fm", "r.zen.ai", "rss.art19.com.podtrac.com", "tracking.swap.fm",
    "traffic.omny.fm.podtrac.com", "trk.podders.com", "verifi.podscribe.com", "www.podtrac.com",
    "zen.ai", "analytics.podcastfm.com", "blubrry.com", "media.blubrry.com", "stats.podca.st",
})


def podcast_guid(feed_url: str) -> str:
    """The `podcast:guid` a feed's address implies: UUIDv5 of it without scheme and end slashes."""
    _, found, rest = feed_url.strip().partition("://")
    return str(uuid.uuid5(PODCAST_NAMESPACE, (rest if found else feed_url.strip()).rstrip("/")))
