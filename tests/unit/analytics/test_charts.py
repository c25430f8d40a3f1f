"""Charts as sums over cards: what must add up adds up, whatever the cards hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.analytics.ages import EpisodeBrief, ages_of
from tallycast.analytics.audience import audience, whole
from tallycast.analytics.breakdowns import breakdown
from tallycast.analytics.curves import Curve, by_hour_of_age, curve_of, days_of_curve, median_of
from tallycast.analytics.heat_map import heat_map
from tallycast.analytics.hours import slots_of
from tallycast.analytics.model import Period, PeriodInvalidError
from tallycast.analytics.rolling import LEAD_DAYS, rolling
from tallycast.analytics.series import series
from tallycast.analytics.standing import DayCount, first_open_day, standing_of
from tallycast.analytics.tables import FORMULA_STARTS, Table, to_csv
from tallycast.analytics.waterfall import waterfall
from tallycast.measurement.rollups.model import AgeTotals, Breakdown, Hour
from tallycast.measurement.rulesets import IAB
from tests.support.analytics import COUNTED_AT, DAY, NOW, a_card, asked_of, days

BERLIN = "Europe/Berlin"
AUTUMN, SPRING = date(2026, 10, 25), date(2026, 3, 29)
ZONES = ("UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
FIRST = date(2026, 10, 20)


@st.composite
def cards(draw):
    """Cards of some days, each in a zone (settings may have changed meanwhile), with breakdowns."""
    found = []
    for day in days(FIRST, 12):
        if draw(st.booleans()):
            continue
        slots = slots_of(day, draw(st.sampled_from(ZONES)))
        some = draw(st.lists(st.sampled_from(slots), unique=True))
        hours = tuple(Hour(*slot, draw(st.integers(1, 99))) for slot in some)
        total = sum(hour.downloads for hour in hours)
        named = draw(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), max_size=4))
        named = dict(sorted(named.items(), key=lambda pair: -pair[1]))
        named = named if sum(named.values()) <= total else {}
        parts = {"apps": Breakdown(named, total - sum(named.values()))}
        found.append(
            a_card(
                day=day,
                hours=hours,
                breakdowns=draw(st.sampled_from([parts, {}])),
                waterfall={"counted": total, "bot": draw(st.integers(0, 9))},
            )
        )
    return found


ASKED = asked_of(FIRST, FIRST + timedelta(days=11), zone=BERLIN)


# ── what adds up ──


@given(cards(), st.sampled_from(["hour", "6h", "12h", "day"]))
def test_every_step_adds_up_to_the_same_downloads(found, step):
    made = series(ASKED, found, step)
    assert sum(point.downloads for point in made.points) == made.downloads
    assert made.downloads == sum(card.downloads for card in found)
    assert [point.at for point in made.points] == list(dict.fromkeys(p.at for p in made.points))


@given(cards())
def test_the_hours_of_each_day_add_up_to_the_day(found):
    by_day = {point.at: point.downloads for point in series(ASKED, found, "day").points}
    for step in ("hour", "6h", "12h"):
        sums = dict.fromkeys(by_day, 0)
        for point in series(ASKED, found, step).points:
            sums[point.at[:10]] += point.downloads
        assert sums == by_day


@given(cards())
def test_a_heat_map_adds_up_to_the_downloads(found):
    made = heat_map(ASKED, found)
    assert sum(map(sum, made.cells)) == made.downloads == sum(card.downloads for card in found)
    assert sum(made.days) == len(ASKED.period)


@given(cards(), st.integers(1, 5))
def test_a_breakdown_adds_up_and_bounds_what_it_does_not_know(found, limit):
    made = breakdown(ASKED, found, "apps", limit)
    listed = sum(part.downloads for part in made.parts)
    assert listed + made.rest + made.other == made.downloads
    assert len(made.parts) <= limit
    for part in made.parts:
        assert part.downloads <= part.at_most <= part.downloads + made.other


@given(cards())
def test_a_waterfall_falls_from_the_requests_to_the_counted(found):
    made = waterfall(ASKED, found, IAB.verdicts)
    assert made.requests - sum(drop.requests for drop in made.drops) == made.counted
    assert made.counted == made.downloads
    assert all(drop.left >= made.counted for drop in made.drops)


@given(st.lists(st.integers(0, 50), min_size=LEAD_DAYS + 1, max_size=LEAD_DAYS + 20))
def test_rolling_sums_are_the_sums_of_their_days(counts):
    period = days(FIRST, len(counts))
    found = [a_card(day=day, downloads=n) for day, n in zip(period, counts, strict=True) if n]
    made = rolling(asked_of(period[0], period[-1]), found)
    assert [each.day for each in made.days] == period[LEAD_DAYS:]
    for place, each in enumerate(made.days, start=LEAD_DAYS + 1):
        assert each.days_7.downloads == sum(counts[place - 7 : place])
        assert each.days_7.before == sum(counts[place - 14 : place - 7])
        assert each.days_30.downloads == sum(counts[place - 30 : place])
        assert each.days_30.before == sum(counts[place - 60 : place - 30])


@given(st.lists(st.integers(0, 9), max_size=200))
def test_weeks_and_months_add_up_to_their_days(counts):
    first = date(2026, 1, 14)
    found = [
        a_card(day=d, downloads=n)
        for d, n in zip(days(first, len(counts)), counts, strict=True)
        if n
    ]
    for every in ("week", "month"):
        period = whole(Period(first, first + timedelta(days=max(len(counts), 1))), every)
        made = audience(asked_of(period.first, period.last), found, [], every)
        assert sum(each.downloads for each in made.periods) == sum(counts)
        assert all(a.last + timedelta(days=1) == b.first for a, b in pairwise(made.periods))


# ── nights when clocks change ──


def test_an_autumn_day_has_twenty_five_hours_and_both_from_two_to_three():
    card = a_card(
        day=AUTUMN, hours=(Hour(2, "+02:00", 5), Hour(2, "+01:00", 7), Hour(3, "+01:00", 1))
    )
    asked = asked_of(AUTUMN, AUTUMN, zone=BERLIN)
    points = series(asked, [card], "hour").points
    assert len(points) == 25
    assert [(point.at[11:], point.downloads) for point in points[2:5]] == [
        ("02:00+02:00", 5),
        ("02:00+01:00", 7),
        ("03:00+01:00", 1),
    ]
    assert [point.downloads for point in series(asked, [card], "6h").points] == [13, 0, 0, 0]
    assert heat_map(asked, [card]).cells[AUTUMN.weekday()][2] == 12


def test_a_spring_day_has_twenty_three_hours_and_loses_no_download():
    # The show in UTC has an hour 2 that Berlin does not have.
    card = a_card(day=SPRING, hours=(Hour(1, "+01:00", 5), Hour(2, "+00:00", 7)))
    points = series(asked_of(SPRING, SPRING, zone=BERLIN), [card], "hour").points
    assert len(points) == 23
    assert [(point.at[11:], point.downloads) for point in points[1:3]] == [
        ("01:00+01:00", 5),
        ("03:00+02:00", 7),
    ]


@pytest.mark.parametrize("step", ["hour", "6h", "12h", "day"])
def test_a_day_that_a_zone_left_out_loses_no_download(step):
    skipped = date(2011, 12, 30)  # Samoa went over the date line
    card = a_card(day=skipped, downloads=5)
    made = series(asked_of(skipped, skipped, zone="Pacific/Apia"), [card], step)
    assert sum(point.downloads for point in made.points) == 5


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_has_as_many_hours_in_every_zone(zone):
    hours = [slot for day in days(date(2026, 1, 1), 365) for slot in slots_of(day, zone)]
    assert len(hours) == 365 * 24 + (1 if zone == "Australia/Lord_Howe" else 0)


def test_a_curve_over_an_autumn_night_counts_both_hours():
    released = datetime(2026, 10, 24, 22, 10, tzinfo=UTC)  # 0:10 in Berlin
    hours = tuple(Hour(*slot, 1) for slot in slots_of(AUTUMN, BERLIN))
    assert by_hour_of_age(released, [a_card(day=AUTUMN, hours=hours)], 30) == [1] * 25 + [0] * 5


# ── curves ──


@given(
    st.datetimes(datetime(2026, 10, 21), datetime(2026, 10, 28), timezones=st.just(UTC)),
    cards(),
    st.integers(1, 200),
)
def test_curves_never_fall_and_end_with_what_was_counted(released, found, hours):
    made = curve_of("ep", None, released, found, hours=hours, now=NOW)
    assert all(a <= b for a, b in pairwise(made.downloads))
    assert made.downloads[-1] <= sum(card.downloads for card in found)
    assert len(made.downloads) == hours
    far = curve_of("ep", None, released, found, hours=24 * 20, now=NOW)
    assert far.downloads[-1] == sum(card.downloads for card in found)


@given(
    st.datetimes(datetime(2026, 10, 21), datetime(2026, 10, 30), timezones=st.just(UTC)),
    st.integers(0, 60 * 24 * 5),
    st.sampled_from([zone for zone in ZONES if zone != "Asia/Kolkata"]),
)
def test_a_download_lies_in_its_hour_since_the_hour_of_release(released, minutes, zone):
    from zoneinfo import ZoneInfo

    heard = released + timedelta(minutes=minutes)
    local = heard.astimezone(ZoneInfo(zone))
    text = local.strftime("%z")
    card = a_card(day=local.date(), hours=(Hour(local.hour, f"{text[:3]}:{text[3:]}", 1),))
    counts = by_hour_of_age(released, [card], 24 * 7)
    begins = local.replace(minute=0, second=0, microsecond=0)
    expected = -(-(begins - released) // timedelta(hours=1))  # rounded up
    assert counts.index(1) == max(0, expected)
    assert local.date() in set(days_of_curve(released, 24 * 7))


def test_a_median_compares_only_whole_curves_that_were_counted_from_the_start():
    def a_curve(*downloads):
        return Curve(episode_id="ep", title=None, published=NOW, downloads=list(downloads))

    curves = [
        a_curve(1, 2, 3),
        a_curve(10, 20, 30),
        a_curve(2, 3, 5),
        a_curve(4, 5, 7),
        a_curve(99, 99),  # too young
        a_curve(0, 0, 0),  # released before anybody counted
    ]
    made = median_of(curves, 3)
    assert (made.episodes, made.downloads) == (4, [3.0, 4.0, 6.0])
    assert median_of([], 3).downloads == []


# ── how far numbers stand ──


def test_a_day_is_final_when_its_count_is_and_empty_ones_when_nothing_can_come():
    period = Period(date(2026, 11, 15), date(2026, 11, 18))
    counts = [
        DayCount(date(2026, 11, 15), "final", COUNTED_AT),
        DayCount(date(2026, 11, 17), "final", None),
    ]
    made = standing_of("iab-2.3", period, counts, open_from=date(2026, 11, 19))
    assert made.status == "final"
    assert [(span.first.day, span.last.day, span.status) for span in made.days] == [
        (15, 15, "final"),
        (16, 16, "empty"),
        (17, 17, "final"),
        (18, 18, "empty"),
    ]
    assert made.counted_at == COUNTED_AT
    assert (
        standing_of("iab-2.3", period, counts, open_from=date(2026, 11, 18)).status == "provisional"
    )
    waiting = [*counts, DayCount(date(2026, 11, 18), "waiting", None)]
    assert (
        standing_of("iab-2.3", period, waiting, open_from=date(2026, 11, 19)).status
        == "provisional"
    )


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([{"UTC"}, {BERLIN}, set(ZONES), {"Pacific/Kiritimati", "Pacific/Pago_Pago"}]),
    st.integers(1, 200),
)
def test_the_first_open_day_is_the_first_whose_delay_is_not_over(now, zones, delay):
    from tallycast.measurement.counting.calendar import span

    day = first_open_day(now, zones, delay)
    assert span(day, zones)[1] + timedelta(hours=delay) > now
    assert span(day - timedelta(days=1), zones)[1] + timedelta(hours=delay) <= now


def test_ages_say_what_runs_what_may_change_and_what_is_final():
    def an_episode(released):
        return EpisodeBrief(
            episode_id="ep", title=None, published=released, duration_seconds=None, season=None,
            episode=None, guid=None, enclosure_url=None,
        )  # fmt: skip

    totals = {"ep": AgeTotals("ep", {1: 3, 3: 5, 7: 6, 30: 6, 90: 6}, 8, COUNTED_AT)}
    [made] = ages_of(
        [an_episode(NOW - timedelta(days=8))], totals, now=NOW, open_from=date(2026, 11, 19)
    )
    assert [(each.days, each.status) for each in made.within] == [
        (1, "final"),
        (3, "final"),
        (7, "provisional"),
        (30, "running"),
        (90, "running"),
    ]
    assert [each.downloads for each in made.within] == [3, 5, 6, 6, 6]
    assert made.all_time == 8
    [unknown] = ages_of([an_episode(None)], totals, now=NOW, open_from=DAY)
    assert (unknown.within, unknown.all_time) == ([], 8)


# ── periods and tables ──


def test_a_period_that_makes_no_sense_says_what_to_do():
    today = date(2026, 11, 22)
    assert Period.of(None, None, today=today, usual=7, most=400) == Period(
        date(2026, 11, 16), today
    )
    with pytest.raises(PeriodInvalidError, match="swap"):
        Period.of(today, DAY, today=today, usual=7, most=400)
    with pytest.raises(PeriodInvalidError, match=r"has 401 days .* at most 400"):
        Period.of(today - timedelta(days=400), None, today=today, usual=7, most=400)
    assert len(Period.of(today - timedelta(days=399), None, today=today, usual=7, most=400)) == 400


@given(st.text(), st.integers(), st.floats(allow_nan=False))
def test_no_text_is_a_formula_and_every_number_is_left_as_it_is(text, whole_number, number):
    import csv
    import io

    made = to_csv(Table("t", ("a", "b", "c", "d"), [(text, whole_number, number, None)]))
    [_, row] = list(csv.reader(io.StringIO(made, newline="")))
    assert row[0] == (f"'{text}" if text.startswith(FORMULA_STARTS) else text)
    assert not row[0].startswith(FORMULA_STARTS)
    assert (int(row[1]), float(row[2]), row[3]) == (whole_number, number, "")
