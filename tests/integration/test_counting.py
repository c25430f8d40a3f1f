"""From a file that arrives to a day's numbers: exact, replaced whole, and told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.measurement.counting.days import DayBeingCountedError, LeaseExpiredError
from tallycast.measurement.intake.ingest import FileRewrittenError, Ingest
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.rulesets import UnknownRuleSetError
from tests.support.measurement_platform import (
    AUDIO,
    NOON,
    PHONE,
    a_log,
    a_request,
    listeners,
    measurement_platform,
)

DAY = NOON.date()


@pytest.fixture
def platform():
    with measurement_platform() as made:
        yield made


def books(taken):
    return (taken.accepted, taken.stored, taken.quarantined, taken.deduplicated)


# ── intake ──


def test_a_thousand_good_and_ten_bad_lines_are_a_thousand_and_ten(platform):
    taken = platform.deliver("day.csv", listeners(1000), bad=10)
    assert books(taken) == (1010, 1000, 10, 0)
    assert len(platform.rows(f"requests/tenant=acme/dt={DAY}/")) == 1000
    quarantined = platform.rows("quarantine/tenant=acme/")
    assert [line for _, line, _, _ in quarantined] == list(range(1002, 1012))
    assert all(reason for _, _, reason, _ in quarantined)


def test_a_file_delivered_twice_counts_once(platform):
    key = platform.drop("day.csv", a_log(listeners(40)))
    assert books(platform.take(key)) == (40, 40, 0, 0)
    assert books(platform.take(key)) == (40, 0, 0, 40)
    platform.count_due()
    assert platform.card().downloads == 40


def test_a_file_rewritten_during_the_day_replaces_its_rows(platform):
    platform.deliver("day.csv", listeners(40))
    platform.count_due()
    taken = platform.deliver("day.csv", listeners(65))
    assert (taken.stored, taken.replaced) == (65, 40)
    platform.count_due()
    assert (platform.card().downloads, platform.card().requests) == (65, 65)


def bad_lines(platform):
    return len(platform.rows("quarantine/tenant=acme/"))


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=2)], ids=["the same day", "later"])
def test_a_rewritten_file_replaces_its_bad_lines_too(platform, monkeypatch, later):
    fetch = Ingest._fetch

    def arrived_now(self, arrival, path):
        return replace(fetch(self, arrival, path), modified=platform.now)

    monkeypatch.setattr(Ingest, "_fetch", arrived_now)
    found = []
    for good, bad in ((40, 3), (41, 5), (45, 0), (46, 2)):
        platform.now += later
        platform.deliver("day.csv", listeners(good), bad=bad)
        found.append((len(platform.rows("requests/tenant=acme/")), bad_lines(platform)))
    assert found == [(40, 3), (41, 5), (45, 0), (46, 2)]
    platform.deliver("other.csv", listeners(1), bad=1)
    assert bad_lines(platform) == 3


def before_bad_lines_are_written(platform, monkeypatch, happens):
    """Have something happen once, when a run's rows count and its bad lines are about to be put."""
    put = LakeStore.put

    def after_that(lake, path, key):
        if key.startswith("quarantine/"):
            monkeypatch.undo()
            happens()
        return put(lake, path, key)

    monkeypatch.setattr(LakeStore, "put", after_that)


def test_bad_lines_are_there_though_the_run_dies_when_its_rows_count(platform, monkeypatch):
    platform.deliver("day.csv", listeners(4), bad=3)
    key = platform.drop("day.csv", a_log(listeners(5), bad=2))

    def dies():
        raise ServiceUnavailableError("gone")

    before_bad_lines_are_written(platform, monkeypatch, dies)
    with pytest.raises(ServiceUnavailableError):
        platform.take(key)
    for _ in range(2):
        assert books(platform.take(key)) == (5, 0, 0, 5)
        assert bad_lines(platform) == 2


def test_bad_lines_of_a_version_that_was_overtaken_do_not_stay(platform, monkeypatch):
    key = platform.drop("day.csv", a_log(listeners(4), bad=3))
    before_bad_lines_are_written(
        platform, monkeypatch, lambda: platform.deliver("day.csv", listeners(5), bad=1)
    )
    platform.take(key)
    assert bad_lines(platform) == 1
    platform.count_due()
    assert platform.card().downloads == 5


