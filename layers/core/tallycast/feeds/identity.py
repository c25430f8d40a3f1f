"""What makes an episode the same episode: guid, else enclosure, else title and date.

In real host moves every enclosure address changed while the guids stayed; so the guid is taken
verbatim (trimmed only) and comes first. An enclosure counts without its measurement prefixes and
its query, because both change without the episode changing.

A file is another question: what a request asked for. Where the path names the file, it is the same
address; where a program answers (`play?id=5`), the parameters that say which file belong to it.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

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
_EMBEDDED = re.compile(r"https?(?::|%3a)(?:/|%2f){1,2}", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.([a-z]{2,24})(?::\d{1,5})?", re.IGNORECASE)
_MEDIA_ENDINGS = (
    "mp3", "mp2", "mpga", "m4a", "m4b", "mp4", "m4v", "mov", "aac", "ac3", "ogg", "oga", "opus",
    "spx", "wav", "flac", "aif", "aiff", "wma", "mka", "webm", "m3u", "m3u8", "ts", "m4s", "cmfa",
    "cmfv",
)  # fmt: skip
# `redirect.mp3` stands in many prefixes and looks like a host; no top-level domain is called so.
_FILE_ENDINGS = frozenset({
    *_MEDIA_ENDINGS, "php", "html", "xml", "json", "jpg", "png", "pdf", "asp", "aspx",
})  # fmt: skip
# What names a file: an address without its query, or a parameter's value, that ends so. This and
# the next are expressions that DuckDB reads as well.
NAMES_A_FILE = rf"(?i)\.(?:{'|'.join(_MEDIA_ENDINGS)})$"
# Parameters by which programs know files. Only these: others say who asks, from where, until when.
_FILE_PARAMETERS = (
    "id", "episode", "episode_id", "episodeid", "ep", "ep_id", "guid", "file", "file_id", "fileid",
    "filename", "fname", "files", "f", "audio", "audio_id", "media", "media_id", "mediaid", "item",
    "item_id", "post_id", "attachment_id", "track_id", "resid", "share",
)  # fmt: skip
FILE_PARAMETER = rf"(?i)(?:^|[?&;])((?:{'|'.join(_FILE_PARAMETERS)})=[^&;#\x00-\x1f\x7f]+)"

_NAMES_A_FILE = re.compile(NAMES_A_FILE, re.ASCII)
_FILE_PARAMETER = re.compile(FILE_PARAMETER, re.ASCII)
# A byte that is encoded, or that cannot stand in an address as it is.
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9/._~!$&'()*+,;=:@-]")
_NEEDS_NO_SPELLING = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_PATH_DELIMITERS = frozenset(b"/?#%")
_QUERY_DELIMITERS = frozenset(b"&;#%+")
_OWN_PORT = re.compile(r":(?:443|80)$")


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
    rest = url.strip()
    _, found, behind = rest.partition("://")
    rest = (behind if found else rest).partition("#")[0].partition("?")[0]
    for _ in range(LONGEST_CHAIN):
        inner = _behind_prefix(rest, more_prefixes)
        if inner is None:
            break
        rest = inner
    host, slash, path = rest.lstrip("/").partition("/")
    return f"{host.rpartition('@')[2].lower()}{slash}{path}"


def file_key(url: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """What tells the file at an address from others: `host/path`, and a query where it says which.

    As `enclosure_key`, in one spelling (RFC 3986 §6.2), because feeds and logs spell differently:
    `https://Müsli.example:443/Folge%c3%9f 1.mp3` → `xn--msli-0ra.example/Folge%C3%9F%201.mp3`; and
    with `file_parameters` behind it: `https://host/play?token=x&ID=5` → `host/play?id=5`. A
    `file_key` is its own key.
    """
    whole = url.partition("#")[0].partition("?")[0]
    authority, slash, path = enclosure_key(whole, more_prefixes).partition("/")
    key = f"{_spelled_host(authority)}{slash}{_spelled(path, _PATH_DELIMITERS)}"
    which = file_parameters(url)
    if not which:
        return key
    return f"{key}?{which}" if slash else f"{key}/?{which}"


def file_parameters(url: str) -> str:
    """The parameters of an address that say which file it means, in one order: `ep=2&id=5`.

    Nothing where the path ends like a media file: then the query says something else.
    """
    path, _, query = url.partition("#")[0].partition("?")
    if not query or _NAMES_A_FILE.search(path.rstrip()):
        return ""
    pairs = (pair.partition("=") for pair in _FILE_PARAMETER.findall(query))
    named = {(name.lower(), value.strip(" ")) for name, _, value in pairs}
    return "&".join(
        sorted(f"{name}={_spelled(value, _QUERY_DELIMITERS)}" for name, value in named if value)
    )


def _spelled(text: str, delimiters: frozenset[int]) -> str:
    """Percent-encoded where it must be and nowhere else; encoded delimiters stay encoded."""
    if _NEEDS_NO_SPELLING.fullmatch(text):
        return text

    def spelled(found: re.Match[bytes]) -> bytes:
        byte = int(found[0][1:], 16) if len(found[0]) > 1 else found[0][0]
        plain = bytes((byte,))
        is_plain = byte not in delimiters and not _ENCODED.fullmatch(plain)
        return plain if is_plain else b"%%%02X" % byte

    return _ENCODED.sub(spelled, text.encode("utf-8", "surrogatepass")).decode("ascii")


def _spelled_host(authority: str) -> str:
    """In ASCII (IDNA), without the ports that schemes have and without the root's dot."""
    host = _OWN_PORT.sub("", authority).removesuffix(".")
    if host.isascii():
        return host
    import idna  # noqa: PLC0415 - rare, and its tables take a while to load

    name, colon, port = host.partition(":")
    try:
        return idna.encode(name, uts46=True).decode("ascii") + colon + port
    except (idna.IDNAError, UnicodeError):
        return host


def _behind_prefix(address: str, more: frozenset[str]) -> str | None:
    """What stands behind the first prefix of `host/path`, or None when there is no prefix."""
    host, _, path = address.partition("/")
    if own := _OWN.match(path):
        return path[own.end() :]
    if embedded := _EMBEDDED.search(path):
        return path[embedded.end() :].lstrip("/")
    if not is_prefix_host(host.lower().partition(":")[0], more):
        return None
    segments = path.split("/")
    # The last segment is a file's name: an address needs something behind its host.
    for index, segment in enumerate(segments[:-1]):
        found = _HOST.fullmatch(segment)
        if found and found[1].lower() not in _FILE_ENDINGS:
            return "/".join(segments[index:])
    return None
