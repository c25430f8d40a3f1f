"""Numbers, yes and no, durations and addresses as feeds write them. None means: unusable."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,30})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,4})(?:[.,]\d{1,9})?", re.ASCII)
_SECONDS = re.compile(r"\d{1,7}(?:[.,]\d{1,9})?", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:")

# More digits than this count nothing in a feed, and Python refuses thousands of them.
LONGEST_WHOLE = 15
LONGEST_NUMBER = 12 + len(".") + 30
# No episode lasts ten days: such a number is milliseconds or bytes.
LONGEST_SECONDS = 10 * 24 * 3600
_YES = frozenset({"yes", "true", "1", "explicit"})
_NO = frozenset({"no", "false", "0", "clean", "not explicit", "notexplicit"})
_FLAGS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


def read_duration(text: str) -> int | None:
    """Seconds, rounded, from `s`, `mm:ss` or `hh:mm:ss`, each with decimals or without."""
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        total = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    elif _SECONDS.fullmatch(text):
        total = int(float(text.replace(",", ".")) + 0.5)
    else:
        return None
    return total if total <= LONGEST_SECONDS else None


def read_number(text: str | None) -> float | None:
    """A decimal number that is not negative."""
    text = text.strip() if text else ""
    return _number(text) if len(text) <= LONGEST_NUMBER else None


def read_whole(text: str | None) -> int | None:
    """A whole number that is not negative; `2.0` is whole, `2.5` is not."""
    if not text:
        return None
    text = text.strip()
    if len(text) <= LONGEST_WHOLE and text.isdecimal() and text.isascii():
        return int(text)
    number = read_number(text)
    return int(number) if number is not None and number.is_integer() else None


# Episodes, shares and the lengths of soundbites come again in every item.
@lru_cache(maxsize=1024)
def _number(text: str) -> float | None:
    if len(text) <= LONGEST_WHOLE and text.isdecimal() and text.isascii():
        return float(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def read_flag(text: str | None) -> bool | None:
    """Yes or no in the words feeds have for them."""
    return _FLAGS.get(text.strip().lower()) if text else None


def is_absolute(url: str) -> bool:
    """Whether an address names its scheme."""
    return url.startswith(("https://", "http://")) or _SCHEME.match(url) is not None


def squeezed(text: str) -> str:
    """One line: white space of any kind and length becomes one blank."""
    return " ".join(text.split())
