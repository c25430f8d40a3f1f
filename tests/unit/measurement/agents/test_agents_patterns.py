"""Every pattern runs in RE2; what RE2 has not is turned into the same question or refused."""

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.agents.patterns import UnsupportedPatternError, literal, translate

PLAIN = [
    "^Foo/",
    "Foo|bar$",
    r"^a{,2}b",
    r"a{1,}[^ab]\d",
    r"\Aab\Z",
    r"\_a\-b",
    r"[]a]b",
    r"[\]a]\.b",
    r"[^]a]b",
    r"(?i)foo(?:b|/)",
    r"(?P<x>a)b",
    r"\u0062\U00000061",
    r"a\b",
    r"\w\s\S\W",
]
LOOKING = [
    r"^(?!.*bot)Foo",
    r"^(?!a)(?!b).*o",
    r"^(?=.*a)(?=.*b)F",
    r"(?i)^(?!.*BOT).*foo",
    r"Foo(?=/)",
    r"(?:a|b)(?=/|o)",
    r"Foo(?!/)",
    r"o(?![a-b])",
    r"o(?![^a])",
    r"o(?!\d)",
    r"(?<=F)o",
    r"(?<=a|b)o",
    r"(?<!F)o",
    r"(?<!\d)o(?!o)",
    r"(?<![ab/])b",
    r"^bot|^(?!bot)b(?!o)|F(?=o)|(?<!a)/",
    r"^(?!Foo|bar)(?:a|b|F)",
]


def found(pattern, text):
    """What the clauses of a pattern say of a text, by RE2 alone."""
    return any(
        all(re2.search(p, text) for p in clause.wanted)
        and not any(re2.search(p, text) for p in clause.unwanted)
        for clause in translate(pattern)
    )


@pytest.mark.parametrize("pattern", [*PLAIN, *LOOKING])
@given(text=st.text("aboFt/ _-1.]B", max_size=8))
def test_a_translated_pattern_is_found_where_python_finds_it(pattern, text):
    assert found(pattern, text) == bool(re.search(pattern, text, re.ASCII))


@pytest.mark.parametrize("pattern", PLAIN)
def test_a_pattern_without_look_around_stays_one_pattern(pattern):
    [clause] = translate(pattern)
    assert clause.is_plain


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(a)\1", "refers back"),
        (r"(?P<x>a)(?P=x)", "not supported"),
        (r"(a)?(?(1)b|c)", "not supported"),
        (r"(?>a+)b", "not supported"),
        (r"(?x) a", "not supported"),
        (r"a(?i)b", "at the start"),
        (r"a(?=b)c", "look-around"),
        (r"(?:a(?!b))c", "look-around"),
        (r"a(?!bc)", "one character"),
        (r"(?<!bc)a", "one character"),
        (r"(?!a)b", "look-around"),
        (r"[[:alpha:]]", "write"),
        (r"\p{L}", "no escape"),
        (r"\Qa\E", "no escape"),
        (r"[\b]", "character class"),
        ("a" * 4001, "4001 characters"),
        (r"^(?!a", "not closed"),
    ],
)
def test_what_cannot_be_asked_of_re2_is_refused_with_a_reason(pattern, said):
    with pytest.raises(UnsupportedPatternError, match=said):
        translate(pattern)


@given(st.text(max_size=20))
def test_anything_can_be_given_as_a_pattern_without_harm(pattern):
    try:
        clauses = translate(pattern)
    except UnsupportedPatternError:
        return
    assert all(clause.wanted for clause in clauses)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=30))
def test_a_plain_text_is_found_as_it_stands_and_nowhere_else(text):
    assert re2.fullmatch(literal(text), text)
    assert not re2.fullmatch(literal(text), f"{text}x")
    assert not re2.fullmatch(literal(text), text[1:])
