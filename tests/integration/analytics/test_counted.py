"""From requests in a log to charts, by the real count: over an autumn night in Berlin."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tallycast.measurement.counting.periods import PlannedPeriod
from tallycast.measurement.rollups import writing
from tests.support.analytics import analytics_platform
from tests.support.measurement_platform import MeasurementPlatform, a_request

RELEASED = datetime(2026, 10, 24, 22, 10, tzinfo=UTC)  # 0:10 in Berlin
LATER = datetime(2026, 11, 2, 12, tzinfo=UTC)
# Minutes after the release, of so many listeners. Between two and three local time comes twice.
HEARD = {5: 1, 60: 2, 120: 3, 180: 4, 600: 5, 24 * 60: 6}
PERIOD = "first=2026-10-24&last=2026-10-27"


@pytest.fixture(scope="module")
def platform():
    patch = pytest.MonkeyPatch()
    patch.setattr(writing, "THREADS", 1)
    with analytics_platform(LATER) as made:
        feed = made.add_show()
        made.episode = made.add_episode(feed, "one", RELEASED, duration_seconds=1800)
        url = "https://cdn.example/show_1/one.mp3"
        measured = MeasurementPlatform(made.stacks, now=LATER)
        measured.set(zone="Europe/Berlin")
        rows = [
            a_request(
                time=RELEASED + timedelta(minutes=minutes), url=url, ip=f"203.0.{place}.{n + 1}"
            )
            for place, (minutes, count) in enumerate(HEARD.items())
            for n in range(count)
        ]
        rows += [a_request(time=RELEASED, url=url, method="HEAD")] * 3
        rows += [rows[0]]  # the same listener again
        measured.deliver("autumn.csv", rows)
        measured.count_due()
        for period, name in (("month", "2026-10"), ("week", "2026-W43")):
            planned = PlannedPeriod(tenant="acme", rules="iab-2.3", period=period, name=name)
            measured.steps.periods.count(planned)
        yield made
    patch.undo()


def got(platform, path):
    answer = platform.client.get(path)
    assert answer.status == 200, answer.text
    return answer.json()


def test_every_hour_of_the_night_has_its_own_downloads(platform):
    found = got(platform, f"/v1/downloads?show_id=show_1&step=hour&{PERIOD}")
    assert found["zone"] == "Europe/Berlin"
    assert len(found["points"]) == 97
    assert [
        (point["at"], point["downloads"]) for point in found["points"] if point["downloads"]
    ] == [
        ("2026-10-25T00:00+02:00", 1),
        ("2026-10-25T01:00+02:00", 2),
        ("2026-10-25T02:00+02:00", 3),
        ("2026-10-25T02:00+01:00", 4),
        ("2026-10-25T09:00+01:00", 5),
        ("2026-10-25T23:00+01:00", 6),
    ]
    assert found["downloads"] == sum(HEARD.values()) == 21
    assert found["releases"][0]["day"] == "2026-10-25"


def test_the_days_are_final_when_nothing_can_come_any_more(platform):
    found = got(platform, f"/v1/downloads?show_id=show_1&{PERIOD}")
    assert found["standing"]["status"] == "final"
    assert [(point["at"][-2:], point["downloads"]) for point in found["points"]] == [
        ("24", 0), ("25", 21), ("26", 0), ("27", 0),
    ]  # fmt: skip
    assert found["standing"]["counted_at"].startswith("2026-11-02T12:00")


def test_a_curve_from_the_hour_of_release_over_the_night(platform):
    found = got(platform, f"/v1/shows/show_1/curves?episode_id={platform.episode}&hours=26")
    [curve] = found["curves"]
    assert curve["downloads"] == [1, 3, 6, 10, 10, 10, 10, 10, 10, 10, *[15] * 14, 21, 21]
    assert found["median"]["downloads"] == [float(n) for n in curve["downloads"]]


def test_ages_listeners_waterfall_and_the_day_say_the_same(platform):
    [ages] = got(platform, "/v1/shows/show_1/ages")["items"]
    assert [each["downloads"] for each in ages["within"]] == [15, 21, 21, 21, 21]
    assert (ages["all_time"], ages["within"][1]["status"]) == (21, "final")
    month = got(platform, f"/v1/audience/listeners?show_id=show_1&{PERIOD}")["periods"]
    assert [(each["name"], each["downloads"], each["listeners"]) for each in month] == [
        ("2026-10", 21, 21)
    ]
    weeks = got(platform, f"/v1/audience/listeners?every=week&show_id=show_1&{PERIOD}")["periods"]
    assert [(each["name"], each["downloads"], each["listeners"]) for each in weeks] == [
        ("2026-W43", 21, 21),
        ("2026-W44", 0, None),
    ]
    fall = got(platform, f"/v1/downloads/waterfall?show_id=show_1&{PERIOD}")
    assert (fall["requests"], fall["counted"], fall["downloads"]) == (25, 21, 21)
    assert [(each["rule"], each["requests"]) for each in fall["drops"]] == [
        ("method", 3), ("repeat", 1),
    ]  # fmt: skip
    day = got(platform, "/v1/downloads/days/2026-10-25")
    assert [(each["title"], each["downloads"], each["dropped"]) for each in day["items"]] == [
        ("Episode one", 21, 4)
    ]


def test_a_breakdown_of_what_was_counted(platform):
    for by in ("apps", "devices", "countries", "referrers", "sources", "networks"):
        found = got(platform, f"/v1/audience/breakdown?by={by}&show_id=show_1&{PERIOD}")
        assert sum(part["downloads"] for part in found["parts"]) == found["downloads"] == 21, by
        assert found["other"] == 0
    heat = got(platform, f"/v1/audience/heat-map?show_id=show_1&{PERIOD}")
    assert heat["cells"][date(2026, 10, 25).weekday()][2] == 7
