"""Cards in the metrics table: replaced whole, only when changed, and never half."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tallycast.measurement.rollups import items, writing
from tallycast.measurement.rollups.ages import AgesBusyError, sum_ages
from tallycast.measurement.rollups.cards import cards_of
from tallycast.measurement.rollups.listeners import listeners_in, replace_listeners
from tallycast.measurement.rollups.model import AgeTotals, Breakdown, Thing
from tallycast.measurement.rollups.reading import BadCursorError, CardReader
from tallycast.measurement.rollups.writing import NewerCountError, Replaced, entries, replace_day
from tests.support.counted import COUNTED_AT, DAY, a_count, a_download, counted, dropped
from tests.support.lake_platform import lake_platform

SHOW = Thing("acme", "iab-2.3", "show", "s1")


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "THREADS", 1)  # moto copies its tables, which takes one at a time
    with lake_platform(tmp_path) as made:
        yield made.table


@pytest.fixture
def reader(table):
    return CardReader(table)


def cards(rows, waterfall=(), **changes):
    return list(cards_of(counted(rows, waterfall), a_count(**changes)))


def put(table, rows, waterfall=(), *, day=DAY, **changes):
    return replace_day(table, a_count(**changes), day, cards(rows, waterfall, **changes))


def at(day, **changes):
    return a_download(time=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), **changes)


def test_a_card_is_read_as_it_was_counted(table, reader):
    rows = [a_download(), a_download(listener="ben", app="Other")]
    expected = {(c.scope, c.id): c for c in cards(rows, [dropped("bot", 3)])}
    assert put(table, rows, [dropped("bot", 3)]) == Replaced(3, 0, 0, 1)
    assert reader.day(SHOW, DAY) == expected["show", "s1"]
    assert reader.day(Thing("acme", "iab-2.3", "episode", "e1"), DAY) == expected["episode", "e1"]
    assert reader.day(Thing("acme", "op3", "show", "s1"), DAY) is None
    assert reader.day(Thing("other", "iab-2.3", "show", "s1"), DAY) is None


def test_the_same_count_again_writes_nothing(table):
    rows = [a_download(), a_download(episode_id="e2")]
    put(table, rows)
    before = table.scan()["Items"]
    later = COUNTED_AT + timedelta(hours=1)
    assert put(table, rows, counted_at=later, version=2) == Replaced(0, 4, 0, 0)
    assert table.scan()["Items"] == before


def test_only_what_changed_is_replaced(table, reader):
    put(table, [a_download(), a_download(show_id="s2", episode_id="e2")])
    changed = [a_download(), a_download(show_id="s2", episode_id="e2", app="Other")]
    later = COUNTED_AT + timedelta(hours=1)
    # s2, e2 and the tenant; s1 and e1 are as they were.
    assert put(table, changed, counted_at=later, version=2) == Replaced(3, 2, 0, 1)
    assert reader.day(SHOW, DAY).count.counted_at == COUNTED_AT
    two = reader.day(Thing("acme", "iab-2.3", "show", "s2"), DAY)
    assert (two.count.version, two.breakdowns["apps"].values) == (2, {"Other": 1})


def test_a_final_day_replaces_a_provisional_one(table, reader):
    put(table, [a_download()])
    assert put(table, [a_download()], status="final", version=2).written == 3
    assert reader.day(SHOW, DAY).count.status == "final"


def test_what_is_not_counted_any_more_is_gone(table, reader):
    put(table, [a_download(), a_download(show_id="s2", episode_id="e2")])
    assert put(table, [a_download()], version=2) == Replaced(1, 2, 2, 1)
    assert reader.day(Thing("acme", "iab-2.3", "show", "s2"), DAY) is None
    ages = reader.ages("acme", "iab-2.3", "e2")
    assert (ages.within[7], ages.all_time) == (0, 0)
    assert set(entries(table, "acme", "iab-2.3", DAY)) == {
        "EPISODE#e1", "SHOW#s1", "TENANT#acme",
    }  # fmt: skip


def test_an_empty_count_leaves_nothing(table):
    put(table, [a_download()])
    assert put(table, [], version=2).removed == 3
    assert [item["kind"] for item in table.scan()["Items"]] == ["ages"]


def test_an_older_count_never_overwrites_a_newer_one(table, reader):
    put(table, [a_download(), a_download(listener="ben")], version=5)
    with pytest.raises(NewerCountError):
        put(table, [a_download()], version=4)
    assert reader.day(SHOW, DAY).downloads == 2


# ── pages ──


def many_episodes(number):
    return [a_download(episode_id=f"e{n:05}") for n in range(number)]


@pytest.fixture
def small_items(monkeypatch):
    """Items so small that a few dozen episodes need pages."""
    monkeypatch.setattr(items.card_items, "__kwdefaults__", {"largest": 300})


def test_a_show_of_very_many_episodes_is_in_pages_and_read_as_one(table, reader, small_items):
    put(table, many_episodes(60))
    card = reader.day(SHOW, DAY)
    assert card.downloads == 60
    assert list(card.episodes.values) == [f"e{n:05}" for n in range(60)]
    assert entries(table, "acme", "iab-2.3", DAY)["SHOW#s1"].pages > 3


def test_pages_that_are_not_needed_any_more_are_gone(table, reader, small_items):
    put(table, many_episodes(60))
    put(table, many_episodes(10), version=2)
    assert len(reader.day(SHOW, DAY).episodes.values) == 10
    assert reader.day(SHOW, DAY).episodes.total == 10
    put(table, [], version=3)
    left = [item for item in table.scan()["Items"] if item["kind"] != "ages"]
    assert left == []


def test_real_pages_are_below_what_the_table_takes():
    [show] = [card for card in cards([a_download()]) if card.scope == "show"]
    for episodes, pages in ((7_000, 1), (12_000, 2), (100_000, 14)):
        named = {f"ep_{number:026}": 1 for number in range(episodes)}
        large = replace(show, episodes=Breakdown(named))
        made = items.card_items(large)
        assert len(made) == pages
        sizes = [len(page["episodes"]) + len(page.get("numbers", "")) for page in made]
        assert max(sizes) < 300_000
        assert items.card_of(made) == large


# ── reading ──


def test_a_period_is_read_in_order_and_in_pages(table, reader, small_items):
    days = [date(2026, 11, 1) + timedelta(days=n) for n in range(10)]
    for number, day in enumerate(days, start=1):
        rows = [at(day, episode_id=f"e{n:03}") for n in range(number * 5)]
        put(table, rows, day=day)
    first, last = days[1], days[8]
    whole = reader.days(SHOW, first, last)
    assert [card.day for card in whole.items] == days[1:9]
    assert [card.downloads for card in whole.items] == [n * 5 for n in range(2, 10)]
    assert [len(card.episodes.values) for card in whole.items] == [n * 5 for n in range(2, 10)]
    assert whole.cursor is None
    seen, cursor = [], None
    for _ in range(3):
        page = reader.days(SHOW, first, last, limit=3, cursor=cursor)
        seen += page.items
        cursor = page.cursor
    assert (tuple(seen), cursor) == (whole.items, None)


def test_days_without_requests_have_no_card(table, reader):
    for day in (date(2026, 11, 1), date(2026, 11, 5)):
        put(table, [at(day)], day=day)
    found = reader.days(SHOW, date(2026, 10, 1), date(2026, 11, 30))
    assert [card.day.day for card in found.items] == [1, 5]


@pytest.mark.parametrize("cursor", ["x", "2026-10-31", "2026-12-01", "", "DAY#2026-11-02"])
def test_a_cursor_of_another_list_is_refused(reader, cursor):
    with pytest.raises(BadCursorError):
        reader.days(SHOW, date(2026, 11, 1), date(2026, 11, 30), cursor=cursor)


def test_a_period_of_a_month_is_one_query(table, reader, monkeypatch):
    for number in range(30):
        day = date(2026, 11, 1) + timedelta(days=number)
        put(table, [at(day)], day=day)
    asked = []
    query = table.query
    monkeypatch.setattr(table, "query", lambda **named: asked.append(named) or query(**named))
    assert len(reader.days(SHOW, date(2026, 11, 1), date(2026, 11, 30)).items) == 30
    assert len(asked) == 1


def test_the_top_episodes_of_a_day(table, reader):
    rows = [a_download(episode_id=f"e{n}", listener=str(i)) for n in range(5) for i in range(n + 1)]
    put(table, rows)
    assert reader.top_episodes("acme", "iab-2.3", DAY, limit=2) == [("e4", 5), ("e3", 4)]
    assert reader.top_episodes("acme", "iab-2.3", DAY - timedelta(days=1)) == []


# ── since release ──


def released_on_the_first(day, count):
    """Downloads of an episode released at the beginning of 25 October."""
    age = (day - date(2026, 10, 25)).days * 86_400 + 12 * 3600
    return [at(day, age_seconds=age, listener=str(n)) for n in range(count)]


PLAYED = {
    date(2026, 10, 25): 50, date(2026, 10, 27): 20, date(2026, 10, 31): 10,
    date(2026, 11, 1): 5, date(2026, 11, 20): 2, date(2027, 3, 1): 1,
}  # fmt: skip


def test_downloads_since_release_are_the_sums_of_the_days(table, reader):
    for day, number in PLAYED.items():
        put(table, released_on_the_first(day, number), day=day)
    ages = reader.ages("acme", "iab-2.3", "e1")
    assert ages.within == {1: 50, 3: 70, 7: 80, 30: 87, 90: 87}
    assert ages.all_time == 88


def test_a_recounted_day_replaces_its_share(table, reader):
    for day, number in PLAYED.items():
        put(table, released_on_the_first(day, number), day=day)
    put(table, released_on_the_first(date(2026, 10, 27), 7), day=date(2026, 10, 27), version=2)
    ages = reader.ages("acme", "iab-2.3", "e1")
    assert (ages.within, ages.all_time) == ({1: 50, 3: 57, 7: 67, 30: 74, 90: 74}, 75)
    put(table, [], day=date(2026, 10, 25), version=2)
    assert reader.ages("acme", "iab-2.3", "e1").within[1] == 0


def test_an_episode_that_was_never_heard_has_no_ages(reader):
    assert reader.ages("acme", "iab-2.3", "e1") is None


def test_two_days_summed_at_once_are_both_in_the_sum(table, reader):
    """Another count of the same episode comes in between, once."""
    put(table, released_on_the_first(date(2026, 10, 25), 50), day=date(2026, 10, 25))

    class Overtaken:
        def __init__(self):
            self.done = False

        def __getattr__(self, name):
            return getattr(table, name)

        def put_item(self, **named):
            if not self.done:
                self.done = True
                day = date(2026, 11, 1)
                put(table, released_on_the_first(day, 5), day=day)
            return table.put_item(**named)

    sum_ages(Overtaken(), a_count(), "e1", date(2026, 10, 25))
    assert reader.ages("acme", "iab-2.3", "e1").all_time == 55


def test_who_is_overtaken_for_ever_gives_up(table):
    put(table, [a_download()])

    class NeverFirst:
        def __getattr__(self, name):
            return getattr(table, name)

        def put_item(self, **named):
            table.update_item(
                Key={name: named["Item"][name] for name in ("pk", "sk")},
                UpdateExpression="ADD revision :one",
                ExpressionAttributeValues={":one": 1},
            )
            return table.put_item(**named)

    with pytest.raises(AgesBusyError):
        sum_ages(NeverFirst(), a_count(), "e1", DAY)


# ── kills ──


class KilledError(BaseException):
    """The process ends here."""


class MortalTable:
    """A table that ends the process at its n-th write, before it or after it."""

    def __init__(self, table, dies_at, *, after):
        self._table, self._left, self._after = table, dies_at, after
        self.meta = type("Meta", (), {"client": self})()

    def __getattr__(self, name):
        own = self._table.meta.client if name == "transact_write_items" else self._table
        found = getattr(own, name)
        if name not in {"transact_write_items", "put_item", "update_item", "delete_item"}:
            return found

        def call(**named):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise KilledError
            answer = found(**named)
            if self._left == 0:
                raise KilledError
            return answer

        return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 6))
def test_a_run_killed_at_any_write_is_made_good_by_the_next(table, reader, dies_at, after):
    old = [a_download(), a_download(episode_id="gone"), a_download(show_id="s2", episode_id="e2")]
    new = [a_download(listener="ben"), a_download(), a_download(episode_id="new")]
    put(table, old)
    with pytest.raises(KilledError):
        # Two cards to remove, four to write, four episodes to sum.
        put(MortalTable(table, dies_at, after=after), new, version=2)
    put(table, new, version=3)
    expected = {(card.scope, card.id): card for card in cards(new)}
    found = {name: entry.digest for name, entry in entries(table, "acme", "iab-2.3", DAY).items()}
    assert found == {f"{s.upper()}#{i}": card.digest for (s, i), card in expected.items()}
    for (scope, of_id), card in expected.items():
        read = reader.day(Thing("acme", "iab-2.3", scope, of_id), DAY)
        assert (read.downloads, read.digest) == (card.downloads, card.digest)
    sums = {e: reader.ages("acme", "iab-2.3", e).all_time for e in ("e1", "new", "gone", "e2")}
    assert sums == {"e1": 2, "new": 1, "gone": 0, "e2": 0}
    assert not any(entry.unsummed for entry in entries(table, "acme", "iab-2.3", DAY).values())


# ── listeners ──


def test_listeners_of_a_period_are_read_as_they_were_counted(table, reader):
    rows = [at(date(2026, 11, day), listener=f"l{day % 3}") for day in range(1, 29)]
    for week in ("2026-W45", "2026-W46"):
        replace_listeners(table, listeners_in(counted(rows), a_count(), "week", week))
    replace_listeners(table, listeners_in(counted(rows), a_count(), "month", "2026-11"))
    weeks = reader.listeners(SHOW, "week", "2026-W40", "2026-W53")
    assert [(each.name, each.listeners) for each in weeks] == [
        ("2026-W45", 3), ("2026-W46", 3),
    ]  # fmt: skip
    [month] = reader.listeners(SHOW, "month", "2026-11", "2026-11")
    assert (month.first, month.last, month.listeners) == (
        date(2026, 11, 1), date(2026, 11, 30), 3,
    )  # fmt: skip


def test_ages_come_back_from_their_item():
    totals = AgeTotals("e1", {1: 5, 3: 6, 7: 7, 30: 8, 90: 9}, 12, COUNTED_AT)
    item = items.ages_item("acme", "iab-2.3", totals, {"2026-11": {"1": 5}})
    assert items.ages_of(item) == totals
    assert items.months_of(item) == {"2026-11": {"1": 5}}
