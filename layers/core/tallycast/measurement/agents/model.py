"""What is known of a user agent, and what a text must be to be one at all."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

Kind = Literal["bot", "app", "library", "browser", "unknown", "blank", "malformed"]

LONGEST_REFERRER: Final = 8_000

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BLANKS: Final = frozenset({"", "-", "null", "(null)", "none", "undefined"})


class Agent(NamedTuple):
    """A user agent and what the lists say of it: a row of `measurement.model.AGENTS`.

    `kind` tells where it was found; `unknown` is in no list, `blank` is nothing or a dash,
    `malformed` is no user agent (IAB v2.3 §5.5). `name` is the entry's, None where none matched.
    `device` and `category` are those of the device list, None for bots. `is_bot` holds for bots and
    for libraries that are bots. `is_watch` marks an Apple Watch, whose requests the phone has made.
    """

    user_agent: str
    kind: Kind
    name: str | None
    device: str | None
    category: str | None
    is_bot: bool
    is_watch: bool


def is_blank(text: str) -> bool:
    """Whether there is no user agent: nothing, spaces, or what programs write for nothing."""
    return text.strip().lower() in _BLANKS


def is_text(text: str) -> bool:
    """Whether a text is free of control characters and halves of surrogate pairs."""
    return _CONTROL.search(text) is None


def is_watch(text: str) -> bool:
    """The Apple Watch's own downloads, which repeat those of the phone (IAB v2.3 §5.5)."""
    return "watchOS" in text and (text.startswith("atc/") or "(null)/(null) watchOS" in text)
