"""One real day of requests with a stated answer, under three rule sets, row by row."""

import csv
from collections import Counter
from datetime import date, datetime

import duckdb
import pytest

from tallycast.feeds.identity import enclosure_key
from tallycast.measurement.agents import load_folder
from tallycast.measurement.engine import count
from tallycast.measurement.model import EPISODES, REQUESTS
from tallycast.measurement.rulesets import rule_set
from tests.support.counting import a_request, a_table
from tests.support.shared import FIXTURES

LOG = FIXTURES / "logs" / "download-requests-2022-09-20.csv"
LISTS = FIXTURES / "user-agents"
pytestmark = pytest.mark.skipif(
    not (LOG.is_file() and LISTS.is_dir()),
    reason="the real day is not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)


def media_of(address):
    """`/track/<id>/https://host/path` → `host/path`."""
    behind = address.removeprefix("/track/").partition("/")[2]
    return enclosure_key(behind)


def the_day():
    rows = []
    with LOG.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            start, end = row["byte_range_start"], row["byte_range_end"]
            rows.append(
                a_request(
                    datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None),
                    source="prefix",
                    line=line,
                    media=media_of(row["episode_id"]),
                    method=row["http_method"],
                    status=None,
                    bytes_sent=None,
                    range_start=int(start) if start else None,
                    range_end=int(end) if end else None,
                    ip_hash=row["encoded_ip"],
                    ip_hash_previous=None,
                    network="unknown",
                    user_agent=row["user_agent"],
                )
            )
    return rows


@pytest.fixture(scope="module")
def counted():
    con, agents, rows = duckdb.connect(), load_folder(LISTS), the_day()
    a_table(con, "requests", REQUESTS, rows)
    a_table(con, "episodes", EPISODES, [])

    def by(name, **how):
        return count(con, rule_set(name), agents, **how)

    return by


def dropped(document):
    return {step["rule"]: step["dropped"] for step in document["waterfall"]}


def test_under_odl_the_day_has_270_downloads(counted):
    document = counted("odl").document()
    assert (document["requests"], document["downloads"]) == (606, 270)
    assert dropped(document) == {"bot": 10, "ends_at_one": 51, "repeat": 275}
    assert len(document["by_episode"]) == 37


def test_before_its_rule_on_ranges_odl_has_300_groups(counted):
    counted("odl")
    rows = the_day()
    verdicts = {line: rule for _, line, _, rule in counted("odl").verdicts()}
    people = [row for row in rows if verdicts[row["line"]] != "bot"]
    assert len({(row["ip_hash"], row["user_agent"], row["media"]) for row in people}) == 300


def test_under_iab_2_3_it_has_269_because_one_library_is_a_robot(counted):
    document = counted("iab-2.3").document()
    assert document["downloads"] == 269
    assert dropped(document) == {"two_bytes": 51, "bot": 11, "repeat": 275}
    verdicts = {
        name: {line: rule for _, line, _, rule in counted(name).verdicts()}
        for name in ("odl", "iab-2.3")
    }
    agents = {row["line"]: row["user_agent"] for row in the_day()}
    apart = {
        (agents[line], verdicts["odl"][line], rule)
        for line, rule in verdicts["iab-2.3"].items()
        if (rule == "counted") != (verdicts["odl"][line] == "counted")
    }
    assert apart == {("okhttp/3.12.12", "counted", "bot")}


def test_under_op3_it_has_299_because_30_listeners_only_probed(counted):
    document = counted("op3").document()
    assert document["downloads"] == 299
    assert dropped(document) == {"bot": 11, "probe_replaced": 9, "repeat": 287}
    counted_by = {
        name: {line for _, line, _, rule in counted(name).verdicts() if rule == "counted"}
        for name in ("op3", "iab-2.3")
    }
    probes = {row["line"] for row in the_day() if row["range_end"] == 1}
    assert len(probes) == 51
    assert len(counted_by["op3"] & probes) == 30
    assert counted_by["op3"] - probes == counted_by["iab-2.3"]


def test_nothing_is_lost_on_the_way(counted):
    for name in ("iab-2.3", "op3", "odl"):
        rules = Counter(rule for *_, rule in counted(name).verdicts())
        assert sum(rules.values()) == 606
        assert counted(name, day=date(2022, 9, 20)).document()["downloads"] == rules["counted"]
        assert counted(name, day=date(2022, 9, 21)).document()["requests"] == 0
