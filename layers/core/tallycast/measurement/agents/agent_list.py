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
    from tallycast.measurement.agents.matcher import Answer

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
# All of an agent but its text.
_Found = tuple[Kind, str | None, str | None, str | None, bool, bool]
_UNKNOWN: Final[_Found] = ("unknown", None, None, None, False, False)
_BLANK: Final[_Found] = ("blank", None, None, None, False, False)
_MALFORMED: Final[_Found] = ("malformed", None, None, None, False, False)
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
        self._entries: Final = [
            (_KINDS[document.file], entry.name, _is_bot(document.file, entry.category))
            for document in ordered
            for entry in document.entries
        ]
        self._devices: Final = [(entry.name, entry.category) for entry in devices.entries]
        self._referrer_names: Final = [entry.name for entry in documents[REFERRERS].entries]
        self._agents: Final = Matcher(self._together, ordered, [devices])
        self._referrers: Final = Matcher(self._referrer, [documents[REFERRERS]])

    def classify(self, user_agents: Iterable[str]) -> list[Agent]:
        """What each user agent is, in the order given; ask for distinct ones.

        The first entry that matches wins: bots, then apps, libraries, browsers. Whatever is no bot
        gets the first device that matches. Nothing but the text decides.
        """
        look_up, new = self._agents.look_up, tuple.__new__
        agents = []
        for text in user_agents:
            if len(text) > LONGEST_AGENT or not (text.isprintable() or is_text(text)):
                found = _MALFORMED
            else:
                found = look_up(text)
                if found is _UNKNOWN:
                    found = _nameless(text)
                elif "watchOS" in text and is_watch(text):
                    found = (*found[:-1], True)
            agents.append(new(Agent, (text, *found)))
        return agents

    def referrer_name(self, url: str) -> str | None:
        """Which web player or site a Referer header names; None when it is not known.

        A referrer only tells something of a browser: apps send what they like.
        """
        if not url or len(url) > LONGEST_REFERRER or not is_text(url):
            return None
        return self._referrers.look_up(url)

    def classify_referrers(self, urls: Iterable[str]) -> list[str | None]:
        """The name of each referrer, in the order given; ask for distinct ones."""
        return [self.referrer_name(url) for url in urls]

    def _together(self, answer: Answer) -> _Found:
        """What an entry and a device say together, of whatever is no watch."""
        agent, device = answer
        if agent is None and device is None:
            return _UNKNOWN
        kind, name, bot = _NO_ENTRY if agent is None else self._entries[agent]
        on = _NO_DEVICE if bot or device is None else self._devices[device - len(self._entries)]
        return (kind, name, *on, bot, False)

    def _referrer(self, answer: Answer) -> str | None:
        [number] = answer
        return None if number is None else self._referrer_names[number]


def _nameless(text: str) -> _Found:
    """What a text is that no list knows: an agent has letters in it."""
    if is_blank(text):
        return _BLANK
    return _UNKNOWN if any(map(str.isalpha, text)) else _MALFORMED


def _is_bot(file: str, category: str | None) -> bool:
    return file == "bots.json" or (file == "libraries.json" and category == _BOT)
