"""Numbers, yes and no, durations and addresses as feeds write them. None means: unusable."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,30})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,4})(?:[.,]\d{1,9})?", re.ASCII)
_SECONDS = re.compile(r"\d{1,7}(?:[.,]\d{1,9})?", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:")

# More digits than this count nothing in a feed, and Python refuses thousands of them.
LONGEST_WHOLE = 15
# No episode lasts ten days: such a number is milliseconds or bytes.
LONGEST_SECONDS = 10 * 24 * 3600
_YES = frozenset({"yes", "true", "1", "explicit"})
_NO = frozenset({"no", "false", "0", "clean", "not explicit", "notexplicit"})


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
    if text is None:
        return None
    text = text.strip()
    if text.isdecimal() and text.isascii() and len(text) <= LONGEST_WHOLE:
        return float(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def read_whole(text: str | None) -> int | None:
    """A whole number that is not negative; `2.0` is whole, `2.5` is not."""
    if text is None:
        return None
    text = text.strip()
    if text.isdecimal() and text.isascii() and len(text) <= LONGEST_WHOLE:
        return int(text)
    number = read_number(text)
    return int(number) if number is not None and number.is_integer() else None


def read_flag(text: str | None) -> bool | None:
    """Yes or no in the words feeds have for them."""
    word = text.strip().lower() if text else ""
    if word in _YES:
        return True
    return False if word in _NO else None


def is_absolute(url: str) -> bool:
    """Whether an address names its scheme."""
    return url.startswith(("https://", "http://")) or _SCHEME.match(url) is not None


def squeezed(text: str) -> str:
    """One line: white space of any kind and length becomes one blank."""
    return " ".join(text.split())
