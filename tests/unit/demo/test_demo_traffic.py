"""The listening that the demo invents: who is listened to, the files, their truth, the books."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from infra.demo import traffic
from infra.demo.deliveries import Entry, Sent, bad_lines, deliveries, together
from infra.demo.traffic import DAYS, FORMS, PREFIX_ZONE, cast_of, prepare
from tallycast.demo.habits import Phase
from tallycast.demo.script import show_at
from tallycast.demo.shows import generate_shows
from tests.unit.measurement.logs.reading import reading, refused

TODAY = datetime(2026, 11, 2, tzinfo=UTC)
SHOWS = generate_shows(1, until=TODAY - timedelta(hours=1))


@pytest.fixture(scope="module")
def cast():
    return cast_of(SHOWS)


@pytest.fixture(scope="module")
def listening(cast, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "ROWS", 900)
        patch.setattr(traffic, "HITS", 60)
        return prepare(cast, tmp_path_factory.mktemp("traffic"), seed=1, midnight=TODAY)


def test_both_halves_have_enough_episodes_for_a_scraper_to_stand_out(cast):
    logged = {slug: show for slug, show in cast.shows.items() if slug not in cast.prefixed}
    prefixed = {slug: cast.shows[slug] for slug in cast.prefixed}
    for half in (logged, prefixed):
        assert sum(len(show.episodes) for show in half.values()) >= 87
    assert {cast.zones[slug] for slug in prefixed} == {PREFIX_ZONE}
    assert len({cast.zones[slug] for slug in logged}) > 1


def test_shows_are_listened_to_as_their_feeds_have_them_in_the_end(cast):
    by_slug = {show.slug: show for show in SHOWS}
    for slug, show in cast.shows.items():
        assert show == show_at(by_slug[slug], Phase.THIRD_TICK)
    addresses = cast.enclosures()
    for show in cast.shows.values():
        for episode in show.episodes:
            there = addresses[f"https://{episode.enclosure_key}"]
            assert f"https://{there}" == episode.enclosure_url


def test_truth_under_the_platforms_ids_is_the_same_truth(cast, listening):
    ids = {slug: f"show_of_{slug}" for slug in cast.shows}
    today = TODAY.date()
    truth = listening.truth_with(ids, today)
    for calendar in ("show", "utc"):
        before = Counter(listening.truth.visible[calendar].values())
        before.update(listening.live.visible.values())
        assert Counter(truth.visible[calendar].values()) == before
        assert sum(truth.persons[calendar].values()) == sum(
            listening.truth.persons[calendar].values()
        )
    assert {key[1] for key in truth.visible["show"]} <= set(cast.episodes(ids))
    assert {key[2] for key in truth.visible["show"] if key[0] == "prefix"} == {today}
    assert sum(n for key, n in truth.waterfall.items() if key[0] == "prefix") == len(
        listening.live.hits
    )


def test_every_delivered_line_is_read_or_quarantined_as_the_demo_says(listening, tmp_path):
    files = deliveries(listening.logs)
    assert [one.form for one in files] == list(FORMS)
    assert len({one.name for one in files}) == DAYS
    for one in files:
        path = tmp_path / one.name
        path.write_bytes(one.body)
        account = reading(path, into=tmp_path / "read" / one.form).account
        assert (account.accepted, account.quarantined) == (one.requests, one.bad)
    everything = sum(one.requests for one in files)
    assert everything == sum(n for key, n in listening.truth.waterfall.items() if key[0] == "log")


def test_bad_lines_are_bad_for_a_reason_each(tmp_path):
    path = tmp_path / "log.csv"
    head = "time,ip,ip_hash,method,url,status,range,bytes_sent,user_agent,referrer"
    path.write_text("\n".join([head, *bad_lines("2026-11-01")]) + "\n")
    reasons = [reason for _, reason in refused(reading(path))]
    assert len(reasons) == len(set(reasons)) == len(bad_lines("2026-11-01"))


def test_what_was_sent_adds_up(listening):
    files = deliveries(listening.logs)
    sent = Sent(files, files[0], hits=10)
    assert sent.accepted == sent.stored + sent.quarantined + sent.deduplicated
    assert sent.deduplicated == files[0].requests


def test_books_are_summed_up_and_a_lost_line_is_seen():
    good, bad = Entry("a", 10, 7, 1, 2), Entry("b", 5, 3, 1, 0)
    assert together([good, bad], "both") == Entry("both", 15, 10, 2, 2)
    assert good.adds_up
    assert not bad.adds_up
