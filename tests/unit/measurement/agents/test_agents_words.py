"""The words of a pattern tell what RE2 says of it, whatever the pattern is."""

import pytest
import re2
from hypothesis import assume, given
from hypothesis import strategies as st

from tallycast.measurement.agents import BadAgentListError
from tallycast.measurement.agents.documents import Document, Entry
from tallycast.measurement.agents.matcher import Matcher
from tallycast.measurement.agents.patterns import UnsupportedPatternError, translate
from tallycast.measurement.agents.words import END, START, fold, plain_words, words_of
from tests.unit.measurement.agents.agent_bundles import InTurn, a_document, a_list, compiled

# Letters with a third case, letters with two, and what patterns are made of.
LETTERS = "abAKks\u212a\u017fSéÉ12 /.-_|\\[](){}^$+*?:"
texts = st.text(LETTERS, max_size=10)
PIECES = [
    *"abAKksé1 /-|()*+?^$.{}]",
    *(r"ab", r"\d", r"\s", r"\w", r"\b", r"\B", r"\A", r"\Z", r"\.", r"\\", r"\|", r"\_", r"\-"),
    *(r"\x61", r"\u0062", r"\U0000212a", r"\n", "\t", "\u212a", "\u017f", "É"),
    *("(?:", "(?P<x>", "(?i:", "(?-i:", "(?s:", "(?im-s:", ")", ")"),
    *("{2}", "{0,1}", "{1,}", "{,2}", "*?", "+?", "??", ".*", ".+"),
    *("[ab]", "[a-c]", "[^a]", "[a|B]", r"[\d_]", "[]a]", "[^]a]", "[a-]", "[-a]", "[+--]", "[ks]"),
    *(
        r"[\t a]",
        r"[+-\]]",
        r"[\.-9]",
        r"[a\-k]",
        r"[\d-]",
        "[a^]",
        "[A-c]",
        "[[a]",
        "[:/]",
        "[é-ü]",
    ),
    *("[a[:digit:]]", r"[\x61]", r"[^\d]"),
]
scraps = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)


