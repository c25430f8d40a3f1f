"""Many patterns against one text in a single pass: RE2's automaton of all of them at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import re2

from tallycast.measurement.agents.errors import BadAgentListError
from tallycast.measurement.agents.patterns import Clause, UnsupportedPatternError, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallycast.measurement.agents.documents import Document

# Memory the automaton may take before it forgets states and builds them anew.
MEMORY_BYTES: Final = 64 * 1024 * 1024
# Of one pattern alone: instructions of its program, and bytes to compile it. The largest of known
# lists has about 850. A list of patterns that large each would still be matched in linear time,
# but slowly enough to hold a count up.
MOST_INSTRUCTIONS: Final = 2_500
_ONE_PATTERN_BYTES: Final = 1024 * 1024
_NEVER: Final = r"[^\x00-\x{10ffff}]"
# No user agent and no address; what matches these matches everything.
_PROBES: Final = ("", "~")


@cache
def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    options.never_capture = True
    return options


class Matcher:
    """Which entries of some lists match a text. Entries are numbered through all lists.

    Args:
        documents: the lists, in the order in which their entries count.
        memory: bytes the automaton may use.

    Attributes:
        entries: how many entries there are.
        search: the automaton itself, for loops that must not lose time: from a text in UTF-8 to
            what `entries_of` reads.

    Raises:
        BadAgentListError: a pattern is wrong, not supported, too large, or matches everything.
    """

    def __init__(self, documents: Sequence[Document], *, memory: int = MEMORY_BYTES) -> None:
        self._patterns: list[str] = []
        self._single: list[Any] = []
        self._clauses: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []
        later: list[tuple[int, Clause]] = []
        owners: list[tuple[str, str]] = []
        for document in documents:
            for entry in document.entries:
                clauses = _clauses(document.file, entry.name, entry.patterns)
                plain = [clause.wanted[0] for clause in clauses if clause.is_plain]
                later += [(len(self._patterns), c) for c in clauses if not c.is_plain]
                self._patterns.append(_either(plain) if plain else _NEVER)
                owners.append((document.file, entry.name))
        self.entries: Final = len(self._patterns)
        for number, clause in later:
            wanted = tuple(self._numbered(each) for each in clause.wanted)
            self._clauses.append((number, wanted, tuple(map(self._numbered, clause.unwanted))))
        # Found in every text. When it is not, the automaton gave up for want of memory.
        self._always: Final = self._numbered("")
        self._set = re2.Set.SearchSet(_options(memory))
        try:
            for pattern in self._patterns:
                self._set.Add(pattern)
            self._set.Compile()
        except re2.error as error:
            raise BadAgentListError(
                "the patterns together are too large", file=documents[0].file
            ) from error
        self.search: Final[Callable[[bytes], list[int] | None]] = self._set.Match
        for probe in _PROBES:
            for number in self.matches(probe):
                file, name = owners[number]
                raise BadAgentListError("it would match everything", file=file, entry=name)

    def matches(self, text: str) -> list[int]:
        """The numbers of the entries that match, in order."""
        return self.entries_of(text, self.search(text.encode()))

    def entries_of(self, text: str, found: list[int] | None) -> list[int]:
        """The entries that match, in order, of the patterns that the automaton `found`."""
        if found is None or self._always not in found:
            return self.matches_singly(text)
        return self._entries(found)

    def matches_singly(self, text: str) -> list[int]:
        """The same answer, pattern by pattern: slower, and sure to have memory enough."""
        if not self._single:
            options = _options(_ONE_PATTERN_BYTES)
            self._single = [re2.compile(pattern, options) for pattern in self._patterns]
        return self._entries([n for n, pattern in enumerate(self._single) if pattern.search(text)])

    def _entries(self, found: list[int]) -> list[int]:
        there = set(found)
        entries = {number for number in there if number < self.entries}
        for number, wanted, unwanted in self._clauses:
            if there.issuperset(wanted) and there.isdisjoint(unwanted):
                entries.add(number)
        return sorted(entries)

    def _numbered(self, pattern: str) -> int:
        self._patterns.append(pattern)
        return len(self._patterns) - 1


def _clauses(file: str, name: str, patterns: Sequence[str]) -> list[Clause]:
    """An entry's patterns as clauses, each tried out alone, so that a message can name it."""
    found: list[Clause] = []
    for pattern in patterns:
        try:
            clauses = translate(pattern)
            sizes = [
                re2.compile(each, _options(_ONE_PATTERN_BYTES)).programsize
                for clause in clauses
                for each in (*clause.wanted, *clause.unwanted)
            ]
        except UnsupportedPatternError as error:
            raise BadAgentListError(f"the pattern {_short(pattern)} cannot be used: {error}",
                file=file, entry=name) from error  # fmt: skip
        except (re2.error, UnicodeEncodeError) as error:
            raise BadAgentListError(f"the pattern {_short(pattern)} is wrong: {_said(error)}",
                file=file, entry=name) from error  # fmt: skip
        if sum(sizes) > MOST_INSTRUCTIONS:
            raise BadAgentListError(f"the pattern {_short(pattern)} is too large: repeat less",
                file=file, entry=name)  # fmt: skip
        found += clauses
    return found


def _either(patterns: list[str]) -> str:
    """One pattern that is found where any of several is. Flags at the start stay with their own."""
    return patterns[0] if len(patterns) == 1 else "|".join(f"(?:{each})" for each in patterns)


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else f"{pattern[:77]}…")  # noqa: PLR2004 -- a line's worth


def _said(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(error)
