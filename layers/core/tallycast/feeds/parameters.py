"""Which parameters of a query say what file is asked for, and what of their values may be kept.

Only listed ones: others say who asks, from where, until when. And a value may be an address with
a query of its own, hold a token behind its name, or be somebody's e-mail or IP address.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from tallycast.feeds.identity import MEDIA_ENDINGS
from tallycast.feeds.spelling import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable


def _any_case(words: Iterable[str]) -> str:
    """Words as alternatives. DuckDB's `(?i)` takes letters for alike that Python's does not."""
    in_both = (
        "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in word)
        for word in words
    )
    return "|".join(in_both)


_NAMES = (
    "id", "episode", "episode_id", "episodeid", "ep", "ep_id", "epid", "guid", "file", "file_id",
    "fileid", "filename", "fname", "files", "f", "audio", "audio_id", "audioid", "media",
    "media_id", "mediaid", "item", "item_id", "itemid", "post_id", "attachment_id", "track_id",
    "trackid", "resid", "podcast_download", "podcast_episode",
)  # fmt: skip
_LONGEST_ENDING = 1 + max(map(len, MEDIA_ENDINGS))
_ENDING = rf"\.(?:{_any_case(MEDIA_ENDINGS)})"
# Expressions that DuckDB reads as well. A path, or a value, that ends so names a file.
NAMES_A_FILE: Final = rf"{_ENDING}$"
PARAMETER: Final = rf"(?:^|[?&;])((?:{_any_case(_NAMES)})=[^&;#?\x00-\x1f\x7f]+)"
MOST_PARAMETERS: Final = 6
LONGEST_VALUE: Final = 2000
"""Of a value in its one spelling, in characters: 222 of three bytes each."""

_LONGEST_WRITTEN = 8 * LONGEST_VALUE
_DELIMITERS = frozenset(b"&;#%+")
# Encoded once more, or several times; other mixtures are an attempt to keep us busy.
_ENCODED_AGAIN = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")
_MOST_ENCODINGS = 5
# What may begin a query within a value, and what certainly does: `token=` behind it.
_WITHIN = re.compile("%(?:3F|26|23|3B)")
_NAME = "[A-Za-z0-9_.~-]{1,64}="
_QUERY = re.compile(f"(?:amp%3B)?{_NAME}|amp$")
_ADDRESS = re.compile(r"https?:/|//", re.IGNORECASE)
_USER = re.compile(r"^([a-z][a-z0-9+.-]*:/{1,2}|//)[^/]*@", re.IGNORECASE)
# A path that goes on as if a query had begun: behind its file, or as `play%3Fid=5`; and what
# servers of Java and PHP write into paths for clients without cookies.
_BEHIND_A_FILE = re.compile(rf"({_ENDING})%(?:25)*3F.*")
_BEHIND_A_PROGRAM = re.compile(f"%(?:25)*3F(?={_NAME})")
_SESSION = re.compile(r";(?:(?:j|php|asp)?sess(?:ion)?_?id|sid)=[^/;]*", re.IGNORECASE)

_MAILBOX = re.compile(r"[\w+-]")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_IP_V4 = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")
_IP_V4_DASHED = re.compile(
    r"(?:ip[-_])?(\d{1,3})([-_])(\d{1,3})\2(\d{1,3})\2(\d{1,3})", re.IGNORECASE
)
_HIGHEST_OCTET, _THREE_DIGITS = 255, 100
_IP_V6_LETTERS = re.compile("[^0-9A-Za-z:.]+")


def parameters(query: str) -> str:
    """The parameters of a query that name a file, each spelled one way, sorted: `ep=2&id=5`."""
    if "=" not in query:
        return ""
    named = set()
    for pair in re.findall(PARAMETER, query):
        name, _, written = pair.partition("=")
        if value := _value(written):
            named.add(f"{name.lower()}={value}")
    return "&".join(sorted(named)[:MOST_PARAMETERS])


def file_path(path: str) -> tuple[str, str]:
    """A spelled path without what is said of the client behind names in it, and its own query."""
    plain = _BEHIND_A_FILE.sub(r"\1", _SESSION.sub("", path))
    query = _BEHIND_A_PROGRAM.search(plain)
    if query is None or names_a_file(plain):
        return plain, ""
    return plain[: query.start()], _WITHIN.sub("&", plain[query.end() :])


def names_a_file(text: str) -> bool:
    """Whether a path or a value ends like a media file."""
    return re.search(NAMES_A_FILE, text[-_LONGEST_ENDING:]) is not None


def _value(written: str) -> str:
    """A value in its one spelling, as far as it says what is asked for; else nothing."""
    value = written.strip(" ")
    if len(value) > _LONGEST_WRITTEN:
        return ""
    for _ in range(_MOST_ENCODINGS):
        before, value = value, spelled(_ENCODED_AGAIN.sub("%", value), _DELIMITERS)
        if value == before:
            break
    else:
        return ""
    value = _USER.sub(r"\1", _without_query(value))
    return "" if len(value) > LONGEST_VALUE or _says_who(unquote(value)) else value


def _without_query(value: str) -> str:
    """A value up to a query within it: behind an address, behind a file, or before `token=`."""
    for found in _WITHIN.finditer(value):
        before, behind = value[: found.start()], value[found.end() :]
        is_address = found[0] == "%3F" and _ADDRESS.match(before)
        if is_address or names_a_file(before) or _QUERY.match(behind):
            return before
    return value


def _says_who(value: str) -> bool:
    """Whether a value is somebody's e-mail or IP address, and no name of a file with dots."""
    name = re.sub(NAMES_A_FILE, "", value)
    return _has_mail(value) or _has_ip(name, of_a_file=name != value)


def _has_mail(value: str) -> bool:
    """`anna@mail.example`, also as the name of a file; not `Live@Home.mp3`."""
    local, *domains = value.split("@")
    for text in domains:
        domain = _DOMAIN.match(re.sub(NAMES_A_FILE, "", text))
        labels = domain[0].split(".") if domain else []
        is_top = labels[-1:] and (labels[-1].isalpha() or labels[-1].startswith("xn--"))
        if _MAILBOX.match(local[-1:]) and len(labels) > 1 and is_top:
            return True
        local = text
    return False


def _has_ip(name: str, *, of_a_file: bool) -> bool:
    """An address alone, or within what is no file's name: those have dates and versions."""
    whole = re.sub("^ip[-_.]", "", name)
    for found in _IP_V4.finditer(name):
        if _octets(found[0].split(".")) and (found[0] == whole or not of_a_file):
            return True
    dashed = _IP_V4_DASHED.fullmatch(name)
    if dashed:
        octets = [dashed[place] for place in (1, 3, 4, 5)]
        # `20-11-24-1` is a date more often than an address.
        if _octets(octets) and any(int(octet) >= _THREE_DIGITS for octet in octets):
            return True
    return any(map(_is_ip_v6, [whole] if of_a_file else _IP_V6_LETTERS.split(name)))


def _octets(texts: list[str]) -> bool:
    return all(int(text) <= _HIGHEST_OCTET for text in texts)


def _is_ip_v6(text: str) -> bool:
    if text.count(":") < 2 or not text.strip(":"):  # noqa: PLR2004 - no address has fewer
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
