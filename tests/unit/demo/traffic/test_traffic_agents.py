"""The generated user agents say what they are, to our own list and to others'."""

import pytest

from tallycast.demo.traffic import agents
from tallycast.measurement.agents import built_in, load_folder
from tests.support.shared import FIXTURES

LISTS = FIXTURES / "user-agents"


def kinds(found, texts):
    return [each.kind for each in found.classify(texts)]


def test_every_listener_has_a_client_that_our_list_knows_and_none_is_a_bot():
    for family in agents.LISTENERS:
        for agent in built_in().classify(family.agents):
            assert agent.kind in {"app", "browser", "library"}, agent.user_agent
            assert not agent.is_bot
            assert not agent.is_watch


def test_noise_is_told_by_what_it_says():
    assert all(agent.is_bot for agent in built_in().classify(agents.BOTS))
    assert all(agent.is_watch for agent in built_in().classify(agents.WATCHES))
    assert set(kinds(built_in(), agents.GARBLED)) == {"malformed"}
    assert set(kinds(built_in(), agents.BLANK)) == {"blank"}


def test_no_user_agent_is_generated_twice_for_different_families():
    texts = [text for family in agents.LISTENERS for text in family.agents]
    texts += [*agents.WATCHES, *agents.BOTS, *agents.GARBLED, *agents.BLANK]
    assert len(set(texts)) == len(texts)


@pytest.mark.skipif(not LISTS.is_dir(), reason="the shared lists are not here")
def test_a_list_of_others_knows_nearly_every_listener_too():
    shared = load_folder(LISTS)
    weights = {True: 0, False: 0}
    for family in agents.LISTENERS:
        known = all(kind not in {"unknown", "bot"} for kind in kinds(shared, family.agents))
        weights[known] += family.weight
    assert weights[True] / sum(weights.values()) > 0.97
