"""Which media an address means: a file, a part of an HLS stream, or no media at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tallycast.feeds.parameters import names_a_file
from tallycast.measurement.lengths import LONGEST_URL
from tallycast.measurement.logs.reasons import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Callable

# What a web server also serves. Everything else is taken for media, also a path without ending.
_OTHER = frozenset({
    "html", "htm", "xml", "rss", "atom", "json", "js", "mjs", "css", "map", "txt", "md", "vtt",
    "srt", "jpg", "jpeg", "png", "gif", "svg", "webp", "avif", "ico", "bmp", "woff", "woff2",
    "ttf", "otf", "eot", "pdf", "zip", "gz", "env", "git", "yml", "yaml", "webmanifest", "wasm",
    "php", "asp", "aspx", "jsp", "cgi", "sql", "bak", "ini", "log",
})  # fmt: skip
# Segments that could as well be whole files by their ending, by the names that packagers give.
_SEGMENT = re.compile(
    r"(?:(?:seg|segment|chunk|frag|fragment|filesequence)[-_.]?\d+|init[-_.]?\d*)"
    r"\.(?:aac|mp4|m4a)",
    re.IGNORECASE,
)
_EMBEDDED = re.compile(r"https?(?::|%3a)(?:/|%2f){1,2}", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_-]+\.?(?::\d{1,5})?")
_HOST_6 = re.compile(r"\[[0-9a-f:.]+\](?::\d{1,5})?")
_DEEPEST = 30


class Address(NamedTuple):
    """What an address means: `media` and `part`, or why it is skipped or quarantined.

    One that is skipped has a `media`, too, if it names a file: a redirect leads to nothing else.
    """

    media: str | None = None
    part: str = ""
    skip: str | None = None
    problem: str | None = None


def locate(
    url: str,
    media: Callable[[str], str],
    playlist_folders: frozenset[str],
) -> Address:
    """What a request for `url` asks for.

    Args:
        url: the address.
        media: an address to what tells its file from others (`feeds.files.file_key`).
        playlist_folders: of known playlists.

    A playlist and the segments below a known playlist's folder are parts of one stream. Without
    a known playlist `.ts`, `.m4s` and files called like segments (`seg-12.aac`) are parts of the
    stream in their own folder. That depends on the address alone, so that it does not matter
    which requests came in the same file.
    """
    if problem := _problem(url):
        return Address(problem=problem)
    key = media(url)
    named, _, query = key.partition("?")
    host, _, path = named.partition("/")
    if not (_HOST.fullmatch(host) or _HOST_6.fullmatch(host) or _international(host)):
        return Address(problem=Reason.NO_HOST)
    if not (path or query):
        return Address(skip=Skip.NOT_MEDIA)
    # `download.php?file=5.mp3` is media, `index.php?id=5` a page.
    by_query = any(map(names_a_file, query.split("&")))
    is_media = by_query or (path != "" and _ending(path) not in _OTHER)
    found = _part(key, playlist_folders)
    return found if is_media else found._replace(skip=Skip.NOT_MEDIA)


def _problem(url: str) -> Reason | None:
    address = url.partition("?")[0]
    if len(address) > LONGEST_URL or len(address.encode("utf-8", "replace")) > LONGEST_URL:
        return Reason.LONG_URL
    if url[:8].lower().startswith(("http://", "https://")):
        return Reason.NO_HOST if url.partition("://")[2].startswith("/") else None
    if not url.startswith("/"):
        return Reason.NOT_HTTP
    # A redirect's log may know only its own path, with the destination in it.
    return None if _EMBEDDED.search(address) else Reason.NO_HOST


def _part(key: str, playlist_folders: frozenset[str]) -> Address:
    folder, _, name = key.partition("?")[0].rpartition("/")
    ancestor = folder
    for _ in range(_DEEPEST if playlist_folders else 0):
        if ancestor in playlist_folders:
            return Address(ancestor, key[len(ancestor) + 1 :])
        ancestor = ancestor.rpartition("/")[0]
        if not ancestor:
            break
    if _ending(name) in {"m3u8", "ts", "m4s", "cmfa", "cmfv"} or _SEGMENT.fullmatch(name):
        return Address(folder, name)
    return Address(key)


def _ending(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _international(host: str) -> bool:
    """A host with letters beyond ASCII, as some clients write it."""
    return not host.isascii() and not re.search(r"[\s/\\<>\"'@]", host)


def playlist_folders(playlists: frozenset[str], media: Callable[[str], str]) -> frozenset[str]:
    """The folders of playlists (`host/path/x.m3u8` → `host/path`); `media` as in `locate`."""
    return frozenset(media(each).rpartition("/")[0] for each in playlists if "/" in each)
