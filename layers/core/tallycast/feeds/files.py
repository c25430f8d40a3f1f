"""What a file is called: one name for it, however feeds and logs write its address.

An episode stays the same when its address changes (`identity`). A file is what a request asked
for. Where the path ends like a media file, it names the file. Where a program answers
(`play?id=5`), the parameters that say which file belong to the name.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tallycast.feeds.identity import MEDIA_ENDINGS, behind_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable


def _any_case(words: Iterable[str]) -> str:
    """Words as alternatives. DuckDB's `(?i)` takes letters for alike that Python's does not."""
    spelled = (
        "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in word)
        for word in words
    )
    return "|".join(spelled)


# Parameters by which programs know files. Only these: others say who asks, from where, until when.
_PARAMETERS = (
    "id", "episode", "episode_id", "episodeid", "ep", "ep_id", "guid", "file", "file_id", "fileid",
    "filename", "fname", "files", "f", "audio", "audio_id", "media", "media_id", "mediaid", "item",
    "item_id", "post_id", "attachment_id", "track_id", "resid",
    "podcast_download", "podcast_episode",
)  # fmt: skip
# Expressions that DuckDB reads as well. A path, or a value, that ends so names a file.
NAMES_A_FILE = rf"\.(?:{_any_case(MEDIA_ENDINGS)})$"
PARAMETER = rf"(?:^|[?&;])((?:{_any_case(_PARAMETERS)})=[^&;#?\x00-\x1f\x7f]+)"
_MOST_PARAMETERS = 6
_LONGEST_VALUE = 500

# A byte that is encoded, or that cannot stand in an address as it is.
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9/._~!$&'()*+,;=:@-]")
_NEEDS_NO_SPELLING = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_PATH_DELIMITERS = frozenset(b"/?#%")
_QUERY_DELIMITERS = frozenset(b"&;#%+")
_OF_NO_MEANING = re.compile(r"(?:\.|:(?:80|443)?)+$")
_NO_HOST = re.compile(r"[\x00-\x20\x7f/?#@%\\]")
_IP_V4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def file_key(url: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """What tells the file at an address from others: `host/path`, and a query where it says which.

    Behind all measurement prefixes, and in one spelling (RFC 3986 §6.2.2, IDNA):
    `https://Müsli.example:443/Folge%c3%9f 1.mp3` → `xn--msli-0ra.example/Folge%C3%9F%201.mp3`.
    Where the path does not end like a media file, the parameters that name files stay, sorted:
    `https://host/play?token=x&ID=5` → `host/play?id=5`. The key of a key is itself.
    """
    address, _, query = url.partition("#")[0].partition("?")
    plain = _spelled(address.strip(), _PATH_DELIMITERS)
    inner, _, own_query = behind_prefixes(plain, more_prefixes).partition("#")[0].partition("?")
    authority, slash, path = inner.partition("/")
    key = f"{_spelled_host(authority)}{slash}{_spelled(path, _PATH_DELIMITERS)}"
    which = _parameters(own_query or query)
    if not which or re.search(NAMES_A_FILE, key):
        return key
    return f"{key}?{which}" if slash else f"{key}/?{which}"


def file_parameters(url: str) -> str:
    """The parameters that are part of a file's name (`ep=2&id=5`), or nothing."""
    return file_key(url).partition("?")[2]


def media_of(url: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """A file's key; of an HLS stream that of the playlist's folder, which its segments share."""
    key = file_key(url, more_prefixes)
    is_playlist = "?" not in key and key.lower().endswith(".m3u8")
    return key.rpartition("/")[0] if is_playlist else key


def aliases(seen: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Files that are known under fewer parameters than they were asked for with.

    Args:
        seen: keys that are not known as they are.
        known: keys of the files that feeds offer.

    Returns:
        By key the known one that has most of its parameters, of several the first in order:
        `host/play?id=5&item=web` → `host/play?id=5`, else `host/play`. Others are left out.
    """
    names = set(known)
    found = {}
    for key in seen:
        path, _, query = key.partition("?")
        given = query.split("&")[:_MOST_PARAMETERS] if query else []
        fewer = (
            f"{path}?{'&'.join(some)}" if some else path
            for size in range(len(given) - 1, -1, -1)
            for some in combinations(given, size)
        )
        if match := next((each for each in fewer if each in names), None):
            found[key] = match
    return found


def _parameters(query: str) -> str:
    """The parameters of a query that name a file, sorted, without what tells who asks."""
    if "=" not in query:
        return ""
    named = set()
    for pair in re.findall(PARAMETER, query):
        name, _, value = pair.partition("=")
        # What stands behind a query within the value is a token more often than a name.
        plain = re.split("%3[fF]", value, maxsplit=1)[0].strip(" ")
        if plain and len(plain) <= _LONGEST_VALUE and not _says_who(unquote(plain)):
            named.add(f"{name.lower()}={_spelled(plain, _QUERY_DELIMITERS)}")
    return "&".join(sorted(named)[:_MOST_PARAMETERS])


def _says_who(value: str) -> bool:
    """Whether a value is somebody's e-mail or IP address: no file is called so."""
    if "@" in value or _IP_V4.search(value):
        return True
    try:
        ipaddress.IPv6Address(value.strip("[]"))
    except ValueError:
        return False
    return True


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
    """In ASCII (IDNA) and lower case, without user, the ports 80 and 443, and the root's dot."""
    host = _OF_NO_MEANING.sub("", authority.rpartition("@")[2].lower())
    decoded = unquote(host, errors="strict") if _is_utf8(host) else host
    if decoded != host and _NO_HOST.search(decoded):
        return host
    if decoded.isascii():
        return decoded.lower()
    import idna  # noqa: PLC0415 - rare, and its tables take a while to load

    name, colon, port = decoded.partition(":")
    try:
        return idna.encode(name, uts46=True).decode("ascii") + colon + port
    except (idna.IDNAError, UnicodeError):
        return host


def _is_utf8(host: str) -> bool:
    try:
        unquote(host, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
