"""A list of user agents, compiled once and asked for as many agents as a log has."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from tallycast.measurement.agents.documents import AGENT_FILES, DEVICES, REFERRERS
from tallycast.measurement.agents.matcher import Matcher
from tallycast.measurement.agents.model import (
    LONGEST_REFERRER,
    Agent,
    Kind,
    is_blank,
    is_text,
    is_watch,
)
from tallycast.measurement.lengths import LONGEST_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.measurement.agents.documents import Document

# Part of every digest: raised when the same lists would give other answers.
RULES: Final = "2"

_KINDS: Final[dict[str, Kind]] = {
    "bots.json": "bot",
    "apps.json": "app",
    "libraries.json": "library",
    "browsers.json": "browser",
}
# An entry of the library list with this category is a bot.
_BOT: Final = "bot"
# Different answers of the automaton are few; somebody who sends nonsense must not fill memory.
_MOST_REMEMBERED: Final = 20_000

_Found = tuple[Kind, str | None, str | None, str | None, bool]
_UNKNOWN: Final[_Found] = ("unknown", None, None, None, False)
_BLANK: Final[_Found] = ("blank", None, None, None, False)
_MALFORMED: Final[_Found] = ("malformed", None, None, None, False)
_NO_ENTRY: Final[tuple[Kind, None, bool]] = ("unknown", None, False)
_NO_DEVICE: Final = (None, None)


class AgentList:
    """What is known of user agents and referrers, in one state of the lists.

    Args:
        documents: by file name: bots, apps, libraries, browsers, devices and referrers.
        prefix_hosts: hosts of measurement prefixes.

    Attributes:
        versions: the version of each list, by file name.
        digest: 16 hex digits that stand for all lists and the rules they are read by; a count
            records it.
        prefix_hosts: as given.
        names: the names of the entries in order, by kind.

    Raises:
        BadAgentListError: a pattern cannot be used.
    """

    def __init__(
        self, documents: Mapping[str, Document], *, prefix_hosts: frozenset[str] = frozenset()
    ) -> None:
        ordered = [documents[file] for file in AGENT_FILES]
        devices = documents[DEVICES]
        self.versions: Final = {file: each.version for file, each in sorted(documents.items())}
        parts = [f"{file}={each.digest}" for file, each in sorted(documents.items())]
        prefixes = ",".join(sorted(prefix_hosts))
        self.digest: Final = hashlib.sha256(
            "\n".join([RULES, *parts, prefixes]).encode()
        ).hexdigest()[:16]
        self.prefix_hosts: Final = prefix_hosts
        self.names: Final = {
            _KINDS[document.file]: tuple(entry.name for entry in document.entries)
            for document in ordered
        }
        self._agents: Final = Matcher([*ordered, devices])
        self._referrers: Final = Matcher([documents[REFERRERS]])
        self._entries: Final = [
            (_KINDS[document.file], entry.name, _is_bot(document.file, entry.category))
            for document in ordered
            for entry in document.entries
        ]
        self._devices: Final = [(entry.name, entry.category) for entry in devices.entries]
        self._referrer_names: Final = [entry.name for entry in documents[REFERRERS].entries]
        self._known: dict[tuple[int, ...], _Found] = {}

    def classify(self, user_agents: Iterable[str]) -> list[Agent]:
        """What each user agent is, in the order given; ask for distinct ones.

        The first entry that matches wins: bots, then apps, libraries, browsers. Whatever is no bot
        gets the first device that matches. Nothing but the text decides.
        """
        # One look-up per agent and no call of our own: a log has many agents.
        search, known, make = self._agents.search, self._known, Agent._make
        agents = []
        for text in user_agents:
            if len(text) > LONGEST_AGENT or not (text.isprintable() or is_text(text)):
                agents.append(make((text, *_MALFORMED, False)))
                continue
            numbers = search(text.encode())
            found = known.get(tuple(numbers or ())) or self._find(text, numbers)
            if found is _UNKNOWN:
                agents.append(make((text, *_nameless(text), False)))
            else:
                agents.append(make((text, *found, "watchOS" in text and is_watch(text))))
        return agents

    def referrer_name(self, url: str) -> str | None:
        """Which web player or site a Referer header names; None when it is not known.

        A referrer only tells something of a browser: apps send what they like.
        """
        if not url or len(url) > LONGEST_REFERRER or not is_text(url):
            return None
        numbers = self._referrers.matches(url)
        return self._referrer_names[min(numbers)] if numbers else None

    def classify_referrers(self, urls: Iterable[str]) -> list[str | None]:
        """The name of each referrer, in the order given; ask for distinct ones."""
        return [self.referrer_name(url) for url in urls]

    def _find(self, text: str, numbers: list[int] | None) -> _Found:
        """What the entries that match say together, remembered by what the automaton found."""
        count = len(self._entries)
        entries = self._agents.entries_of(text, numbers)
        agent = min((n for n in entries if n < count), default=None)
        device = min((n for n in entries if n >= count), default=None)
        found = _UNKNOWN
        if agent is not None or device is not None:
            kind, name, bot = self._entries[agent] if agent is not None else _NO_ENTRY
            on, category = _NO_DEVICE if bot or device is None else self._devices[device - count]
            found = (kind, name, on, category, bot)
        if numbers is not None and len(self._known) < _MOST_REMEMBERED:
            self._known[tuple(numbers)] = found
        return found


def _nameless(text: str) -> _Found:
    """What a text is that no list knows: an agent has letters in it."""
    if is_blank(text):
        return _BLANK
    return _UNKNOWN if any(map(str.isalpha, text)) else _MALFORMED


def _is_bot(file: str, category: str | None) -> bool:
    return file == "bots.json" or (file == "libraries.json" and category == _BOT)