def test_a_run_that_died_is_made_good_though_its_bad_line_is_good_by_now(platform, monkeypatch):
    platform.deliver("day.csv", listeners(2), bad=3)
    ahead = platform.now + timedelta(hours=30)
    key = platform.drop("day.csv", a_log([*listeners(2), a_request(time=ahead)]))

    def dies():
        raise ServiceUnavailableError("gone")

    before_bad_lines_are_written(platform, monkeypatch, dies)
    with pytest.raises(ServiceUnavailableError):
        platform.take(key)
    platform.now += timedelta(hours=12)
    for _ in range(2):
        assert books(platform.take(key)) == (2, 0, 0, 2)
        assert bad_lines(platform) == 0


def test_bad_lines_that_were_written_late_by_a_run_that_died_go(platform, monkeypatch):
    key = platform.drop("day.csv", a_log(listeners(4), bad=3))
    settle = Ledger.settle

    def dies(ledger, source):
        if source.revision == 1:
            raise ServiceUnavailableError("gone")
        return settle(ledger, source)

    def overtaken():
        platform.deliver("day.csv", listeners(5), bad=1)  # another run is through meanwhile
        monkeypatch.setattr(Ledger, "settle", dies)

    before_bad_lines_are_written(platform, monkeypatch, overtaken)
    with pytest.raises(ServiceUnavailableError):
        platform.take(key)
    assert bad_lines(platform) == 4
    monkeypatch.undo()
    assert books(platform.take(key)) == (5, 0, 0, 5)  # told of again, as a queue does
    assert bad_lines(platform) == 1


def test_a_rewritten_file_that_left_a_day_has_that_day_counted_again(platform):
    before = NOON - timedelta(days=1)
    platform.deliver("day.csv", [*listeners(5), *listeners(3, time=before)])
    platform.count_due()
    assert platform.card(before.date()).downloads == 3
    platform.deliver("day.csv", listeners(5))
    platform.count_due()
    assert platform.card(before.date()) is None
    assert platform.card().downloads == 5


def test_an_old_version_never_takes_the_place_of_a_newer_one(platform, monkeypatch):
    key = platform.drop("day.csv", a_log(listeners(40)))
    began = platform.ledger.begin

    def overtaken(tenant, source):
        monkeypatch.undo()
        platform.deliver("day.csv", listeners(65))  # another run is through meanwhile
        return began(tenant, source)

    monkeypatch.setattr(platform.ledger, "begin", overtaken)
    with pytest.raises(FileRewrittenError):
        platform.take(key)
    platform.count_due()
    assert platform.card().downloads == 65


def test_no_address_rests_anywhere(platform):
    address = "203.0.113.77"
    bad = f"not a time,{address},GET,{AUDIO},200,,1,x,\n".encode()
    platform.take(platform.drop("day.csv", a_log([a_request(ip=address)]) + bad))
    platform.count_due()
    lake = platform.objects("")
    assert len(lake) > 5
    assert not [key for key, body in lake.items() if address.encode() in body]
    items = str(platform.metrics.scan()["Items"])
    assert address not in items


def test_lines_older_than_what_is_kept_are_quarantined_not_lost(platform):
    platform.ledger.set_horizon("acme", DAY)
    old = NOON - timedelta(days=3)
    taken = platform.deliver("day.csv", [*listeners(4), *listeners(2, time=old)], bad=1)
    assert books(taken) == (7, 4, 3, 0)
    reasons = [reason for _, _, reason, _ in platform.rows("quarantine/tenant=acme/")]
    assert reasons.count("older than the tenant keeps requests") == 2


@pytest.mark.parametrize("step", ["put", "commit", "mark", "delete"])
def test_intake_killed_at_any_step_counts_every_row_once(platform, monkeypatch, step):
    platform.deliver("day.csv", listeners(3))
    key = platform.drop("day.csv", a_log(listeners(7)))
    broken = {
        "put": (type(platform.lake), "put"),
        "commit": (type(platform.ledger), "commit"),
        "mark": (type(platform.marker), "requests_changed"),
        "delete": (type(platform.lake), "delete"),
    }[step]
    with monkeypatch.context() as patch:
        real = getattr(*broken)

        def dies(*arguments, **named):
            real(*arguments, **named)
            raise ServiceUnavailableError("killed")

        patch.setattr(*broken, dies)
        with pytest.raises(ServiceUnavailableError):
            platform.take(key)
    platform.take(key)
    platform.count_due()
    assert (platform.card().downloads, platform.card().requests) == (7, 7)