def grown(patterns):
    """Patterns made of others, so that what belongs together stays together."""
    return st.one_of(
        st.lists(patterns, min_size=2, max_size=4).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map("|".join),
        st.lists(patterns, min_size=2, max_size=3).map(".*".join),
        st.tuples(patterns, st.sampled_from(["?", "*", "+", "{2}", "{0,2}", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(st.sampled_from(["(", "(?i:", "(?-i:", "^(?:"]), patterns).map(
            lambda pair: f"{pair[0]}{pair[1]})"
        ),
    )


plain = st.text("abAKksé1/ ", min_size=1, max_size=4)
atoms = st.one_of(
    plain, st.sampled_from(["^", "$", r"\d", r"\s", r"\b", ".", "[ab]", "[a-z]", r"\."])
)
whole = st.recursive(atoms, grown, max_leaves=8)
looking = st.tuples(
    st.sampled_from(["^(?!{1}){0}", "^(?=.*{1}){0}", "{0}(?=/)", "{0}(?!a)", "(?<!a){0}"]),
    plain,
    plain,
).map(lambda made: made[0].format(made[1], made[2]))
patterns = st.tuples(
    st.sampled_from(["", "", "", "(?i)", "(?m)"]),
    st.one_of(scraps, whole, looking, plain, plain.map("^{}".format)),
).map("".join)


def usable(pattern):
    """The clauses of a pattern, if it is none that a list would be refused for."""
    try:
        clauses = translate(pattern)
        for clause in clauses:
            for each in (*clause.wanted, *clause.unwanted):
                compiled(each)
    except (UnsupportedPatternError, re2.error):
        return None
    return clauses


def stand(words, text):
    """Whether a word of each set stands in a text."""
    whole = f"{START}{text}{END}"
    searched = fold(whole) if words.is_folded else whole
    return all(any(word in searched for word in each) for each in words.every)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("Foo", [{"Foo"}]),
        ("^Foo|Bar$|^x$", [{f"{START}Foo", f"Bar{END}", f"{START}x{END}"}]),
        (r"Foo\.\(", [{"Foo.("}]),
        ("(?i)^FOO", [{f"{START}foo"}]),
        ("(?i)é", None),
        ("Foo|", None),
        ("|Foo", None),
        (r"^Foo/\d", None),
        ("Foo?", None),
        ("a{2}", None),
        (r"\x41", None),
        ("x" * 129, None),
        ("\ud800", None),
        ("\t", None),
        ("", None),
        ("^", None),
    ],
)
def test_a_pattern_of_plain_texts_needs_no_compiling(pattern, words):
    found = plain_words(pattern)
    assert words == (None if found is None else [set(each) for each in found.every])


@pytest.mark.parametrize(
    ("pattern", "words", "is_exact"),
    [
        (r"^Foo/\d", [{f"{START}Foo/{n}" for n in range(10)}], True),
        (".*Foo/?", [{"Foo"}], True),
        ("(?:Foo(?:Bar|Baz)?s)", [{"Foos", "FooBars", "FooBazs"}], True),
        ("^Foo.*Bar$", [{f"{START}Foo"}, {f"Bar{END}"}], False),
        (r"\bFoo[^a]+(?:Bar|Ba.r|Baz+)", [{"Foo"}], False),
        ("(?i:Foo)[a-z]{2}", [{"foo"}], False),
        ("Fo.*Ba", [{"Fo"}, {"Ba"}], False),
        ("[a-z]+", [], False),
        (r"^\d+$", [], False),
        ("x{2}", [], False),
        (r"\d", [], False),
        ("x|", None, False),
        (".*", [], False),
        ("a^b", [{f"{START}b"}], False),
        ("[[:alpha:]]x", [], False),
        ("x" * 200, [{"x" * 128}, {"x" * 72}], False),
    ],
)
def test_words_are_those_that_one_would_look_for(pattern, words, is_exact):
    if words is not None:
        [found] = words_of(pattern)
        assert [set(each) for each in found.every] == words
        assert found.is_exact == is_exact
    else:
        assert any(not found.every and not found.is_exact for found in words_of(pattern))


def test_the_alternatives_of_a_group_that_is_all_are_alternatives():
    assert len(words_of("(Foo.*Bar|(Baz|Qux.+x))")) == 3
    assert words_of("(" * 500 + "Foo" + ")" * 500) == words_of("Foo")


@given(patterns, st.lists(texts, max_size=5))
def test_a_pattern_is_found_only_where_its_words_are_and_surely_where_exact_ones_are(
    pattern, tried
):
    clauses = usable(pattern)
    assume(clauses)
    for each in (one for clause in clauses for one in clause.wanted):
        told = words_of(each)
        assert all(words.every for words in told if words.is_exact)
        for text in (*tried, pattern, pattern.lower()):
            if text.isprintable():
                is_found = compiled(each).search(text) is not None
                assert not is_found or any(stand(words, text) for words in told)
                assert is_found or not any(stand(words, text) for words in told if words.is_exact)


@given(patterns, st.lists(texts, max_size=5))
def test_plain_words_are_told_of_patterns_that_can_be_used_and_are_right(pattern, tried):
    words = plain_words(pattern)
    assume(words is not None)
    [clause] = usable(pattern)
    for text in (*tried, pattern, pattern.strip("^$")):
        assert stand(words, text) == (compiled(clause.wanted[0]).search(text) is not None)


@given(
    st.lists(st.lists(patterns, min_size=1, max_size=5), min_size=1, max_size=2), st.lists(texts)
)
def test_the_first_entry_of_each_group_is_that_of_the_patterns_in_turn(lists, tried):
    groups = [
        [Document("bots.json", tuple(Entry(p, (p,)) for p in each if usable(p)), "1", "x")]
        for each in lists
    ]
    try:
        matcher = Matcher(tuple, *groups)
    except BadAgentListError:
        assert any(number is not None for t in ("", "~") for number in InTurn(*groups).look_up(t))
        return
    in_turn = InTurn(*groups)
    for text in (*tried, *(p for each in lists for p in each), *tried):
        if text.isprintable():
            assert matcher.look_up(text) == in_turn.look_up(text)


@pytest.mark.parametrize("code", range(0x20, 0x7F))
def test_case_is_ignored_as_re2_ignores_it(code):
    letter = chr(code)
    pattern = f"(?i)^[{letter}]$" if letter.isalnum() else f"(?i)^\\{letter}$"
    [words] = words_of(pattern)
    others = [*map(chr, range(0x20, 0x7F)), *map(chr, range(0xA0, 0x3000))]
    same = {other for other in others if compiled(pattern).search(other)}
    assert same == {other for other in others if stand(words, other)}


def test_lists_whose_words_are_too_many_are_refused(monkeypatch):
    monkeypatch.setattr("tallycast.measurement.agents.matcher.MOST_CHARACTERS", 150)
    a_list(apps=a_document("x" * 100))
    with pytest.raises(BadAgentListError, match=r"apps\.json.*'y+'.*too large together"):
        a_list(apps=a_document("x" * 100, "y" * 120))


MANY_STATES = [f"[ab].{{{n}}}c[^a]" for n in range(8, 14)]


@given(st.lists(st.text("abc", min_size=8, max_size=60), max_size=5))
def test_patterns_that_must_forget_their_states_answer_the_same(tried):
    entries = tuple(Entry(pattern, (pattern,)) for pattern in MANY_STATES)
    group = [Document("bots.json", entries, "1", "x")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tallycast.measurement.agents.matcher.MEMORY_BYTES", 6 * 4_000)
        matcher = Matcher(tuple, group)
    assert [matcher.look_up(text) for text in tried] == [InTurn(group).look_up(t) for t in tried]


def test_lists_with_too_many_patterns_that_must_be_run_are_refused(monkeypatch):
    monkeypatch.setattr("tallycast.measurement.agents.matcher.MEMORY_BYTES", 6 * 400)
    with pytest.raises(BadAgentListError, match="the patterns together are too large"):
        a_list(apps=a_document(*MANY_STATES))
    a_list(apps=a_document("Foo", "Bar", "Baz", r"^Qux/\d"), referrers=a_document("plain"))
