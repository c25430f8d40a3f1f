"""The first of many patterns that is found in a text: one search for words tells nearly all."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import re2
from ahocorasick_rs import AhoCorasick

from tallycast.measurement.agents.errors import BadAgentListError
from tallycast.measurement.agents.patterns import Clause, UnsupportedPatternError, translate
from tallycast.measurement.agents.words import END, START, Words, fold, plain_words, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallycast.measurement.agents.documents import Document, Entry

# Of one pattern alone: instructions of its program, and bytes to compile and to run it. The largest
# of known lists has about 850. A list of patterns that large each would still be matched in linear
# time, but slowly enough to hold a count up.
MOST_INSTRUCTIONS: Final = 2_500
_ONE_PATTERN_BYTES: Final = 512 * 1024
# What all patterns that are run may take together; each forgets what its share cannot hold.
MEMORY_BYTES: Final = 64 * 1024 * 1024
# Characters of the words of all patterns; known lists have about 40 000.
MOST_CHARACTERS: Final = 1_000_000
# No user agent and no address; what is found in these is found in everything.
_PROBES: Final = ("", "~")
# What stands in agents are few combinations of few words; somebody who sends nonsense must not fill
# memory.
_MOST_REMEMBERED: Final = 20_000
_LONGEST_REMEMBERED: Final = 64

Meaning = TypeVar("Meaning")
# Of each group the first entry that matches, None where none does.
Answer = tuple[int | None, ...]
# What stands between words of a text and those of the folded text; it is none.
_FOLDED: Final = ""
# Of each word: in which ways it stands, and in which of their sets.
_Places = defaultdict[str, list[tuple[int, int]]]


class _Question(NamedTuple):
    """Patterns compiled: every `wanted` one is to be found and no `unwanted` one."""

    wanted: list[Any]
    unwanted: list[Any]

    def within(self, memory: int) -> _Question:
        """The same in less memory."""
        return _Question(
            [_one(pattern.pattern, memory) for pattern in self.wanted],
            [_one(pattern.pattern, memory) for pattern in self.unwanted],
        )

    def holds(self, text: bytes) -> bool:
        for pattern in self.wanted:
            if not pattern.search(text):
                return False
        return not (self.unwanted and any(pattern.search(text) for pattern in self.unwanted))


class _Way(NamedTuple):
    """A way to match an entry: a word of each of so many sets stands in the text.

    That is a match if the way `is_sure`; else the entry's questions are to be asked.
    """

    entry: int
    sets: int
    is_sure: bool


class _Open(NamedTuple):
    """What words leave open in a group: these entries are asked in turn; if none holds, `sure`."""

    asked: list[int]
    sure: int | None


class Matcher(Generic[Meaning]):
    """The first entry of a group of lists that matches a text, for several groups at once.

    Entries are numbered through all lists of all groups.

    Args:
        meaning: what it means that these are the first; it is asked once and remembered.
        groups: lists, in the order in which their entries count.

    Raises:
        BadAgentListError: a pattern is wrong, not supported, too large, or matches everything.
    """

    def __init__(self, meaning: Callable[[Answer], Meaning], *groups: Sequence[Document]) -> None:
        self._meaning: Final = meaning
        self._questions: list[list[_Question]] = []
        self._ways: list[_Way] = []
        # Entries of which no word tells whether they are worth asking.
        self._always: set[int] = set()
        # Words of texts as they are, and of texts without case.
        self._places: Final[tuple[_Places, _Places]] = (defaultdict(list), defaultdict(list))
        self._groups: Final[list[range]] = []
        self._characters = 0
        owners: list[tuple[str, str]] = []
        for documents in groups:
            start = len(owners)
            for document in documents:
                for entry in document.entries:
                    self._add(document.file, entry)
                    owners.append((document.file, entry.name))
            self._groups.append(range(start, len(owners)))
        self._share(groups[0][0].file)
        exact, folded = map(_search, self._places)
        self._exact: Final = exact
        self._folded: Final = folded if self._places[True] else None
        self._answers: dict[tuple[str, ...], Meaning] = {}
        self._plans: dict[tuple[str, ...], list[_Open]] = {}
        for probe in _PROBES:
            for number in self._first(probe, self._plan(self._words(probe))):
                if number is not None:
                    file, name = owners[number]
                    raise BadAgentListError("it would match everything", file=file, entry=name)

    def look_up(self, text: str) -> Meaning:
        """What is meant by the first entry of each group that matches a text.

        The text has no control characters.
        """
        words = self._words(text)
        try:
            return self._answers[words]
        except KeyError:
            return self._asked(text, words)

    def _words(self, text: str) -> tuple[str, ...]:
        whole = f"{START}{text}{END}"
        if self._folded is None:
            return tuple(self._exact(whole, True))  # noqa: FBT003 -- it takes no name: overlapping
        return (*self._exact(whole, True), _FOLDED, *self._folded(fold(whole), True))  # noqa: FBT003

    def _asked(self, text: str, words: tuple[str, ...]) -> Meaning:
        """The answer where the words alone do not tell it, or are seen for the first time."""
        plan = self._plans.get(words)
        if plan is None:
            plan = self._plan(words)
            _remember(self._plans, words, plan)
        meaning = self._meaning(self._first(text, plan))
        if not any(asked for asked, _ in plan):
            _remember(self._answers, words, meaning)
        return meaning

    def _first(self, text: str, plan: list[_Open]) -> Answer:
        body = text.encode()
        return tuple([self._tried(asked, body, sure) if asked else sure for asked, sure in plan])

    def _tried(self, asked: list[int], text: bytes, otherwise: int | None) -> int | None:
        for number in asked:
            for question in self._questions[number]:
                if question.holds(text):
                    return number
        return otherwise

    def _plan(self, words: tuple[str, ...]) -> list[_Open]:
        """What is left to be asked of a text in which these words stand."""
        sets: dict[int, set[int]] = defaultdict(set)
        end = words.index(_FOLDED) if _FOLDED in words else len(words)
        for places, found in zip(self._places, (words[:end], words[end + 1 :]), strict=True):
            for word in set(found):
                for way, number in places[word]:
                    sets[way].add(number)
        ways = [self._ways[way] for way in sets if len(sets[way]) == self._ways[way].sets]
        sure = {way.entry for way in ways if way.is_sure}
        likely = self._always.union(way.entry for way in ways) - sure
        plan = []
        for group in self._groups:
            first = min((n for n in sure if n in group), default=None)
            asked = sorted(n for n in likely if n in group and (first is None or n < first))
            plan.append(_Open(asked, first))
        return plan

    def _add(self, file: str, entry: Entry) -> None:
        number = len(self._questions)
        questions = []
        for ways, question in _read(file, entry):
            if question is not None and not all(way.is_exact for way in ways):
                questions.append(question)
            for every, is_exact, is_folded in ways:
                if not every:
                    self._always.add(number)
                for which, words in enumerate(every):
                    for word in words:
                        self._places[is_folded][word].append((len(self._ways), which))
                        self._characters += len(word)
                self._ways.append(_Way(number, len(every), is_exact))
        self._questions.append(questions)
        if self._characters > MOST_CHARACTERS:
            raise BadAgentListError(
                "the patterns up to here are too large together", file=file, entry=entry.name
            )

    def _share(self, file: str) -> None:
        """Give each pattern that is run less memory, if there are many."""
        patterns = sum(len(q.wanted) + len(q.unwanted) for each in self._questions for q in each)
        share = MEMORY_BYTES // max(1, patterns)
        if share < _ONE_PATTERN_BYTES:
            try:
                self._questions = [[q.within(share) for q in each] for each in self._questions]
            except re2.error as error:
                raise BadAgentListError("the patterns together are too large", file=file) from error


def _search(places: _Places) -> Callable[[str, bool], list[str]]:
    """What finds all words in a text, in the order of their ends, also those that overlap."""
    return AhoCorasick([*places], store_patterns=True).find_matches_as_strings


def _remember(memory: dict[tuple[str, ...], Any], words: tuple[str, ...], what: object) -> None:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    if len(words) <= _LONGEST_REMEMBERED:
        memory[words] = what


def _read(file: str, entry: Entry) -> Iterator[tuple[list[Words], _Question | None]]:
    """The words of an entry's patterns, and what is to be asked where words alone do not tell."""
    for pattern in entry.patterns:
        plain = plain_words(pattern)
        if plain is not None:
            yield [plain], None
            continue
        for clause, question in _compiled(file, entry.name, pattern):
            # The last is what remains of the pattern without its look-around.
            ways = words_of(clause.wanted[-1])
            if not clause.is_plain:
                ways = [way._replace(is_exact=False) for way in ways]
            yield ways, question


