"""What is known of a feed's episodes, and what a new reading means against it."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.catalogue import (
    Catalogue,
    CatalogueUnreadableError,
    Entry,
    Head,
    ReadEpisode,
    compare,
)
from tallycast.feeds.model import Enclosure, Episode

NOW = "2026-11-22T12:00:00.000Z"
LATER = "2026-11-22T12:15:00.000Z"


def an_episode(number, *, title="A title", host="media.example.com", query=""):
    return Episode(
        identity="guid",
        identity_value=f"guid-{number}",
        guid=f"guid-{number}",
        title=title,
        published=datetime(2026, 1, 1 + number % 28, tzinfo=UTC),
        enclosure=Enclosure(f"https://{host}/{number}.mp3{query}", "audio/mpeg", 1000),
    )


def reading(*episodes, digests=()):
    digests = digests or [None] * len(episodes)
    return [ReadEpisode(e, d) for e, d in zip(episodes, digests, strict=True)]


def known(*episodes):
    return compare(Catalogue(), reading(*episodes), (), now=NOW, head=None, whole=True).catalogue


def compared(catalogue, *episodes, untouched=()):
    return compare(
        catalogue, reading(*episodes), untouched, now=LATER, head=None, whole=not untouched
    )


texts = st.text(max_size=20)
entries = st.builds(
    Entry,
    fingerprint=texts,
    first_seen=texts,
    enclosure=st.none() | texts,
    published=st.none() | texts,
    item_digest=st.none() | texts,
    gone_at=st.none() | texts,
)


@given(
    st.dictionaries(texts, entries, max_size=8),
    st.none() | st.builds(Head, digest=texts, inherited=texts),
)
def test_a_catalogue_comes_back_as_it_was_stored_in_the_same_bytes(these, head):
    catalogue = Catalogue(these, head, NOW)
    stored = catalogue.to_bytes()
    assert Catalogue.from_bytes(stored) == catalogue
    assert catalogue.to_bytes() == stored


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        gzip.compress(b"not json", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(json.dumps({"version": 99}).encode(), mtime=0),
        gzip.compress(b'{"version": 1}', mtime=0),
    ],
    ids=["empty", "plain", "no JSON", "a list", "of the future", "without entries"],
)
def test_a_damaged_catalogue_is_an_error_with_a_name(data):
    with pytest.raises(CatalogueUnreadableError):
        Catalogue.from_bytes(data)


def test_a_rotating_query_is_no_change_and_a_new_host_is_a_move():
    before = known(an_episode(1), an_episode(2))
    found = compared(
        before, an_episode(1, query="?token=2"), an_episode(2, host="other.example.com")
    )
    assert (len(found.updated), found.moved, found.unchanged) == (1, 1, 1)


def test_a_new_measurement_prefix_is_an_update_but_no_move():
    before = known(an_episode(1))
    found = compared(before, an_episode(1, host="op3.dev/e/media.example.com"))
    assert (len(found.updated), found.moved) == (1, 0)


def test_an_updated_episode_keeps_when_it_was_first_seen():
    [write] = compared(known(an_episode(1)), an_episode(1, title="Edited")).updated
    assert write.entry.first_seen == NOW


def test_gone_is_kept_and_told_once():
    found = compared(known(an_episode(1), an_episode(2)), an_episode(2))
    assert found.gone == ("guid:guid-1",)
    again = compared(found.catalogue, an_episode(2))
    assert again.gone == ()
    assert set(again.catalogue.entries) == {"guid:guid-1", "guid:guid-2"}


@given(
    st.sets(st.integers(0, 12)),
    st.sets(st.integers(0, 12), min_size=1),
    st.sets(st.integers(0, 12)),
)
def test_every_present_episode_is_new_updated_or_unchanged_and_every_absent_one_gone(
    before, after, edited
):
    catalogue = known(*(an_episode(n) for n in before))
    found = compared(
        catalogue,
        *(an_episode(n, title="Edited" if n in edited else "A title") for n in after),
    )
    assert {w.identity for w in found.new} == {f"guid:guid-{n}" for n in after - before}
    assert {w.identity for w in found.updated} == {
        f"guid:guid-{n}" for n in after & before & edited
    }
    assert found.unchanged == len(after & before - edited)
    assert set(found.gone) == {f"guid:guid-{n}" for n in before - after}
    settled = compared(
        found.catalogue,
        *(an_episode(n, title="Edited" if n in edited else "A title") for n in after),
    )
    assert (settled.new, settled.updated, settled.gone) == ((), (), ())