# ── counting ──


def test_a_count_adds_up_and_is_told(platform):
    platform.listen()
    rows = [
        *listeners(20),
        *listeners(20, time=NOON + timedelta(minutes=5)),  # the same again
        a_request(ip="192.0.2.1", method="HEAD"),
        a_request(ip="192.0.2.2", user_agent="Googlebot/2.1"),
        a_request(ip="192.0.2.3", status=206, range="bytes=0-1", bytes_sent=2),
    ]
    platform.deliver("day.csv", rows)
    [done] = platform.count_due()
    assert done == {
        "count": 1, "final": False, "requests": 43, "downloads": 20, "listeners": 20, "restated": 0,
    }  # fmt: skip
    card = platform.card()
    assert card.waterfall == {"counted": 20, "repeat": 20, "method": 1, "bot": 1, "two_bytes": 1}
    [event] = platform.told()
    assert (event["downloads"], event["status"], event["restated"]) == (20, "provisional", False)


def test_a_recount_gives_the_same_bytes(platform):
    platform.deliver("day.csv", listeners(50), bad=1)
    platform.count(platform.ref())
    first = platform.objects("downloads/") | platform.objects("waterfall/")
    platform.now += timedelta(hours=1)
    assert platform.count(platform.ref(), force=True)["count"] == 2
    assert platform.objects("downloads/") | platform.objects("waterfall/") == first


def test_shards_agree(platform):
    rows = [
        a_request(ip=f"203.0.113.{n % 90 + 1}", time=NOON + timedelta(seconds=n), user_agent=agent)
        for n in range(150)
        for agent in (PHONE, "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)")
    ]
    platform.deliver("day.csv", rows)
    found = []
    for rows_per_shard in (1000, 75, 19):  # 1, 4 and 16 shards of 300 rows
        platform.set(rows_per_shard=rows_per_shard)
        done = platform.count(platform.ref(), force=True)
        card = platform.card()
        facts = (done["downloads"], done["listeners"], dict(card.waterfall), card.breakdowns)
        found.append((facts, sorted(platform.rows("downloads/"))))
    shards = [len(platform.objects("downloads/"))]
    assert shards == [16]
    assert found[0] == found[1] == found[2]
    assert found[0][0][:2] == (180, 180)


def test_a_day_whose_inputs_are_the_same_is_not_counted_again(platform):
    platform.deliver("day.csv", listeners(5))
    assert platform.count(platform.ref()) is not None
    assert platform.count(platform.ref()) is None
    assert platform.state().version == 1


def test_two_runs_do_not_count_one_day_at_once(platform):
    platform.deliver("day.csv", listeners(5))
    platform.open(platform.ref(), plan="one")
    with pytest.raises(DayBeingCountedError):
        platform.open(platform.ref(), plan="two")
    # The same run, repeated, meets its own lease.
    assert platform.open(platform.ref(), plan="one")["unchanged"] is False


def test_a_run_that_took_too_long_replaces_nothing(platform):
    platform.deliver("day.csv", listeners(5))
    slow = platform.open(platform.ref(), plan="slow")
    for shard in slow["shards"]:
        platform.steps.take(shard)
    platform.now += timedelta(hours=2)
    platform.deliver("day.csv", listeners(9))
    platform.count(platform.ref())
    with pytest.raises(LeaseExpiredError):
        platform.steps.take({"step": "settle", "run": slow["run"]})
    assert platform.card().downloads == 9


def test_a_day_that_could_not_be_counted_is_given_back_and_stays_due(platform):
    platform.deliver("day.csv", listeners(5))
    opened = platform.open(platform.ref())
    platform.steps.take({"step": "give_back", "run": opened["run"], "problem": {"Error": "X"}})
    assert platform.due() == [platform.ref()]
    assert platform.count_due()[0]["downloads"] == 5