def _compiled(file: str, name: str, pattern: str) -> list[tuple[Clause, _Question]]:
    """The clauses of one pattern, compiled alone, so that a message can name it."""
    try:
        clauses = translate(pattern)
        questions = [_Question([*map(_one, c.wanted)], [*map(_one, c.unwanted)]) for c in clauses]
    except UnsupportedPatternError as error:
        raise BadAgentListError(f"the pattern {_short(pattern)} cannot be used: {error}",
            file=file, entry=name) from error  # fmt: skip
    except (re2.error, UnicodeEncodeError) as error:
        raise BadAgentListError(f"the pattern {_short(pattern)} is wrong: {_said(error)}",
            file=file, entry=name) from error  # fmt: skip
    if sum(one.programsize for q in questions for each in q for one in each) > MOST_INSTRUCTIONS:
        raise BadAgentListError(f"the pattern {_short(pattern)} is too large: repeat less",
            file=file, entry=name)  # fmt: skip
    return [*zip(clauses, questions, strict=True)]


def _one(pattern: str, memory: int = _ONE_PATTERN_BYTES) -> Any:  # noqa: ANN401 -- re2 has no types
    return re2.compile(pattern, _options(memory))


@cache
def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    options.never_capture = True
    return options


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else f"{pattern[:77]}…")  # noqa: PLR2004 -- a line's worth


def _said(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(error)
