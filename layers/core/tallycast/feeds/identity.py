"""What makes an episode the same episode: guid, else enclosure, else title and date.

In real host moves every enclosure address changed while the guids stayed; so the guid is taken
verbatim (trimmed only) and comes first. An enclosure counts without its measurement prefixes and
its query, because both change without the episode changing.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.feeds.model import IdentityKind

PODCAST_NAMESPACE = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")

# Hosts whose whole business is to be put before another address, to count or attribute a
# download and redirect to it. A service that also stores or assembles audio is no prefix.
PREFIX_HOSTS = frozenset({
    "a.pdcst.to", "arttrk.com", "chrt.fm", "chtbl.com", "claritaspod.com", "clrtpod.com",
    "cohst.app", "dts.podtrac.com", "growx.podkite.com", "media.blubrry.com", "mgln.ai", "op3.dev",
    "p.podderapp.com", "pdcds.co", "pdcn.co", "pdrl.fm", "pdst.fm", "pfx.vpixl.com",
    "play.podtrac.com", "podtrac.com", "prefix.up.audio", "prfx.byspotify.com", "pscrb.fm",
    "r.zen.ai", "suprefix.fm", "swap.fm", "t.glystn.com", "tracking.swap.fm",
    "verifi.podscribe.com", "www.podtrac.com",
})  # fmt: skip
# Services that give every customer, or every server, a name of its own.
PREFIX_DOMAINS = (".gum.fm", ".proxycast.org")

# A chain longer than this is no chain but an attempt to keep us busy.
LONGEST_CHAIN = 20
# Our own prefix, whatever host it is reached by: a show key, and perhaps a signature.
_OWN = re.compile(r"e/shk_[A-Za-z0-9_-]{43}/https?/(?:~[A-Za-z0-9_-]{22}/)?")
_SCHEME = re.compile(r"[^/?#]*://")
_EMBEDDED = re.compile(r"https?(?::|%3a)(?:/|%2f){1,2}", re.IGNORECASE)
_ENCODED_ASCII = re.compile("%([0-7][0-9a-f])", re.IGNORECASE)
# Hosts may have letters beyond ASCII, percent-encoded or not.
_LETTER = r"[a-z0-9-]|%[89a-f][0-9a-f]|[^\x00-\x7f]"
_HOST = re.compile(
    rf"(?:{_LETTER})+(?:\.(?:{_LETTER})+)*"
    r"\.(xn--[a-z0-9-]+|(?:[a-z]|%[89a-f][0-9a-f]|[^\x00-\x7f]){2,72})(?::\d{1,5})?",
    re.IGNORECASE,
)
# What files of audio and video, playlists and their segments end in.
MEDIA_ENDINGS = (
    "mp3", "mp2", "mpga", "m4a", "m4b", "mp4", "m4v", "mov", "aac", "ac3", "ogg", "oga", "opus",
    "spx", "wav", "flac", "aif", "aiff", "wma", "mka", "webm", "m3u", "m3u8", "ts", "m4s", "cmfa",
    "cmfv",
)  # fmt: skip
# `redirect.mp3` stands in many prefixes and looks like a host; no top-level domain is called so.
_FILE_ENDINGS = frozenset({
    *MEDIA_ENDINGS, "php", "html", "xml", "json", "jpg", "png", "pdf", "asp", "aspx",
})  # fmt: skip


def podcast_guid(feed_url: str) -> str:
    """The `podcast:guid` a feed's address implies: UUIDv5 of it without scheme and end slashes."""
    _, found, rest = feed_url.strip().partition("://")
    return str(uuid.uuid5(PODCAST_NAMESPACE, (rest if found else feed_url.strip()).rstrip("/")))


def identify(
    guid: str | None,
    enclosure_url: str | None,
    title: str | None,
    published: datetime | None,
) -> tuple[IdentityKind, str] | None:
    """The rule that tells an episode from the others of its show, and the value it compares.

    Returns:
        `("guid", guid)`, else `("enclosure", enclosure_key(url))`, else
        `("title", "<title>|<ISO date or nothing>")`; None when there is nothing to go by.
    """
    if guid and (trimmed := guid.strip()):
        return "guid", trimmed
    if enclosure_url and (key := enclosure_key(enclosure_url)):
        return "enclosure", key
    if title and (words := title.strip()):
        return "title", title_key(words, published)
    return None


def title_key(title: str, published: datetime | None) -> str:
    """What the title rule compares: the title and, when there is one, the date."""
    return f"{title}|{published.isoformat() if published else ''}"


def is_prefix_host(host: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether `host` (in lower case, without port) is a measurement prefix service.

    `more` are hosts that are, beside those known here.
    """
    return host in PREFIX_HOSTS or host in more or host.endswith(PREFIX_DOMAINS)


def enclosure_key(url: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """An enclosure's address as identity: `host/path` behind all prefixes, host in lower case.

    Scheme, user info, query and fragment do not count, nor does any measurement prefix before
    the real address (`dts.podtrac.com/redirect.mp3/chtbl.com/track/X/host/path` → `host/path`).
    """
    rest = behind_prefixes(url.strip().partition("#")[0].partition("?")[0], more_prefixes)
    host, slash, path = rest.partition("#")[0].partition("?")[0].partition("/")
    return f"{host.rpartition('@')[2].lower()}{slash}{path}"


def behind_prefixes(address: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """`host/path` behind the scheme and all measurement prefixes of an address without query.

    An address that was wholly percent-encoded behind its prefix
    (`play/2/https%3A%2F%2Fhost%2Fa.mp3`) is decoded, and may have a query of its own then.
    """
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() :] if scheme else address
    for _ in range(LONGEST_CHAIN):
        inner = _behind_prefix(rest, more_prefixes)
        if inner is None:
            break
        rest = inner
    return rest.lstrip("/")


def _behind_prefix(address: str, more: frozenset[str]) -> str | None:
    """What stands behind the first prefix of `host/path`, or None when there is no prefix."""
    # An address that was decoded has a query, in which another address is no destination.
    plain, mark, query = address.partition("?")
    inner = _destination(plain, more)
    return inner if inner is None or "?" in inner else f"{inner}{mark}{query}"


def _destination(address: str, more: frozenset[str]) -> str | None:
    authority, _, path = address.partition("/")
    if own := _OWN.match(path):
        return path[own.end() :]
    if embedded := _EMBEDDED.search(path):
        inner = path[embedded.end() :].lstrip("/")
        return _decoded(inner) if "%" in embedded[0] and "/" not in inner else inner
    if not is_prefix_host(_host_of(authority), more):
        return None
    segments = path.split("/")
    # The last segment is a file's name: an address needs something behind its host.
    for index, segment in enumerate(segments[:-1]):
        user, _, host = segment.rpartition("@")
        found = _HOST.fullmatch(host if ":" in user else segment)
        if found and found[1].lower() not in _FILE_ENDINGS:
            return "/".join(segments[index:])
    return None


def _host_of(authority: str) -> str:
    return authority.rpartition("@")[2].lower().partition(":")[0].rstrip(".")


def _decoded(text: str) -> str:
    """Decoded once; bytes that are no UTF-8 stay as they are, whatever they were meant to be."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return _ENCODED_ASCII.sub(lambda found: chr(int(found[1], 16)), text)
