"""From a log file that arrives to a day's numbers, on the deployed platform, exactly."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.e2e.measuring import RULES, tick, zipped
from tests.support.measurement_platform import a_log, a_request, listeners
from tests.support.shared import FIXTURES

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOW = datetime.now(UTC)
# Long enough ago that a count is final at once, and not so long that its month has lost its key.
NOON = NOW.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=40)
DAY = NOON.date()
REAL_DAY = date(2022, 9, 20)
REAL_LOG = FIXTURES / "logs" / "download-requests-2022-09-20.csv"
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"

needs_real_day = pytest.mark.skipif(
    not REAL_LOG.is_file(),
    reason="the real day is not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)


def day(number: int) -> datetime:
    """Noon of a day, counted from the first."""
    return NOON + timedelta(days=number)


# ── one real day, whose answer is known ──


@pytest.fixture(scope="module")
def real_day(steady, new_measured):
    """The real day of two tenants: plain and under three rule sets; zipped, under one, and often."""
    plain, often = new_measured(steady, "real"), new_measured(steady, "real-often")
    plain.settle_on(rules=["iab-2.3", "op3", "odl"])
    body = REAL_LOG.read_bytes()
    plain.drop("day.csv", body)
    key = often.drop("day.csv.gz", zipped(body))
    often.books(1)
    often.tell_again([key] * 3)
    plain.books(1), often.books(4)
    plain.count_due()
    return plain, often


@needs_real_day
@pytest.mark.parametrize(
    ("rules", "waterfall"),
    [
        ("iab-2.3", {"counted": 269, "repeat": 275, "two_bytes": 51, "bot": 11}),
        ("op3", {"counted": 299, "repeat": 287, "probe_replaced": 9, "bot": 11}),
        ("odl", {"counted": 270, "repeat": 275, "ends_at_one": 51, "bot": 10}),
    ],
)
def test_the_real_day_comes_to_what_each_rule_set_says(real_day, rules, waterfall):
    plain, _ = real_day
    card = plain.card(REAL_DAY, rules)
    assert (card["requests"], card["downloads"]) == (606, waterfall["counted"])
    assert card["waterfall"] == waterfall
    in_lake = plain.rows(f"downloads/rules={rules}", "count(*)")
    assert in_lake == [(waterfall["counted"],)]


@needs_real_day
def test_the_real_day_zipped_and_told_of_four_times_counts_once(real_day):
    _, often = real_day
    books = often.books()
    assert (books.files, books.accepted, books.stored, books.deduplicated) == (
        4, 4 * 606, 606, 3 * 606,
    )  # fmt: skip
    assert often.stored(REAL_DAY) == 606
    assert often.card(REAL_DAY)["downloads"] == 269


# ── files ──


def test_a_rewritten_file_replaces_what_it_said_before(measured):
    before, after = day(-1), day(0)
    measured.drop("day.csv", a_log([*listeners(5, time=before), *listeners(30, time=after)]))
    measured.books(1)
    measured.count_due()
    assert [card["downloads"] for card in measured.cards(before.date(), DAY)] == [5, 30]
    measured.drop("day.csv", a_log(listeners(45, time=after), bad=2))
    books = measured.books(2)
    assert (books.accepted, books.stored, books.quarantined) == (35 + 47, 35 + 45, 2)
    measured.count_due()
    assert [card["downloads"] for card in measured.cards(before.date(), DAY)] == [45]
    assert len(measured.rows("requests")) == measured.stored(before.date(), DAY) == 45


def test_one_log_in_every_dress_is_read(measured):
    rows = listeners(12, time=NOON)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "time": row["time"].isoformat()} for row in rows)
    combined = "".join(
        f"{row['ip']} - - [{row['time']:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"GET /show/two.mp3 HTTP/1.1" 200 5000000 "-" "{row["user_agent"]}"\n'
        for row in listeners(7, time=NOON)
    ).encode()
    measured.ask("sources", name="nginx", source={"host": "cdn.example"})
    measured.drop("tabs.tsv.gz", zipped(lines.getvalue().encode()))
    measured.drop("access.log", combined, source="nginx")
    measured.books(2)
    measured.count_due()
    by_media = Counter(media for (media,) in measured.rows("requests", "media"))
    assert by_media == {"cdn.example/show/one.mp3": 12, "cdn.example/show/two.mp3": 7}
    assert measured.card(DAY)["downloads"] == 19


def test_two_tenants_never_meet(steady, new_measured):
    one, other = new_measured(steady, "one"), new_measured(steady, "other")
    for tenant, number in ((one, 4), (other, 9)):
        tenant.drop("day.csv", a_log(listeners(number, time=NOON)))
    one.books(1), other.books(1)
    one.count_due()
    for tenant, number in ((one, 4), (other, 9)):
        assert tenant.card(DAY)["downloads"] == number
        assert len(tenant.rows("requests")) == len(tenant.rows("downloads")) == number
        assert [(told["tenant"], told["downloads"]) for told in tenant.told()] == [
            (tenant.name, number)
        ]
    keys_of = [{row[0] for row in tenant.rows("requests", "file_id")} for tenant in (one, other)]
    assert not keys_of[0] & keys_of[1]


# ── what is counted when, and who is told ──


def test_a_tick_hands_out_only_what_is_due_and_each_count_is_told_once(measured):
    began = datetime.now(UTC)
    measured.drop("day.csv", a_log(listeners(6, time=NOON)))
    measured.books(1)
    [(what, at)] = measured.due().items()
    assert what == (RULES, str(DAY))
    assert began + timedelta(minutes=2) <= at <= datetime.now(UTC) + timedelta(minutes=2)
    tick(measured.cloud, at - timedelta(seconds=1))
    measured.count_due(at - timedelta(seconds=1))
    assert measured.states(DAY, DAY)[str(DAY)]["version"] == 0
    measured.count_due(at)
    state = measured.states(DAY, DAY)[str(DAY)]
    assert (state["state"], state["version"], state["requests"]) == ("final", 1, 6)
    assert measured.due() == {}
    measured.count_due(at + timedelta(days=1))
    assert measured.states(DAY, DAY)[str(DAY)]["version"] == 1
    [told] = measured.told()
    assert (told["count"], told["status"], told["downloads"], told["listeners"]) == (
        1, "final", 6, 6,
    )  # fmt: skip


def test_an_open_day_is_looked_at_every_hour_and_counted_when_it_has_changed(measured):
    today = datetime.now(UTC) - timedelta(minutes=1)
    measured.drop("now.csv", a_log(listeners(3, time=today)))
    measured.books(1)
    measured.count_due()
    on = today.date()
    state = measured.states(on, on)[str(on)]
    counted = datetime.fromisoformat(state["counted_at"])
    assert (state["state"], state["version"]) == ("provisional", 1)
    assert measured.due() == {(RULES, str(on)): counted + timedelta(hours=1)}
    measured.count_due(counted + timedelta(minutes=59))
    measured.count_due(counted + timedelta(minutes=61))
    assert measured.states(on, on)[str(on)]["version"] == 1
    measured.drop("more.csv", a_log(listeners(4, time=today, user_agent=DESK)))
    measured.books(2)
    measured.count_due()
    assert [(told["count"], told["downloads"], told["status"]) for told in measured.told()] == [
        (1, 3, "provisional"), (2, 7, "provisional"),
    ]  # fmt: skip


def test_other_settings_have_the_open_days_counted_again(measured):
    days = {str((datetime.now(UTC) - timedelta(days=back)).date()) for back in range(4)}
    assert measured.due() == {}
    answer = measured.ask("settings", change={"rules": ["odl"]})
    assert answer["settings"]["rules"] == ["odl"]
    assert set(measured.due()) == {("odl", each) for each in days}
    assert measured.ask("settings", change={"rules": ["odl"]}) == answer


# ── late data, new rules ──


def test_a_final_day_is_restated_with_its_cause_or_not_at_all(measured):
    own = {"based_on": "iab-2.3", "request_rules": ["method", "not_modified", "status"]}
    measured.settle_on(rules=["mine"], custom_rules={"mine": own})
    robot = a_request(ip="192.0.2.9", time=NOON, user_agent="Googlebot/2.1")
    measured.drop("day.csv", a_log([*listeners(5, time=NOON), robot]))
    measured.books(1)
    measured.count_due()
    assert measured.card(DAY, "mine")["downloads"] == 6
    measured.drop("late.csv", a_log(listeners(3, time=NOON, user_agent=DESK)))
    measured.books(2)
    measured.count_due()
    measured.recount(DAY, DAY)  # nothing is different: nothing is restated
    measured.settle_on(rules=["mine"], custom_rules={"mine": {"based_on": "iab-2.3"}})
    measured.recount(DAY, DAY)
    rows = measured.rows("restatements", "rules, old_downloads, new_downloads, cause")
    assert rows == [("mine", 6, 9, "late data"), ("mine", 9, 8, "new rules")]
    assert [
        (told["count"], told["downloads"], told["restated"], told["causes"])
        for told in measured.told()
    ] == [
        (1, 6, False, []),
        (2, 9, True, ["late data"]),
        (3, 9, False, []),
        (4, 8, True, ["new rules"]),
    ]
    state = measured.states(DAY, DAY, "mine")[str(DAY)]
    assert (state["state"], state["version"], state["downloads"]) == ("final", 4, 8)


# ── a month at once ──

MONTH = 31


@pytest.fixture(scope="module")
def month(steady, new_measured):
    """A month of days in two files that each have all of them; day `n` has `20 + n` listeners."""
    tenant = new_measured(steady, "month")
    halves: tuple[list, list] = ([], [])
    for number in range(MONTH):
        at = day(number - MONTH)
        halves[0].extend(listeners(20 + number, time=at))
        halves[1].extend(listeners(number % 4, time=at + timedelta(hours=1)))  # the same again
        halves[1].append(a_request(time=at, ip="192.0.2.1", method="HEAD"))
        halves[1].append(a_request(time=at, ip="192.0.2.2", user_agent="Googlebot/2.1"))
    for name, rows in zip(("a.csv", "b.csv"), halves, strict=True):
        tenant.drop(name, a_log(rows))
    tenant.books(2)
    tenant.count_due()
    return tenant


def first_and_last() -> tuple[date, date]:
    return day(-MONTH).date(), day(-1).date()


def month_truth() -> list[tuple[int, int, dict[str, int]]]:
    """Of each day: its requests, its downloads and its waterfall."""
    found = []
    for number in range(MONTH):
        again = {"repeat": number % 4} if number % 4 else {}
        waterfall = {"counted": 20 + number, "method": 1, "bot": 1, **again}
        found.append((sum(waterfall.values()), 20 + number, waterfall))
    return found


def test_a_month_is_counted_day_by_day(month):
    cards = month.cards(*first_and_last())
    assert [
        (card["requests"], card["downloads"], card["waterfall"]) for card in cards
    ] == month_truth()
    assert {card["count"]["status"] for card in cards} == {"final"}
    books = month.books()
    assert (books.balance, books.stored) == (0, sum(requests for requests, _, _ in month_truth()))
    assert [told["count"] for told in month.told()] == [1] * MONTH


def test_the_listeners_of_a_month_are_distinct(month):
    first, last = first_and_last()
    largest = {}
    for number in range(MONTH):
        name = f"{day(number - MONTH):%Y-%m}"
        largest[name] = 20 + number  # the same listeners every day, and one more each time
    found = month.ask("listeners", period="month", first=f"{first:%Y-%m}", last=f"{last:%Y-%m}")
    assert {each["name"]: each["listeners"] for each in found["listeners"]} == largest


def test_a_month_counted_again_gives_the_same_bytes(month):
    before = month.etags("downloads", "waterfall")
    cards = month.cards(*first_and_last())
    plan = month.recount(*first_and_last())
    assert plan["days"] == MONTH
    assert len(before) == 2 * MONTH
    assert month.etags("downloads", "waterfall") == before
    assert month.cards(*first_and_last()) == cards
    assert {state["version"] for state in month.states(*first_and_last()).values()} == {2}
    assert Counter(told["count"] for told in month.told()) == {1: MONTH, 2: MONTH}
    assert month.rows("restatements") == []
