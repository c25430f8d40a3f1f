r"""The words of a pattern: which texts have to stand in an agent for the pattern to be found there.

Most patterns are plain texts, or a few: `^Foo/\d` is found where one of ten words stands, and
nothing is left to be asked. Of the others some words are necessary: `Foo.*Bar` is worth trying only
where `Foo` and `Bar` stand. So one search for all words of all patterns tells nearly everything.

The start and the end of a text are characters like others (START, END), which makes `^Foo` a word
too. They are control characters, and can be in no text that is asked about. Where a pattern ignores
case, its words are those of the folded text.

What is read here is RE2's dialect, and only patterns that RE2 has compiled. Whatever is not
understood is taken to match anything, which costs time and never an answer.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

START: Final = "\x02"
END: Final = "\x03"

# A piece of a pattern becomes at most so many words, and none is longer. Words that end at the same
# place differ in length, so the second bounds how many can be found in a text.
_MOST_WORDS: Final = 20
_LONGEST_WORD: Final = 128
# What stands in every other agent tells little, and a single character nothing at all.
_WORTH_ASKING: Final = 3
_WORTHLESS: Final = 1

_TOKEN = re.compile(
    r"""
      (?P<text>[^\\\[(){}|^$.*+?]+(?![*+?{]))
    | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<flags>\(\?[ims]+\))
    | (?P<open>\((?:\?(?:P<\w+>|[ims]*(?:-[ims]+)?:))?)
    | (?P<close>\))
    | (?P<bar>\|)
    | (?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)
    | (?P<start>\^|\\A)
    | (?P<end>\$|\\z)
    | (?P<digit>\\d)
    | (?P<space>\\s)
    | \\x(?P<hex>[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\})
    | (?P<any>\\[A-Za-z0-9]|[.{])
    | \\?(?P<escaped>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# A text of which each character means itself, between bars.
_PLAIN = re.compile(
    r"(\^?)((?:[^\\^$.|?*+()\[\]{}\x00-\x1f\x7f-\x9f\ud800-\udfff]|\\[ -/:-@\[-^`{-~])+)(\$?)(\|?)"
)
_ESCAPE = re.compile(r"\\(.)")
_MEMBER = re.compile(r"\\(.)|([^\\])-([^\\])|(.)", re.DOTALL)
_STRANGE_RANGE = re.compile(r"\\.-|-\\")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CASED = re.compile(r"[A-Za-z\u212a\u017f]")
_POSIX = re.compile(r"\[:\^?\w+:\]")
_IGNORES_CASE = re.compile(r"\(\?[ms]*i")
# What RE2 takes for the same letter of ASCII; two letters have a third form.
_FOLDED: Final = str.maketrans(
    f"{string.ascii_uppercase}\u212a\u017f", f"{string.ascii_lowercase}ks"
)

_Set = frozenset[str]


class Words(NamedTuple):
    """The words of one alternative of a pattern.

    The alternative is found nowhere but where of each set of `every` a word stands. If it
    `is_exact`, it is found there. No sets: that cannot be told. The words of a pattern that
    `is_folded` are to be looked for in the folded text.
    """

    every: tuple[_Set, ...]
    is_exact: bool
    is_folded: bool


class _Part(NamedTuple):
    """A piece of a pattern: all texts that it matches, else words of which some must stand in it.

    Whether it may be missing, and what it is a choice of, matter where nothing else is around.
    """

    exact: _Set | None = None
    needed: tuple[_Set, ...] = ()
    is_optional: bool = False
    choices: tuple[list[_Part], ...] = ()

    @property
    def every(self) -> tuple[_Set, ...]:
        if self.exact is None:
            return self.needed
        return (self.exact,) if _worth(self.exact) else ()


_EMPTY: Final = frozenset({""})
_ANYTHING: Final = _Part()
# Of control characters that `\s` stands for there are none.
_SAME: Final = {
    "start": _Part(frozenset({START})),
    "end": _Part(frozenset({END})),
    "digit": _Part(frozenset(string.digits)),
    "space": _Part(frozenset({" "})),
    "any": _ANYTHING,
}


class _Group:
    """What stands between brackets, while it is read.

    It may ignore case. None: nothing in the pattern does, and texts are searched as they are.
    """

    def __init__(self, *, folds: bool | None) -> None:
        self.folds = folds
        self.branches: list[list[_Part]] = [[]]

    def part(self) -> _Part:
        part = _choice([_sequence(branch) for branch in self.branches])
        return part._replace(choices=tuple(self.branches))


def fold(text: str) -> str:
    """A text without the case of ASCII's letters, as RE2 sees it where case is ignored."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)


def plain_words(pattern: str) -> Words | None:
    """The words of a pattern that is but plain texts, perhaps at the start or the end of an agent.

    Most are, and then there is nothing to compile. None for any other.
    """
    is_folded = pattern.startswith("(?i)")
    if is_folded and not pattern.isascii():
        return None
    words = set()
    end = 4 if is_folded else 0
    while found := _PLAIN.match(pattern, end):
        start, text, stop, bar = found.groups()
        end = found.end()
        word = _ESCAPE.sub(r"\1", text)
        words.add(f"{start and START}{fold(word) if is_folded else word}{stop and END}")
        if not bar:
            break
    else:
        return None
    if end != len(pattern) or max(map(len, words)) > _LONGEST_WORD:
        return None
    return Words((frozenset(words),), is_exact=True, is_folded=is_folded)


def words_of(pattern: str) -> list[Words]:
    """The words of each alternative of a pattern that RE2 has compiled."""
    is_folded = _IGNORES_CASE.search(pattern) is not None
    if _POSIX.search(pattern):
        return [Words((), is_exact=False, is_folded=is_folded)]
    parts = map(_sequence, _alternatives(_read(pattern, folds=False if is_folded else None)))
    told = [(_told(part), part.exact is not None) for part in parts]
    return [Words(every, is_exact and every != (), is_folded) for every, is_exact in told]


def _read(pattern: str, *, folds: bool | None) -> list[list[_Part]]:
    """The branches of a pattern, each a list of parts."""
    group = _Group(folds=folds)
    around: list[_Group] = []
    for found in _TOKEN.finditer(pattern):
        parts = group.branches[-1]
        match found.lastgroup:
            case "open":
                around.append(group)
                group = _Group(folds=_folds(found[0], before=group.folds))
            case "close":
                part = group.part()
                group = around.pop()
                group.branches[-1].append(part)
            case "flags":
                group.folds = _folds(found[0], before=group.folds)
            case "bar":
                group.branches.append([])
            case "repeat":
                parts.append(_repeated(parts.pop(), found[0]))
            case _:
                parts += _piece(found, folds=group.folds)
    return group.branches


def _alternatives(branches: list[list[_Part]]) -> Iterator[list[_Part]]:
    """The branches of a pattern, and in place of one that is but a group those of the group."""
    todo = [*branches]
    while todo:
        parts = _trimmed(todo.pop())
        if len(parts) == 1 and parts[0].choices:
            todo += parts[0].choices
        else:
            yield parts


def _told(part: _Part) -> tuple[_Set, ...]:
    """The sets of words that are worth looking for: the rare ones, or at least the rarest."""
    rarest = max(map(_worth, part.every), default=0)
    if rarest <= _WORTHLESS:
        return ()
    return tuple(words for words in part.every if _worth(words) >= min(rarest, _WORTH_ASKING))


def _worth(words: _Set) -> int:
    """How much words keep out: as much as the shortest of them."""
    return min(map(len, words))


def _piece(found: re.Match[str], *, folds: bool | None) -> list[_Part]:
    """What a token stands for that is neither a bracket nor a repeat."""
    kind = str(found.lastgroup)
    if kind in _SAME:
        return [_SAME[kind]]
    text = found[kind]
    if kind == "class":
        return [_class(text, folds=folds)]
    spelled = _spelled(chr(int(text.strip("{}"), 16)) if kind == "hex" else text, folds=folds)
    if spelled is None:
        return [_ANYTHING]
    cuts = range(0, len(spelled), _LONGEST_WORD)
    return [_Part(frozenset({spelled[cut : cut + _LONGEST_WORD]})) for cut in cuts]


def _spelled(text: str, *, folds: bool | None) -> str | None:
    """How characters stand in the text that is searched, if nothing else can be taken for them."""
    if _CONTROL.search(text):
        return None
    if folds:
        return fold(text) if text.isascii() else None
    return None if folds is not None and _CASED.search(text) else text


def _class(text: str, *, folds: bool | None) -> _Part:
    """One character of several, if they are few and each is named."""
    if text.startswith("[^") or _STRANGE_RANGE.search(text):
        return _ANYTHING
    members = ""
    for escaped, low, high, letter in _MEMBER.findall(text[1:-1]):
        if escaped == "d":
            members += string.digits
        elif escaped.isalnum():
            return _ANYTHING
        elif low:
            last = min(ord(high), ord(low) + _MOST_WORDS)
            members += "".join(map(chr, range(ord(low), last + 1)))
        else:
            members += escaped or letter
    spelled = _spelled(members, folds=folds)
    if spelled is None or len(spelled) > _MOST_WORDS:
        return _ANYTHING
    return _Part(frozenset(spelled))


def _repeated(part: _Part, repeat: str) -> _Part:
    if repeat.startswith("?"):
        return _choice([part, _Part(_EMPTY)])._replace(is_optional=True)
    if repeat.startswith(("*", "{0")):
        return _Part(is_optional=True)
    return _Part(needed=part.every, is_optional=part.is_optional)


def _choice(parts: list[_Part]) -> _Part:
    """One of several."""
    if len(parts) == 1:
        return parts[0]
    exact = frozenset().union(*(part.exact or () for part in parts))
    if len(exact) <= _MOST_WORDS and all(part.exact is not None for part in parts):
        return _Part(exact)
    if not all(part.every for part in parts):
        return _ANYTHING
    return _Part(needed=(frozenset().union(*(max(part.every, key=_worth) for part in parts)),))


def _sequence(parts: list[_Part]) -> _Part:
    """One after the other: words grow as long as they stay few and short."""
    needed: list[_Set] = []
    run = _EMPTY
    is_exact = True
    for part in parts:
        longer = None if part.exact is None else _joined(run, part.exact)
        if longer is None:
            # What was read so far ends here; the part itself may begin the next words.
            is_exact = False
            needed += (*_Part(run).every, *part.needed)
            longer = part.exact or _EMPTY
        run = longer
    if is_exact:
        return _Part(run)
    return _Part(needed=(*needed, *_Part(run).every))


def _joined(words: _Set, others: _Set) -> _Set | None:
    """Each word followed by each of others; None if they would be too many or too long."""
    if len(words) * len(others) > _MOST_WORDS:
        return None
    joined = frozenset(_join(word, other) for word in words for other in others)
    # What stands before the start or behind the end is no word.
    if any(len(w) > _LONGEST_WORD or START in w[1:] or END in w[:-1] for w in joined):
        return None
    return joined


def _join(word: str, other: str) -> str:
    # The start of a text is there once, however often it is asked for; so is its end.
    is_again = word[-1:] == other[:1] and other[:1] in {START, END}
    return word + other[is_again:]


def _trimmed(parts: list[_Part]) -> list[_Part]:
    """Without what need not be there at either end: `.*Foo/?` is found where `Foo` is."""
    first, last = 0, len(parts)
    while first < last and parts[first].is_optional:
        first += 1
    while first < last and parts[last - 1].is_optional:
        last -= 1
    return parts[first:last]


def _folds(flags: str, *, before: bool | None) -> bool | None:
    """Whether case is ignored behind `(?i)`, `(?i:` or `(?-i:`."""
    on, _, off = flags.partition("-")
    if before is None or on.startswith("(?P"):
        return before
    return "i" not in off and ("i" in on or before)
