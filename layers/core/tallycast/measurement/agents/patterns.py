r"""From a pattern in Python's dialect to what RE2 matches in linear time.

Lists are other people's input. A pattern that backtracks can hold a process for hours, and
Python's `re` cannot be stopped from within it; so every pattern runs in RE2, and what RE2 does not
have is either rewritten into an equal question or refused:

- Look-around at an end of an alternative becomes separate patterns that are wanted or unwanted:
  `^(?!.*Bot)Foo` is `^Foo` and not `^(?:.*Bot)`. Elsewhere it is refused.
- Back-references, conditions, atomic groups and possessive repeats are refused.
- The few spellings both know but read differently (`{,n}`, `[[:alpha:]]`, `\Z`) are put right.

Character classes (`\d`, `\w`, `\s`, `\b`) mean ASCII, as with `re.ASCII`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# Longer patterns, and repeats of more, are no description of a user agent.
LONGEST_PATTERN: Final = 4_000


class Clause(NamedTuple):
    """One way to match: every `wanted` pattern is found and no `unwanted` one."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether one pattern alone decides."""
        return len(self.wanted) == 1 and not self.unwanted


class UnsupportedPatternError(ValueError):
    """The pattern has something that cannot be asked of RE2; the text says what."""


# What a plain pattern has none of; nearly all patterns are plain and need no second look.
_SPECIAL = re.compile(r"\(\?|\\[A-Za-z0-9_]|\{,|\[\[|\[\^\[")
_TOKEN = re.compile(
    r"""
      \\u(?P<short>[0-9A-Fa-f]{4}) | \\U(?P<long>[0-9A-Fa-f]{8})
    | (?P<escape>\\.)
    | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<upto>\{,(?=\d+\}))
    | (?P<open>\((?:\?(?:P<[A-Za-z_]\w*>|P[=>]|<?[=!]|[imsauLx]*-?[imsx]*[:)]|.)?)?)
    | (?P<close>\))
    | (?P<bar>\|)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = frozenset("AbBdDsSwWZfnrtvxa")
_FLAGS = re.compile(r"\(\?[ims]+\)")
_SCOPED = re.compile(r"\(\?(?:[ims]*(?:-[ims]+)?:|P<)")
_LOOK = re.compile(r"\(\?<?[=!]")


def translate(pattern: str) -> tuple[Clause, ...]:
    """The alternatives of a pattern as clauses, each of which alone would be a match.

    A pattern without look-around is one plain clause.

    Raises:
        UnsupportedPatternError: it asks for what RE2 cannot do, or the two dialects would differ.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise UnsupportedPatternError(
            f"it has {len(pattern)} characters, at most {LONGEST_PATTERN} are read: split the entry"
        )
    if not _SPECIAL.search(pattern):
        return (Clause((pattern,)),)
    flags = _FLAGS.match(pattern)
    prefix = flags[0] if flags else ""
    pieces = [_translated(found) for found in _TOKEN.finditer(pattern, len(prefix))]
    if not any(_LOOK.match(piece) for piece in pieces):
        return (Clause((prefix + "".join(pieces),)),)
    return tuple(_clause(prefix, each) for each in _alternatives(pieces))


def literal(text: str) -> str:
    """A pattern that is found where `text` stands, letter by letter."""
    return re.sub(r"[.\\+*?()|\[\]{}^$]", r"\\\g<0>", text)


def _translated(found: re.Match[str]) -> str:
    """One piece in RE2's spelling."""
    piece = found[0]
    match found.lastgroup:
        case "short" | "long":
            return f"\\x{{{piece[2:]}}}"
        case "escape":
            return _escape(piece)
        case "class":
            if "[:" in piece[1:]:
                raise UnsupportedPatternError("write `[a-z]` for `[[:alpha:]]` and its like")
            return piece if "\\" not in piece else re.sub(r"\\(.)", _in_class, piece)
        case "upto":
            return "{0,"
        case "open":
            return _group(piece)
        case _:
            return piece


def _escape(piece: str) -> str:
    letter = piece[1]
    if letter == "_":
        return "_"
    if letter == "Z":
        return r"\z"
    if letter.isdigit():
        raise UnsupportedPatternError(f"{piece} refers back to a group: spell the text out")
    if letter.isascii() and letter.isalpha() and letter not in _ESCAPES:
        raise UnsupportedPatternError(f"{piece} is no escape that Python knows")
    return piece if letter.isascii() else letter


def _in_class(found: re.Match[str]) -> str:
    letter = found[1]
    if letter in "bBAZ" or (letter.isalnum() and letter not in _ESCAPES):
        raise UnsupportedPatternError(f"\\{letter} cannot stand in a character class")
    return letter if letter == "_" or not letter.isascii() else found[0]


def _group(piece: str) -> str:
    if piece == "(" or _SCOPED.match(piece) or _LOOK.match(piece):
        return piece
    if _FLAGS.match(piece):
        raise UnsupportedPatternError("flags such as (?i) can only stand at the start")
    raise UnsupportedPatternError(f"{piece} is not supported: write it with (?: ) groups")


def _alternatives(pieces: list[str]) -> list[list[str]]:
    """The pieces split at the bars that stand in no group."""
    found: list[list[str]] = [[]]
    depth = 0
    for piece in pieces:
        depth += piece.startswith("(") - (piece == ")")
        if piece == "|" and not depth:
            found.append([])
        else:
            found[-1].append(piece)
    return found


def _clause(prefix: str, pieces: list[str]) -> Clause:
    """One alternative with its look-arounds turned into patterns of their own."""
    wanted: list[str] = []
    unwanted: list[str] = []
    pieces = _behind_start(prefix, pieces, wanted, unwanted)
    pieces = _before_end(_after_look_behind(pieces))
    if any(_LOOK.match(piece) for piece in pieces):
        raise UnsupportedPatternError(
            "look-around is only understood at the start (`^(?!…)`, `(?<=…)`) or at the end of an "
            "alternative: split the entry"
        )
    wanted.append(prefix + "".join(pieces))
    return Clause(tuple(wanted), tuple(unwanted))


def _behind_start(
    prefix: str, pieces: list[str], wanted: list[str], unwanted: list[str]
) -> list[str]:
    """`^(?=X)(?!Y)R` asks three questions of the same text: X and R are at its start, Y is not."""
    while pieces[:1] == ["^"] and len(pieces) > 1 and pieces[1] in {"(?=", "(?!"}:
        end = _closing(pieces, 1)
        inner = f"{prefix}^(?:{''.join(pieces[2:end])})"
        (wanted if pieces[1] == "(?=" else unwanted).append(inner)
        pieces = ["^", *pieces[end + 1 :]]
    return pieces


def _after_look_behind(pieces: list[str]) -> list[str]:
    """`(?<=X)R` is found where `XR` is; `(?<!c)R` where R is at the start or behind another."""
    if pieces[:1] == ["(?<="]:
        return ["(?:", *pieces[1:]]
    if pieces[:1] == ["(?<!"]:
        end = _closing(pieces, 0)
        return ["(?:^|", _other_than(pieces[1:end]), ")", *pieces[end + 1 :]]
    return pieces


def _before_end(pieces: list[str]) -> list[str]:
    """`L(?=X)` is found where `LX` is; `L(?!c)` where L is at the end or before another."""
    starts = [index for index, piece in enumerate(pieces) if piece in {"(?=", "(?!"}]
    if not starts or _closing(pieces, starts[0]) != len(pieces) - 1:
        return pieces
    start = starts[0]
    head = pieces[:start]
    # An open group before it would be cut in two, and a lazy or greedy choice is not ours to make.
    if sum(t.startswith("(") for t in head) != head.count(")"):
        return pieces
    if pieces[start] == "(?=":
        return [*head, "(?:", *pieces[start + 1 :]]
    return ["(?:", *head, ")", "(?:", _other_than(pieces[start + 1 : -1]), "|$)"]


def _other_than(pieces: list[str]) -> str:
    """The class of the characters that a pattern for one character does not match."""
    if len(pieces) == 1:
        [piece] = pieces
        if piece.startswith("[^"):
            return f"[{piece[2:]}"
        if piece.startswith("["):
            return f"[^{piece[1:]}"
        is_escape = piece.startswith("\\") and piece[1] not in "AbBz"
        if is_escape or piece not in {".", "^", "$", "*", "+", "?", "{", "(", ")", "|", "\\"}:
            return f"[^{piece}]"
    raise UnsupportedPatternError(
        "negative look-around away from the start is only understood for one character"
    )


def _closing(pieces: list[str], start: int) -> int:
    """Where the group that opens at `start` ends."""
    depth = 0
    for index in range(start, len(pieces)):
        depth += pieces[index].startswith("(") - (pieces[index] == ")")
        if not depth:
            return index
    raise UnsupportedPatternError("a group is not closed")
