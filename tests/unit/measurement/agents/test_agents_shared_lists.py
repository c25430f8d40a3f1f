"""The working group's lists, whole, against the naive loop over Python's `re`."""

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.agents import built_in_documents, load_folder
from tallycast.measurement.agents.documents import (
    AGENT_FILES,
    DEVICES,
    REFERRERS,
    read_document,
)
from tallycast.measurement.agents.matcher import Matcher
from tallycast.measurement.agents.model import is_blank
from tests.unit.measurement.agents.agent_bundles import KINDS, LISTS, InTurn, NaiveLoop

pytestmark = pytest.mark.skipif(
    not LISTS.is_dir(),
    reason="the shared lists are not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)


@cache
def shared():
    return load_folder(LISTS)


@cache
def naive():
    return NaiveLoop()


@cache
def examples(*files):
    """(file, entry, example) of the lists."""
    return [
        (file, entry["name"], example)
        for file in files
        for entry in json.loads((LISTS / file).read_bytes())["entries"]
        for example in entry.get("examples", [])
    ]


def test_every_example_of_the_lists_is_given_to_its_own_entry():
    known = examples(*AGENT_FILES)
    answers = shared().classify([agent for _, _, agent in known])
    own = [(KINDS[file], name) for file, name, _ in known]
    assert [(a.kind, a.name) for a in answers] == own
    assert len(own) == 1420


def test_every_example_of_the_lists_is_answered_as_by_the_naive_loop():
    known = [agent for _, _, agent in examples(*AGENT_FILES, DEVICES)]
    answers = shared().classify(known)
    assert [tuple(a[1:6]) for a in answers] == [naive().classify(agent) for agent in known]
    assert len(known) == 1574


def test_the_examples_of_devices_are_those_devices_unless_they_are_bots():
    known = examples(DEVICES)
    answers = shared().classify([agent for _, _, agent in known])
    pairs = [(name, answer) for (_, name, _), answer in zip(known, answers, strict=True)]
    assert len([1 for name, a in pairs if a.device == name]) == 152
    # One is a bot by its agent, and in the order of the list a watch is first taken for a phone.
    others = [(name, a.device, a.is_bot) for name, a in pairs if a.device != name]
    assert others == [("Apple Watch", "Apple iPhone", False), ("Apple Computer", None, True)]


def test_every_example_of_a_referrer_is_given_to_its_own_entry():
    known = examples(REFERRERS)
    names = shared().classify_referrers([url for _, _, url in known])
    assert names == [name for _, name, _ in known]
    assert len(known) == 113


@pytest.mark.parametrize("files", [(*AGENT_FILES, DEVICES), (REFERRERS,)])
def test_our_own_list_answers_every_example_as_its_patterns_do_in_turn(files):
    texts = [text for _, _, text in examples(*files)]
    bodies = built_in_documents()
    groups = [[read_document(file, bodies[file]) for file in files if file != DEVICES]]
    groups += [[read_document(file, bodies[file])] for file in files if file == DEVICES]
    matcher = Matcher(tuple, *groups)
    in_turn = InTurn(*groups)
    assert [matcher.look_up(text) for text in texts] == [in_turn.look_up(text) for text in texts]
    # A second time from what is remembered.
    assert [matcher.look_up(text) for text in texts] == [in_turn.look_up(text) for text in texts]


@given(st.data())
def test_an_agent_that_was_tampered_with_is_answered_as_by_the_naive_loop(data):
    known = [agent for _, _, agent in examples(*AGENT_FILES)]
    first, second = data.draw(st.sampled_from(known)), data.draw(st.sampled_from(known))
    cut = data.draw(st.integers(0, len(first)))
    drop = data.draw(st.integers(0, 4))
    letters = st.text(
        st.one_of(
            st.sampled_from("/.0159 ();,+-_^$%AZaz"),
            st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
        ),
        max_size=4,
    )
    middle = data.draw(st.one_of(letters, st.just(second), st.just("bot"), st.just("")))
    agent = first[:cut] + middle + first[cut + drop :]
    if any(map(str.isalpha, agent)) and not is_blank(agent):
        [answer] = shared().classify([agent])
        assert tuple(answer[1:6]) == naive().classify(agent)
        assert answer.user_agent == agent
