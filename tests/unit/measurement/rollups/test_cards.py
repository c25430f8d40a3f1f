"""Cards from a count's results: exact numbers, and that they add up whatever was counted."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallycast.measurement.rollups.cards import cards_of, cards_of_facts
from tallycast.measurement.rollups.facts import collect_facts, merge_facts, write_facts
from tallycast.measurement.rollups.items import card_items, card_of
from tallycast.measurement.rollups.model import Hour, cumulative
from tests.support.counted import DAY, a_count, a_download, counted, dropped, hours


def by_thing(db, **zones):
    return {(card.scope, card.id, card.day): card for card in cards_of(db, a_count(), zones)}


def test_a_show_an_episode_and_the_tenant_have_a_card_each():
    db = counted(
        [
            a_download(),
            a_download(listener="ben", app="Other", country="AT", network="cellular"),
            a_download(episode_id="e2", app=None, country=None, referrer="example.com"),
            a_download(show_id="s2", episode_id="e9", listener="ben", source="prefix"),
        ],
        [dropped("bot", 5), dropped("bot", 2, source="prefix"), dropped("head", 1)],
    )
    cards = by_thing(db)
    assert set(cards) == {
        ("tenant", "acme", DAY), ("show", "s1", DAY), ("show", "s2", DAY),
        ("episode", "e1", DAY), ("episode", "e2", DAY), ("episode", "e9", DAY),
    }  # fmt: skip
    show = cards["show", "s1", DAY]
    assert (show.downloads, show.requests, show.listeners) == (3, 11, 2)
    assert show.waterfall == {"bot": 7, "counted": 3, "head": 1}
    assert show.hours == (Hour(12, "+00:00", 3),)
    assert show.breakdowns["apps"].values == {"Other": 1, "Pod Player": 1, "unknown": 1}
    assert show.breakdowns["countries"].values == {"AT": 1, "DE": 1, "unknown": 1}
    assert show.breakdowns["referrers"].values == {"unknown": 2, "example.com": 1}
    assert show.breakdowns["sources"].values == {"log": 3}
    assert show.breakdowns["networks"].values == {"household": 2, "cellular": 1}
    assert show.episodes.values == {"e1": 2, "e2": 1}
    tenant = cards["tenant", "acme", DAY]
    assert (tenant.downloads, tenant.requests, tenant.listeners) == (4, 12, 2)
    assert tenant.shows.values == {"s1": 3, "s2": 1}
    assert list(tenant.episodes.values.items()) == [("e1", 2), ("e2", 1), ("e9", 1)]
    assert (cards["episode", "e2", DAY].show_id, cards["episode", "e2", DAY].listeners) == ("s1", 1)


def test_an_episode_whose_requests_were_all_dropped_has_a_card_that_says_why():
    card = by_thing(counted([], [dropped("bot", 4), dropped("head", 1)]))["episode", "e1", DAY]
    assert (card.downloads, card.requests, card.listeners) == (0, 5, 0)
    assert card.waterfall == {"bot": 4, "head": 1}
    assert (card.hours, dict(card.ages)) == ((), {})


def test_a_file_of_no_known_show_is_in_the_tenants_card_alone():
    cards = by_thing(counted([a_download(show_id="", episode_id="media_1")]))
    assert {scope for scope, _, _ in cards} == {"tenant", "episode"}
    assert cards["tenant", "acme", DAY].downloads == 1


def test_an_episode_belongs_to_one_show_even_if_it_was_known_late_to_which():
    rows = [a_download(show_id=show) for show in ("", "s1")] + [a_download(listener="ben")]
    cards = by_thing(counted(rows))
    assert (cards["episode", "e1", DAY].downloads, cards["episode", "e1", DAY].listeners) == (3, 2)
    assert cards["episode", "e1", DAY].show_id == "s1"
    assert (cards["show", "s1", DAY].downloads, cards["show", "s1", DAY].listeners) == (3, 2)
    assert cards["show", "s1", DAY].breakdowns["apps"].total == 3


def test_no_requests_make_no_cards():
    assert by_thing(counted()) == {}


@pytest.mark.parametrize(
    ("day", "count", "night"),
    [
        (date(2026, 3, 29), 23, [Hour(1, "+01:00", 1), Hour(3, "+02:00", 1)]),
        (date(2026, 6, 1), 24, [Hour(1, "+02:00", 1), Hour(2, "+02:00", 1), Hour(3, "+02:00", 1)]),
        (
            date(2026, 10, 25),
            25,
            [
                Hour(1, "+02:00", 1),
                Hour(2, "+02:00", 1),
                Hour(2, "+01:00", 1),
                Hour(3, "+01:00", 1),
            ],
        ),
    ],
)
def test_a_day_has_the_hours_that_the_clock_shows(day, count, night):
    zone = "Europe/Berlin"
    db = counted([a_download(time=each, zone=zone) for each in hours(day, zone)])
    card = by_thing(db, s1=zone)["show", "s1", day]
    assert len(card.hours) == count
    assert [hour for hour in card.hours if 1 <= hour.hour <= 3] == night


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("Asia/Kolkata", "+05:30"), ("America/St_Johns", "-03:30"), ("Asia/Kathmandu", "+05:45")],
)
def test_zones_off_the_full_hour_have_their_own_offset(zone, offset):
    db = counted([a_download(zone=zone)])
    [card] = [c for c in cards_of(db, a_count(), {"s1": zone}) if c.scope == "show"]
    assert [hour.offset for hour in card.hours] == [offset]


def test_downloads_are_told_apart_by_their_age_and_the_running_sums_are_the_totals():
    day = 86_400
    ages = [-5, 0, day - 1, day, 3 * day - 1, 3 * day, 7 * day, 30 * day, 90 * day, None]
    db = counted([a_download(age_seconds=age, listener=str(age)) for age in ages])
    card = by_thing(db)["episode", "e1", DAY]
    assert card.ages == {
        "1": 3, "3": 2, "7": 1, "30": 1, "90": 1, "older": 1, "unknown": 1,
    }  # fmt: skip
    assert cumulative(card.ages) == {1: 3, 3: 5, 7: 6, 30: 7, 90: 8}


def test_the_first_two_hundred_values_are_named_and_the_rest_is_summed():
    rows = [a_download(app=f"app {n:03}") for n in range(250) for _ in range(1 + (n == 249))]
    apps = by_thing(counted(rows))["show", "s1", DAY].breakdowns["apps"]
    assert list(apps.values)[:2] == ["app 249", "app 000"]
    assert (len(apps.values), apps.other, apps.total) == (200, 50, 251)


def test_a_show_names_all_its_episodes_and_the_tenant_two_hundred():
    rows = [a_download(episode_id=f"e{n:04}") for n in range(230)]
    cards = by_thing(counted(rows))
    assert len(cards["show", "s1", DAY].episodes.values) == 230
    tenant = cards["tenant", "acme", DAY].episodes
    assert (len(tenant.values), tenant.other) == (200, 30)


def test_hostile_names_are_names():
    app = 'Robert\'); DROP TABLE downloads; -- "x" {\u202e}\x00\n'
    card = by_thing(counted([a_download(app=app, episode_id="e'1")]))["episode", "e'1", DAY]
    assert card.breakdowns["apps"].values == {app: 1}


def test_a_digest_changes_with_what_a_reader_sees_and_with_nothing_else():
    def digest(rows, waterfall=(), **changes):
        [card] = [
            c for c in cards_of(counted(rows, waterfall), a_count(**changes)) if c.scope == "show"
        ]
        return card.digest

    two = [a_download(), a_download(listener="ben")]
    base = digest(two)
    assert digest(two[::-1], counted_at=datetime(2027, 1, 1, tzinfo=UTC), version=9) == base
    others = [
        digest(two, status="final"),
        digest(two, rules_digest="r2"),
        digest(two, reference={"agents": "2026-12-01"}),
        digest(two, [dropped("bot", 1)]),
        digest([a_download(), a_download(listener="ben", app="Other")]),
    ]
    assert len({base, *others}) == 6


# ── property: whatever was counted, it adds up ──

downloads = st.builds(
    lambda show, episode, listener, minutes, app, country, age: a_download(
        show_id=show and f"s{show}",
        episode_id=f"e{show or 0}{episode}",
        listener=f"l{listener}",
        time=datetime(2026, 10, 24, 12, tzinfo=UTC) + timedelta(minutes=minutes),
        zone="Europe/Berlin",
        app=app,
        country=country,
        age_seconds=age,
    ),
    st.sampled_from(["", 1, 2]),
    st.integers(0, 4),
    st.integers(0, 6),
    st.integers(0, 3 * 1440),
    st.none() | st.text(max_size=3),
    st.none() | st.sampled_from(["DE", "AT"]),
    st.none() | st.integers(-100, 100 * 86_400),
)
ZONES = {"s1": "Europe/Berlin", "s2": "Europe/Berlin"}


@settings(max_examples=40, deadline=None)
@given(st.lists(downloads, max_size=30))
def test_every_part_of_a_card_adds_up_to_its_downloads(rows):
    expected = Counter()
    heard = {}
    for row in rows:
        things = [("tenant", "acme"), ("episode", row["episode_id"])]
        things += [("show", row["show_id"])] if row["show_id"] else []
        for scope, of_id in things:
            expected[scope, of_id, row["day"]] += 1
            heard.setdefault((scope, of_id, row["day"]), set()).add(row["listener"])
    cards = by_thing(counted(rows), **ZONES)
    assert {key: card.downloads for key, card in cards.items()} == dict(expected)
    for key, card in cards.items():
        assert sum(hour.downloads for hour in card.hours) == card.downloads
        assert {part.total for part in card.breakdowns.values()} == {card.downloads}
        assert sum(card.ages.values()) == card.downloads
        assert card.waterfall == {"counted": card.downloads}
        assert card.listeners == len(heard[key])
        if card.scope != "episode":
            assert card.episodes.total == card.downloads


@settings(max_examples=25, deadline=None)
@given(st.lists(downloads, max_size=30))
def test_a_card_comes_back_from_its_items_as_it_was(rows):
    for card in cards_of(counted(rows), a_count(), ZONES):
        for largest in (300_000, 600):
            again = card_of(card_items(card, largest=largest))
            assert again == card
            assert again.digest == card.digest


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(downloads, max_size=30), shards=st.integers(1, 4))
def test_shards_add_up_to_the_cards_of_the_whole(tmp_path_factory, rows, shards):
    folder = tmp_path_factory.mktemp("shards")
    paths = []
    for shard in range(shards):
        db = counted([row for row in rows if int(row["listener"][1:]) % shards == shard])
        collect_facts(db, "acme", ZONES)
        paths.append(str(folder / f"{shard}.parquet"))
        write_facts(db, paths[-1])
    merge_facts(db, paths)
    assert list(cards_of_facts(db, a_count())) == list(cards_of(counted(rows), a_count(), ZONES))
