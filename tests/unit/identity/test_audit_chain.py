"""The rules of the chain: what every kind of tampering is called, and where it is found."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tallycast.identity.audit.chain import GENESIS, entry_after
from tallycast.identity.audit.digest import Seal, day_of
from tallycast.identity.audit.findings import Lying, Walk
from tests.support.audited import a_chain, a_deed

LENGTH = 12
places = st.integers(1, LENGTH)


def lines(chain):
    return [entry.model_dump_json() for entry in chain]


def walked(texts, tenant="acme"):
    walk = Walk(tenant)
    for text in texts:
        walk.step(Lying(None, text))
    return [(each.kind, each.number) for each in walk.findings]


def test_a_chain_that_nobody_touched_holds():
    assert walked(lines(a_chain(LENGTH))) == []


def test_a_chain_is_of_one_tenant():
    found = walked(lines(a_chain(3)), tenant="other")
    assert found == [("changed", 1), ("changed", 2), ("changed", 3)]


@given(places, st.sampled_from(["actor", "action", "target", "request_id"]))
def test_a_changed_entry_is_named(place, field):
    texts = lines(a_chain(LENGTH))
    entry = json.loads(texts[place - 1])
    entry["deed"][field] = "x.y"
    texts[place - 1] = json.dumps(entry)
    assert walked(texts) == [("changed", place)]


@given(st.integers(1, LENGTH - 1))
def test_an_entry_that_is_gone_is_named(place):
    texts = lines(a_chain(LENGTH))
    del texts[place - 1]
    assert walked(texts) == [("missing", place)]


@given(places, places)
def test_an_entry_that_stands_there_twice_is_named(place, at):
    texts = lines(a_chain(LENGTH))
    texts.insert(max(place, at), texts[place - 1])
    assert walked(texts) == [("inserted", place)]


@given(st.integers(1, LENGTH - 1))
def test_two_entries_that_changed_places_are_named(place):
    texts = lines(a_chain(LENGTH))
    texts[place - 1], texts[place] = texts[place], texts[place - 1]
    assert walked(texts) == [("reordered", place)]


@given(st.integers(2, LENGTH - 1))
def test_an_entry_made_anew_with_a_right_hash_does_not_fit(place):
    chain = a_chain(LENGTH)
    chain[place - 1] = entry_after(chain[place - 2], "acme", a_deed(99), chain[place - 1].at)
    assert walked(lines(chain)) == [("unlinked", place + 1)]


@given(st.text())
def test_whatever_lies_there_instead_of_an_entry_is_named(text):
    texts = lines(a_chain(3))
    texts[1] = text
    found = walked(texts)
    assert ("unreadable", 2) in found or found == [("unreadable", 2)]


def test_entries_at_each_others_places_are_named():
    walk = Walk("acme")
    texts = lines(a_chain(4))
    for place, text in enumerate([texts[0], texts[2], texts[1], texts[3]], 1):
        walk.step(Lying(place, text))
    assert [(each.kind, each.number) for each in walk.findings] == [
        ("reordered", 2),
        ("reordered", 3),
    ]


def test_an_entry_is_never_dated_before_the_one_before_it():
    first = entry_after(None, "acme", a_deed(), "2026-01-05T23:59:59.999Z")
    late = entry_after(first, "acme", a_deed(), "2026-01-05T23:59:58.000Z")
    assert late.at == first.at
    assert first.before == GENESIS
    assert late.before == first.hash


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_times_of_a_chain_only_grow(seconds):
    entry = None
    times = []
    for second in seconds:
        entry = entry_after(entry, "acme", a_deed(), f"2026-01-05T{second:012d}Z")
        times.append(entry.at)
    assert times == sorted(times)


def test_an_entry_that_comes_after_its_day_was_sealed_is_in_the_next_digest():
    [entry] = a_chain(1)
    own = day_of(entry, None)
    assert own.isoformat() == "2026-01-05"
    assert day_of(entry, own).isoformat() == "2026-01-06"
    assert Seal().last == 0
