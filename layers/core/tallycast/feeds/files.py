"""What a file is called: one name for it, however feeds and logs write its address.

An episode stays the same when its address changes (`identity`). A file is what a request asked
for. Where the path ends like a media file, it names the file. Where a program answers
(`play?id=5`), the parameters that say which file belong to the name (`parameters`).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from tallycast.feeds.identity import behind_prefixes
from tallycast.feeds.parameters import MOST_PARAMETERS, file_path, names_a_file, parameters
from tallycast.feeds.spelling import spelled, spelled_host

if TYPE_CHECKING:
    from collections.abc import Iterable

_DELIMITERS = frozenset(b"/?#%")


def file_key(url: str, more_prefixes: frozenset[str] = frozenset()) -> str:
    """What tells the file at an address from others: `host/path`, and a query where it says which.

    Behind all measurement prefixes, and in one spelling (RFC 3986 §6.2.2, IDNA):
    `https://Müsli.example:443/Folge%c3%9f 1.mp3` → `xn--msli-0ra.example/Folge%C3%9F%201.mp3`.
    Where the path does not end like a media file, the parameters that name files stay, sorted:
    `https://host/play?token=x&ID=5` → `host/play?id=5`. The key of a key is itself.
    """
    address, _, query = url.partition("#")[0].partition("?")
    plain = spelled(address.strip(), _DELIMITERS)
    inner, _, own_query = behind_prefixes(plain, more_prefixes).partition("#")[0].partition("?")
    authority, slash, path = inner.partition("/")
    path, encoded_query = file_path(spelled(path, _DELIMITERS))
    key = f"{spelled_host(authority)}{slash}{path}"
    if names_a_file(key):
        return key
    # What stands behind a file that an encoded address ends with is not that address's query.
    own_query = own_query or encoded_query
    which = parameters(own_query or ("" if names_a_file(address) else query))
    if not which:
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
        given = query.split("&")[:MOST_PARAMETERS] if query else []
        fewer = (
            f"{path}?{'&'.join(some)}" if some else path
            for size in range(len(given) - 1, -1, -1)
            for some in combinations(given, size)
        )
        if match := next((each for each in fewer if each in names), None):
            found[key] = match
    return found