def test_a_final_day_whose_recount_failed_is_due_again(platform):
    finalised(platform, listeners(5))
    opened = platform.open(platform.ref(), force=True)
    assert platform.due() == []
    platform.steps.take({"step": "give_back", "run": opened["run"]})
    assert platform.due() == [platform.ref()]


def test_a_count_that_cannot_be_opened_holds_the_day_for_nobody(platform):
    platform.deliver("day.csv", listeners(5))
    with pytest.raises(UnknownRuleSetError):
        platform.open(platform.ref(rules="gone"))
    assert platform.state(rules="gone").lease_id is None


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("step", ["replace", "cards", "put", "settle"])
def test_settling_killed_at_any_step_is_made_good_by_the_next_try(
    platform, monkeypatch, step, after
):
    platform.listen()
    platform.deliver("day.csv", listeners(4))
    platform.count(platform.ref())
    platform.deliver(
        "more.csv", listeners(6, time=NOON + timedelta(hours=1), user_agent="Doughnut/1")
    )
    opened = platform.open(platform.ref())
    for shard in opened["shards"]:
        platform.steps.take(shard)
    settle = {"step": "settle", "run": opened["run"]}
    target = {
        "replace": (platform.lake.__class__, "replace"),
        "cards": ("tallycast.measurement.counting.settling", "replace_day"),
        "put": (platform.bus.__class__, "put"),
        "settle": (platform.days.__class__, "settle"),
    }[step]
    with monkeypatch.context() as patch:
        dying(patch, target, after=after)
        with pytest.raises(ServiceUnavailableError):
            platform.steps.take(settle)
    platform.steps.take(settle)
    assert (platform.card().downloads, platform.state().version) == (10, 2)
    assert len({event["event_id"] for event in platform.told()}) == 2


def dying(patch, target, *, after):
    """Have a call fail, before or after it has done its work."""
    owner, name = target
    if isinstance(owner, str):
        import importlib

        owner = importlib.import_module(owner)
    real = getattr(owner, name)

    def dies(*arguments, **named):
        if after:
            real(*arguments, **named)
        raise ServiceUnavailableError("killed")

    patch.setattr(owner, name, dies)


# ── late data, finality, restatements ──


def test_a_day_is_provisional_for_72_hours_and_then_final(platform):
    platform.deliver("day.csv", listeners(5))
    platform.count_due()
    assert platform.state().state == "provisional"
    assert platform.due(platform.now + timedelta(minutes=59)) == []
    assert platform.due(platform.now + timedelta(minutes=61)) == [platform.ref()]
    platform.now = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
    platform.count_due()
    assert platform.state().state == "provisional"
    platform.now = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    platform.count_due()
    assert (platform.state().state, platform.card().count.status) == ("final", "final")
    assert platform.due() == []


def finalised(platform, rows):
    platform.deliver("day.csv", rows)
    platform.now = datetime(2026, 11, 25, tzinfo=UTC)
    platform.count_due()
    assert platform.state().state == "final"


def test_late_data_restates_a_final_day_and_says_so(platform):
    platform.listen()
    finalised(platform, listeners(5))
    platform.deliver("late.csv", listeners(3, user_agent="Overcast/3.0"))
    [done] = platform.count_due()
    assert (done["downloads"], done["restated"]) == (8, 1)
    [row] = platform.rows("restatements/tenant=acme/")
    _, rules, _, episode, old, new, cause, _ = row
    assert (rules, old, new, cause) == ("iab-2.3", 5, 8, "late data")
    assert episode.startswith("media_")
    assert platform.told()[-1]["causes"] == ["late data"]
    assert platform.state().state == "final"


def test_a_restatement_is_recorded_once_however_often_its_run_is_killed(platform, monkeypatch):
    finalised(platform, listeners(5))
    platform.deliver("late.csv", listeners(3, user_agent="Overcast/3.0"))
    opened = platform.open(platform.ref())
    for shard in opened["shards"]:
        platform.steps.take(shard)
    settle = {"step": "settle", "run": opened["run"]}
    for _ in range(2):
        with monkeypatch.context() as patch:
            dying(patch, (platform.days.__class__, "settle"), after=0)
            with pytest.raises(ServiceUnavailableError):
                platform.steps.take(settle)
    platform.steps.take(settle)
    [row] = platform.rows("restatements/tenant=acme/")
    assert row[4:6] == (5, 8)


