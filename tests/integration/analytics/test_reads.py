"""Shows, episodes and charts as callers read them: golden answers on cards laid down by hand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest

from tallycast.identity.model import Role
from tallycast.measurement.rollups.items import ages_item, listener_item
from tallycast.measurement.rollups.model import (
    AgeTotals,
    Breakdown,
    CountInfo,
    Hour,
    ListenerCount,
)
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tests.support.analytics import COUNTED_AT, NOW, a_card, analytics_platform, days

FIRST = date(2026, 11, 1)
EVIL = '=cmd|" /C calc"!A0'


@pytest.fixture(scope="module")
def platform():
    with analytics_platform() as made:
        feed = made.add_show(description="About <b>things</b>", language="en")
        made.add_show("show_2")
        theirs = made.add_show("show_9", tenant="globex")
        made.episode = made.add_episode(feed, "one", at(18, 6, 30), title=EVIL)
        made.second = made.add_episode(feed, "two", at(11, 6, 30))
        made.undated = made.add_episode(feed, "none", None)
        made.theirs = made.add_episode(theirs, "x", at(18, 6, 30))
        lay_down(made)
        counted_by_op3_too(made)
        yield made


def at(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def lay_down(made):
    """Five downloads a day of the show: three at 9, two at 20; two of the day's are `one`'s."""
    for day in days(FIRST, 22):
        made.put(
            [
                a_card(
                    day=day,
                    hours=(Hour(9, "+00:00", 3), Hour(20, "+00:00", 2)),
                    breakdowns={
                        "apps": Breakdown({"Pod": 3, EVIL: 1}, other=1),
                        "countries": Breakdown({"DE": 5}),
                    },
                    episodes=Breakdown({made.second: 3, made.episode: 2}),
                    waterfall={"counted": 5, "repeat": 4, "bot": 2, "method": 1},
                    listeners=4,
                ),
                a_card(
                    scope="episode", id=made.episode, day=day, hours=(Hour(9, "+00:00", 2),),
                    waterfall={"counted": 2, "bot": 1},
                ),
                a_card(scope="episode", id=made.second, day=day, hours=(Hour(9, "+00:00", 3),)),
                a_card(
                    scope="tenant", id="acme", show_id="", day=day, downloads=7,
                    episodes=Breakdown({made.second: 3, made.episode: 2}, other=2),
                ),
                a_card(
                    show_id="show_9", id="show_9", day=day, downloads=1000,
                    count=CountInfo("globex", "iab-2.3", COUNTED_AT),
                ),
            ]
        )  # fmt: skip
        made.state(day, "final" if day.day < 19 else "provisional")
    count = ListenerCount(
        "acme", "iab-2.3", "show", "show_1", "month", "2026-11", FIRST, FIRST, 61, COUNTED_AT
    )
    made.stacks.metrics.put_item(Item=listener_item(count))
    totals = AgeTotals(made.second, {1: 5, 3: 8, 7: 9, 30: 9, 90: 9}, 12, COUNTED_AT)
    made.stacks.metrics.put_item(Item=ages_item("acme", "iab-2.3", totals, {}))


def got(platform, path, client=None):
    answer = (client or platform.client).get(path)
    assert answer.status == 200, answer.text
    return answer.json()


def table(answer):
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.reader(io.StringIO(answer.text, newline="")))


# ── charts ──


def test_downloads_by_day(platform):
    found = got(platform, "/v1/downloads?show_id=show_1&first=2026-11-17&last=2026-11-20")
    assert found["downloads"] == 20
    assert found["points"][0] == {"at": "2026-11-17", "downloads": 5}
    assert [point["downloads"] for point in found["points"]] == [5, 5, 5, 5]
    assert [each["episode_id"] for each in found["releases"]] == [platform.episode]


def test_how_far_the_numbers_stand_is_in_every_answer(platform):
    found = got(platform, "/v1/downloads?show_id=show_1&first=2026-11-17&last=2026-11-23")
    assert found["standing"] == {
        "rules": "iab-2.3",
        "first": "2026-11-17",
        "last": "2026-11-23",
        "status": "provisional",
        "counted_at": "2026-11-22T08:00:00Z",
        "days": [
            {"first": "2026-11-17", "last": "2026-11-18", "status": "final"},
            {"first": "2026-11-19", "last": "2026-11-22", "status": "provisional"},
            {"first": "2026-11-23", "last": "2026-11-23", "status": "empty"},
        ],
    }
    found = got(platform, "/v1/downloads/waterfall?first=2026-10-30&last=2026-11-18")
    assert found["standing"]["status"] == "final"


def test_hours_lie_where_they_were_counted_and_the_others_are_empty(platform):
    period = "first=2026-11-17&last=2026-11-17"
    hours = got(platform, f"/v1/downloads?show_id=show_1&{period}&step=hour")["points"]
    assert len(hours) == 24
    assert {point["at"]: point["downloads"] for point in hours if point["downloads"]} == {
        "2026-11-17T09:00+00:00": 3,
        "2026-11-17T20:00+00:00": 2,
    }
    for step, expected in (("6h", [0, 3, 0, 2]), ("12h", [3, 2])):
        found = got(platform, f"/v1/downloads?show_id=show_1&{period}&step={step}")["points"]
        assert [point["downloads"] for point in found] == expected


def test_rolling_downloads_beside_those_before(platform):
    found = got(platform, "/v1/downloads/rolling?show_id=show_1&first=2026-11-10&last=2026-11-15")
    assert [each["day"] for each in found["days"]][-1] == "2026-11-15"
    assert found["days"][0]["days_7"] == {"downloads": 35, "before": 15, "change": 20 / 15}
    assert found["days"][-1]["days_7"] == {"downloads": 35, "before": 35, "change": 0.0}
    assert found["days"][-1]["days_30"] == {"downloads": 75, "before": 0, "change": None}


def test_months_have_listeners_of_their_own(platform):
    found = got(platform, "/v1/audience/listeners?show_id=show_1&first=2026-10-20&last=2026-11-05")
    october, november = found["periods"]
    assert (october["name"], october["downloads"], october["listeners"]) == ("2026-10", 0, None)
    assert (november["downloads"], november["listeners"]) == (110, 61)
    assert (november["first"], november["last"]) == ("2026-11-01", "2026-11-30")
    assert november["status"] == "provisional"


def test_a_heat_map_adds_up(platform):
    found = got(platform, "/v1/audience/heat-map?show_id=show_1&first=2026-11-02&last=2026-11-15")
    assert found["days"] == [2] * 7
    assert {(hour, n) for cells in found["cells"] for hour, n in enumerate(cells) if n} == {
        (9, 6),
        (20, 4),
    }
    assert sum(map(sum, found["cells"])) == found["downloads"] == 70


def test_a_breakdown_is_honest_about_what_it_cannot_name(platform):
    found = got(
        platform, "/v1/audience/breakdown?by=apps&show_id=show_1&first=2026-11-01&last=2026-11-10"
    )
    assert found["parts"] == [
        {"value": "Pod", "downloads": 30, "at_most": 30, "share": 0.6},
        {"value": EVIL, "downloads": 10, "at_most": 10, "share": 0.2},
    ]
    assert (found["rest"], found["other"], found["downloads"]) == (0, 10, 50)
    found = got(
        platform,
        "/v1/audience/breakdown?by=devices&show_id=show_1&first=2026-11-01&last=2026-11-10",
    )
    assert (found["parts"], found["other"]) == ([], 50)  # counted before devices were


def test_a_waterfall_falls_in_the_order_of_the_rules(platform):
    found = got(platform, "/v1/downloads/waterfall?show_id=show_1&first=2026-11-01&last=2026-11-10")
    assert found["requests"] == 120
    assert [(each["rule"], each["requests"], each["left"]) for each in found["drops"]] == [
        ("method", 10, 110),
        ("bot", 20, 90),
        ("repeat", 40, 50),
    ]
    assert found["counted"] == found["downloads"] == 50


def counted_by_op3_too(platform):
    """Two days of the show as `op3` has them: the probe counts, the robot is one request more."""
    core = platform.stacks.core
    MeasurementSettingsStore(core).put("acme", MeasurementSettings(rules=("iab-2.3", "op3")))
    info = CountInfo("acme", "op3", COUNTED_AT)
    for day in days(FIRST, 2):
        platform.put(
            [
                a_card(
                    count=info, day=day, downloads=6,
                    episodes=Breakdown({platform.second: 3, platform.episode: 3}),
                    waterfall={"counted": 6, "repeat": 3, "bot": 3},
                ),
                a_card(
                    count=info, scope="episode", id=platform.episode, day=day, downloads=3,
                    waterfall={"counted": 3},
                ),
                a_card(count=info, scope="episode", id=platform.second, day=day, downloads=3),
            ]
        )  # fmt: skip


def test_two_counts_are_compared_by_day_and_episode_with_what_explains_them(platform):
    period = "first=2026-11-01&last=2026-11-02"
    found = got(platform, f"/v1/downloads/discrepancy?second=op3&show_id=show_1&{period}")
    assert (found["standing"]["rules"], found["second_standing"]["rules"]) == ("iab-2.3", "op3")
    total = found["total"]
    assert (total["first"], total["second"], total["share"]) == (10, 12, 0.2)
    assert total["acceptable"] is False
    gaps = {gap["rule"]: gap["requests"] for gap in total["explained_by"]}
    assert gaps == {"repeat": -2, "method": -2, "bot": 2}
    assert sum(gaps.values()) == total["first"] - total["second"]
    assert [(each["day"], each["first"], each["second"]) for each in found["days"]] == [
        ("2026-11-01", 5, 6),
        ("2026-11-02", 5, 6),
    ]
    assert [
        (each["day"], each["episode_id"], each["first"], each["second"], each["explained_by"])
        for each in found["episodes"]
    ] == [
        (day, platform.episode, 2, 3, [{"rule": "bot", "requests": -1}])
        for day in ("2026-11-01", "2026-11-02")
    ]


def test_one_episode_in_two_counts_and_a_count_with_itself(platform):
    of = f"show_id=show_1&episode_id={platform.episode}&first=2026-11-01&last=2026-11-02"
    found = got(platform, f"/v1/downloads/discrepancy?second=op3&{of}")
    assert (found["total"]["first"], found["total"]["second"]) == (4, 6)
    assert found["episodes"] == []
    same = got(platform, f"/v1/downloads/discrepancy?rules=op3&second=op3&{of}")["total"]
    assert (same["first"], same["second"], same["share"], same["acceptable"]) == (6, 6, 0, True)
    assert same["explained_by"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [("second=odl", 422), ("second=iab-2.3&rules=odl", 422), ("second=moon", 422), ("", 422),
     ("second=iab-2.3&first=2026-01-01&last=2026-02-01", 422)],
)  # fmt: skip
def test_counts_that_are_not_there_are_not_compared(platform, query, status):
    answer = platform.client.get(f"/v1/downloads/discrepancy?{query}")
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_day_is_drilled_down_to_its_episodes_page_by_page(platform):
    path = "/v1/downloads/days/2026-11-17?show_id=show_1&limit=1"
    first = got(platform, path)
    second = got(platform, f"{path}&cursor={first['next']}")
    assert (first["downloads"], first["listeners"], first["requests"]) == (5, 4, 12)
    [one], [two] = first["items"], second["items"]
    assert (one["episode_id"], one["downloads"], one["title"]) == (
        platform.second,
        3,
        "Episode two",
    )
    assert (two["episode_id"], two["requests"], two["dropped"]) == (platform.episode, 3, 1)
    assert second["next"] is None
    tenant = got(platform, "/v1/downloads/days/2026-11-17")
    assert (tenant["downloads"], tenant["other"], len(tenant["items"])) == (7, 2, 2)
    empty = got(platform, "/v1/downloads/days/2026-12-17")
    assert (empty["downloads"], empty["items"], empty["next"]) == (0, [], None)


def test_episodes_by_age_say_what_is_still_running(platform):
    found = got(platform, "/v1/shows/show_1/ages")
    newest, second, undated = found["items"]
    assert (newest["episode_id"], newest["all_time"], newest["counted_at"]) == (
        platform.episode, 0, None,
    )  # fmt: skip
    assert [(w["days"], w["downloads"], w["status"]) for w in second["within"]] == [
        (1, 5, "final"),
        (3, 8, "final"),
        (7, 9, "provisional"),
        (30, 9, "running"),
        (90, 9, "running"),
    ]
    assert second["all_time"] == 12
    assert undated["within"] == []


def test_curves_begin_in_the_hour_of_release(platform):
    asked = f"episode_id={platform.episode}&episode_id={platform.second}"
    found = got(platform, f"/v1/shows/show_1/curves?{asked}&hours=72")
    one, two = found["curves"]
    # Released at 6:30 on the 18th. What came on the 17th, and before 7, is in the first hour.
    assert one["downloads"][:4] == [2, 2, 2, 4]
    assert one["downloads"][27] == 6
    assert len(one["downloads"]) == 72
    assert two["downloads"][71] == 12
    assert found["median"]["episodes"] == 2
    assert found["median"]["downloads"][:4] == [2.5, 2.5, 2.5, 5.0]
    soon = got(platform, f"/v1/shows/show_1/curves?{asked}&hours=168")
    assert [len(each["downloads"]) for each in soon["curves"]] == [99, 168]
    assert soon["median"]["episodes"] == 1


def test_an_episode_without_a_date_has_no_curve(platform):
    answer = platform.client.get(f"/v1/shows/show_1/curves?episode_id={platform.undated}")
    assert (answer.status, answer.json()["code"]) == (422, "episode-not-released")


def test_numbers_of_one_episode(platform):
    found = got(
        platform,
        f"/v1/downloads?show_id=show_1&episode_id={platform.episode}&first=2026-11-01&last=2026-11-22",
    )
    assert found["downloads"] == 44
    assert [each["episode_id"] for each in found["releases"]] == [platform.episode]


# ── shows and episodes ──


def test_shows_are_listed_in_pages(platform):
    first = got(platform, "/v1/shows?limit=1")
    second = got(platform, f"/v1/shows?limit=1&cursor={first['next']}")
    assert [each["show_id"] for each in (*first["items"], *second["items"])] == ["show_1", "show_2"]
    assert second["next"] is None


def test_a_show_as_its_feed_says(platform):
    found = got(platform, "/v1/shows/show_1")
    assert (found["description"], found["language"], found["zone"]) == (
        "About <b>things</b>", "en", "UTC",
    )  # fmt: skip
    assert "url" not in found


def test_episodes_come_newest_first_in_pages_and_undated_ones_last(platform):
    seen, cursor = [], ""
    while cursor is not None:
        page = got(platform, f"/v1/shows/show_1/episodes?limit=1{cursor}")
        seen += [each["episode_id"] for each in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert seen == [platform.episode, platform.second, platform.undated]
    one = got(platform, f"/v1/shows/show_1/episodes/{platform.episode}")
    assert (one["title"], one["enclosure_bytes"]) == (EVIL, 5_000_000)


def test_a_show_that_was_never_read_is_shown_all_the_same(platform):
    from tallycast.feeds.feed import Feed

    feed = Feed(
        tenant="fresh", feed_id="feed_f", show_id="show_f", url="https://f.example/", created_at=NOW
    )
    platform.store.add(feed)
    found = got(platform, "/v1/shows/show_f", platform.as_(Role.OWNER, tenant="fresh"))
    assert (found["title"], found["episodes"]) == (None, 0)


# ── tables ──

TABLES = [
    "/v1/shows",
    "/v1/shows/show_1/episodes",
    "/v1/shows/show_1/ages",
    "/v1/shows/show_1/curves?episode_id={episode}&hours=3",
    "/v1/downloads?show_id=show_1",
    "/v1/downloads?show_id=show_1&step=hour",
    "/v1/downloads/rolling?show_id=show_1",
    "/v1/downloads/waterfall?show_id=show_1",
    "/v1/downloads/days/2026-11-17?show_id=show_1",
    "/v1/downloads/discrepancy?second=iab-2.3&show_id=show_1",
    "/v1/audience/listeners?show_id=show_1",
    "/v1/audience/heat-map?show_id=show_1",
    "/v1/audience/breakdown?by=apps&show_id=show_1",
]


@pytest.mark.parametrize("path", TABLES)
def test_every_table_is_csv_for_who_asks_and_no_cell_is_a_formula(platform, path):
    url = path.format(episode=platform.episode)
    rows = table(platform.client.get(f"{url}{'&' if '?' in url else '?'}format=csv"))
    assert rows == table(platform.client.get(url, headers={"accept": "text/csv"}))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    numbers = [cell for row in rows for cell in row if cell.lstrip("-").replace(".", "").isdigit()]
    texts = [cell for row in rows for cell in row if cell not in numbers]
    assert not [text for text in texts if text[:1] in set("=+-@\t\r") and text]
    assert platform.client.get(url).headers["content-type"] == "application/json"


def test_a_title_that_is_a_formula_is_quoted_and_a_dropped_number_is_not(platform):
    titles = [
        row[2] for row in table(platform.client.get("/v1/downloads/days/2026-11-17?format=csv"))
    ]
    assert f"'{EVIL}" in titles
    drops = table(platform.client.get("/v1/downloads/waterfall?show_id=show_1&format=csv"))
    assert ["bot", "-44", "198"] in drops


def test_the_header_decides_only_where_the_query_does_not(platform):
    for accept, kind in (
        ("text/html, application/json, text/csv", "application/json"),
        ("text/csv;q=0.9", "text/csv; charset=utf-8"),
        ("*/*", "application/json"),
    ):
        answer = platform.client.get("/v1/shows", headers={"accept": accept})
        assert answer.headers["content-type"] == kind, accept
    answer = platform.client.get("/v1/shows?format=json", headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "application/json"


# ── who may see what ──


@pytest.mark.parametrize("path", TABLES)
def test_a_sponsor_reads_none_of_it_and_a_partner_all(platform, path):
    url = path.format(episode=platform.episode)
    sponsor = platform.as_(Role.SPONSOR, sponsor_id="spo_1")
    assert sponsor.get(url).status == 403
    assert platform.partner.get(url).status == 200
    assert platform.client.as_(None).get(url).status == 401


@pytest.mark.parametrize("path", TABLES)
def test_another_tenant_finds_nothing_of_ours(platform, path):
    url = path.format(episode=platform.episode)
    answer = platform.as_(Role.OWNER, tenant="globex").get(url)
    if "show_1" in url:
        assert (answer.status, answer.json()["code"]) == (404, "show-not-found")
    else:
        assert [each["show_id"] for each in answer.json()["items"]] == ["show_9"]


def test_the_tenants_own_numbers_are_only_its_own(platform):
    period = "first=2026-11-01&last=2026-11-10"
    assert got(platform, f"/v1/downloads?{period}")["downloads"] == 70
    globex = platform.as_(Role.OWNER, tenant="globex")
    assert got(platform, f"/v1/downloads?{period}", globex)["downloads"] == 0
    assert got(platform, f"/v1/downloads?show_id=show_9&{period}", globex)["downloads"] == 10_000


def test_an_episode_of_another_show_or_tenant_is_not_found(platform):
    for episode in (platform.theirs, "ep_none"):
        answer = platform.client.get(f"/v1/downloads?show_id=show_1&episode_id={episode}")
        assert (answer.status, answer.json()["code"]) == (404, "episode-not-found")
        answer = platform.client.get(f"/v1/shows/show_1/curves?episode_id={episode}")
        assert answer.status == 404
    assert platform.client.get(f"/v1/shows/show_2/episodes/{platform.episode}").status == 404


# ── what makes no sense ──


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("first=2026-11-20&last=2026-11-19", "period-invalid"),
        ("first=2024-01-01&last=2026-11-19", "period-invalid"),
        ("first=2026-06-01&last=2026-11-19&step=hour", "period-invalid"),
        ("rules=nobodys", "unknown-rules"),
        ("rules=no%20name", "fields-invalid"),
        ("first=1700000000", "fields-invalid"),
        ("first=0001-01-01", "fields-invalid"),
        ("first=2026-02-30", "fields-invalid"),
        ("step=week", "fields-invalid"),
        ("episode_id=ep_1", "fields-invalid"),
        ("show_id=a%23b", "fields-invalid"),
        ("tenant=globex", "fields-invalid"),
        ("format=xml", "fields-invalid"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_the_reason(platform, query, code):
    answer = platform.client.get(f"/v1/downloads?{query}")
    assert (answer.status, answer.json()["code"]) == (422, code)
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/v1/shows", "/v1/shows/show_1/episodes", "/v1/downloads/days/2026-11-17"]
)
@pytest.mark.parametrize("cursor", ["x", "!!", "MWFmdGVyIC0x"])
def test_a_cursor_of_nobodys_is_refused_or_finds_nothing(platform, path, cursor):
    answer = platform.client.get(f"{path}?cursor={cursor}")
    assert answer.status in {200, 422}
    if answer.status == 422:
        assert answer.json()["code"] == "cursor-invalid"


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "20261117", "2026-W47-2", "9999-12-31"])
def test_a_day_that_is_none_is_not_found(platform, day):
    answer = platform.client.get(f"/v1/downloads/days/{day}")
    assert (answer.status, answer.json()["code"]) == (404, "day-not-found")


def test_more_than_eight_curves_are_refused(platform):
    nine = "&".join(f"episode_id=ep_{n}" for n in range(9))
    assert platform.client.get(f"/v1/shows/show_1/curves?{nine}").status == 422
    assert platform.client.get("/v1/shows/show_1/curves").status == 422


def test_rules_are_selectable_and_other_rules_have_other_numbers(platform):
    count = CountInfo("acme", "op3", COUNTED_AT)
    platform.put([a_card(count=count, downloads=9, day=date(2026, 11, 3))])
    found = got(platform, "/v1/downloads?show_id=show_1&rules=op3&first=2026-11-03&last=2026-11-10")
    assert (found["downloads"], found["standing"]["rules"], found["zone"]) == (9, "op3", "UTC")
    assert found["standing"]["counted_at"] is None
    assert found["standing"]["days"][0]["status"] == "empty"


def test_without_a_period_the_last_thirty_days_are_shown(platform):
    found = got(platform, "/v1/downloads?show_id=show_1")
    assert (found["points"][0]["at"], found["points"][-1]["at"]) == ("2026-10-24", "2026-11-22")
    assert timedelta(days=29) == NOW.date() - date(2026, 10, 24)