def test_new_rules_restate_a_final_day_when_it_is_counted_again(platform):
    finalised(platform, [*listeners(5), a_request(ip="192.0.2.9", user_agent="Googlebot/2.1")])
    own = {"based_on": "iab-2.3", "request_rules": ["method", "not_modified", "status"]}
    platform.set(rules=["mine"], custom_rules={"mine": own})
    platform.count(platform.ref(rules="mine"))
    assert platform.card(rules="mine").downloads == 6
    # Another rule set has numbers of its own: nothing of the first one changed.
    assert platform.card().downloads == 5
    platform.set(rules=["mine"], custom_rules={"mine": {"based_on": "iab-2.3"}})
    done = platform.count(platform.ref(rules="mine"), force=True)
    assert (done["downloads"], done["restated"]) == (5, 1)
    [row] = platform.rows("restatements/tenant=acme/")
    assert row[6] == "new rules"


def test_a_recount_that_changes_nothing_restates_nothing(platform):
    finalised(platform, listeners(5))
    assert platform.count(platform.ref(), force=True)["restated"] == 0
    assert platform.rows("restatements/tenant=acme/") == []


# ── time zones and windows ──


def test_a_day_in_the_shows_zone_takes_requests_of_two_utc_days(platform):
    platform.set(zone="America/New_York")
    evening = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # 22:30 on the 20th in New York
    platform.deliver("day.csv", [*listeners(2), *listeners(3, time=evening, user_agent="Castro 2")])
    platform.count_due()
    # Nobody knows whose show this is: media of no known episode have days in UTC.
    assert platform.card(date(2026, 11, 20)).downloads == 2
    assert platform.card(date(2026, 11, 21)).downloads == 3


def test_every_request_is_in_exactly_one_day(platform):
    platform.set(zone="Asia/Kolkata")
    hours = [NOON + timedelta(hours=n) for n in range(-30, 30)]
    platform.deliver(
        "day.csv",
        [a_request(time=at, ip=f"203.0.113.{n + 1}") for n, at in enumerate(hours)],
    )
    counted = {ref.day: platform.count(ref) for ref in platform.due()}
    assert sum(done["requests"] for done in counted.values()) == 60


def test_a_rolling_window_reaches_back_over_midnight(platform):
    own = {"based_on": "iab-2.3", "window": "rolling"}
    platform.set(rules=["rolling-24"], custom_rules={"rolling-24": own})
    golden = [(16, 22, 0), (17, 3, 0), (17, 22, 15), (18, 23, 15)]  # Monday to Wednesday
    times = [datetime(2026, 11, day, hour, minute, tzinfo=UTC) for day, hour, minute in golden]
    platform.deliver("week.csv", [a_request(time=at) for at in times])
    platform.count_due()
    counted = [
        card.downloads if (card := platform.card(date(2026, 11, day), "rolling-24")) else 0
        for day in (16, 17, 18)
    ]
    assert counted == [1, 1, 1]


def test_listeners_of_a_month_are_distinct(platform):
    for back in (0, 1, 2):
        at = NOON - timedelta(days=back)
        platform.deliver(f"{back}.csv", listeners(10 + back, time=at))
    platform.count_due()
    answer = platform.steps.take(
        {
            "step": "listeners",
            "period": {
                "tenant": "acme", "rules": "iab-2.3", "period": "month", "name": "2026-11",
            },
        }
    )  # fmt: skip
    assert answer["listeners"] > 0
    from tallycast.measurement.rollups.model import Thing

    [month] = platform.reader.listeners(
        Thing("acme", "iab-2.3", "tenant", "acme"), "month", "2026-11", "2026-11"
    )
    assert month.listeners == 12


def test_two_tenants_never_meet(platform):
    platform.deliver("day.csv", listeners(4))
    platform.take(platform.drop("day.csv", a_log(listeners(9)), prefix="logs/other/cdn"))
    platform.count_due()
    assert platform.card().downloads == 4
    assert platform.card(tenant="other").downloads == 9
