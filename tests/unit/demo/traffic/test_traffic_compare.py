from datetime import date

import duckdb
import pytest

from tallycast.demo.traffic.compare import (
    Difference,
    Measured,
    Truth,
    compare,
    read_measured,
    read_truth,
)
from tallycast.demo.traffic.verdicts import expected_rule
from tallycast.measurement import engine
from tallycast.measurement.agents import built_in
from tallycast.measurement.rulesets import IAB, rule_set

MONDAY, TUESDAY = date(2026, 9, 21), date(2026, 9, 22)


def a_truth():
    persons = {("log", "ep_1", MONDAY): 110, ("log", "ep_1", TUESDAY): 50}
    visible = {("log", "ep_1", MONDAY): 100, ("log", "ep_2", TUESDAY): 100}
    visible |= {("prefix", "ep_3", MONDAY): 7}
    return Truth(
        {"show": persons, "utc": {}},
        {"show": visible, "utc": {}},
        {("log", "bot", "audio"): 5, ("log", "person", "download"): 200, ("log", "vpn", "head"): 2},
    )


def test_errors_are_in_per_cent_of_the_truth_and_sources_are_never_mixed():
    measured = Measured(
        "mine",
        "show",
        {("log", "ep_1", MONDAY): 102, ("log", "ep_2", TUESDAY): 99, ("prefix", "ep_3", MONDAY): 9},
    )
    report = compare(measured, a_truth())
    assert report.visible == Difference("downloads", 201, 200)
    assert report.visible.percent == pytest.approx(0.5)
    assert report.persons.percent == pytest.approx(25.625)
    assert report.misplaced == pytest.approx(1.5)
    assert report.worst_episodes == (Difference("ep_1", 102, 100), Difference("ep_2", 99, 100))
    assert report.worst_days[0] == Difference("2026-09-21", 102, 100)
    assert compare(measured, a_truth(), source="prefix").visible == Difference("downloads", 9, 7)


def test_errors_that_cancel_out_show_as_misplaced():
    wrong_days = {("log", "ep_1", TUESDAY): 100, ("log", "ep_2", MONDAY): 100}
    report = compare(Measured("mine", "show", wrong_days), a_truth())
    assert report.visible.percent == 0
    assert report.misplaced == 200


def test_waterfalls_stand_side_by_side_by_rule():
    measured = Measured("iab-2.3", "show", {}, {("log", "bot"): 4, ("log", "counted"): 200})
    assert compare(measured, a_truth()).waterfall == (
        Difference("counted", 200, 200),
        Difference("bot", 4, 5),
        Difference("method", 0, 2),
    )


def test_every_true_reason_has_a_rule_of_iab(towns):
    for who, what in towns.totals.waterfall:
        assert expected_rule(who, what) in IAB.verdicts


def test_files_of_a_count_are_summed_up(tmp_path):
    folder = tmp_path / "dt=2026-09-21"
    folder.mkdir()
    with duckdb.connect() as writer:
        writer.execute(
            "COPY (SELECT 'log' AS source, 'ep_1' AS episode_id FROM range(3)) "  # noqa: S608 - our own files
            f"TO '{folder}/downloads.parquet'"
        )
        writer.execute(
            "COPY (SELECT 'log' AS source, 'bot' AS rule, 2 AS requests FROM range(2)) "  # noqa: S608 - our own files
            f"TO '{folder}/waterfall.parquet'"
        )
    measured = read_measured(
        "odl", "utc", f"{tmp_path}/*/downloads.parquet", f"{tmp_path}/*/waterfall.parquet"
    )
    assert measured.downloads == {("log", "ep_1", MONDAY): 3}
    assert measured.waterfall == {("log", "bot"): 4}


class Agents:
    """The built-in list, as the engine asks it."""

    def classify(self, user_agents):
        return [each[1:] for each in built_in().classify([text or "" for text in user_agents])]


def counted(folder, name):
    rules = rule_set(name)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "CREATE VIEW requests AS SELECT * EXCLUDE (dt) "  # noqa: S608 - our own files
            f"FROM '{folder / 'requests' / '*' / '*.parquet'}'"
        )
        connection.execute(f"CREATE VIEW episodes AS FROM '{folder / 'episodes.parquet'}'")
        result = engine.count(connection, rules, Agents())
        downloads = connection.execute(
            "SELECT source, episode_id, day, count(*) FROM counted_downloads GROUP BY ALL"
        ).fetchall()
        waterfall = {}
        for _, _, _, source, rule, requests in result.waterfall():
            waterfall[source, rule] = waterfall.get((source, rule), 0) + requests
    return Measured(name, rules.zone, {row[:3]: row[3] for row in downloads}, waterfall)


@pytest.fixture(scope="module")
def reports(towns):
    truth = read_truth(towns.folder)
    return {
        (name, source): compare(counted(towns.folder, name), truth, source=source)
        for name in ("iab-2.3", "op3", "odl")
        for source in ("log", "prefix")
    }


def test_iab_is_within_half_a_per_cent_of_the_visible_truth(reports):
    for source in ("log", "prefix"):
        report = reports["iab-2.3", source]
        assert report.visible.true > 10_000 if source == "log" else report.visible.true > 5_000
        assert abs(report.visible.percent) < 0.5
        assert report.misplaced < 0.5


def test_iab_drops_each_request_for_its_true_reason(reports):
    """Except scrapers: midnight in one show's zone may cut a spike in two of ordinary size."""
    for source in ("log", "prefix"):
        spike = {"volume", "counted"}
        wrong = [
            each
            for each in reports["iab-2.3", source].waterfall
            if each.measured != each.true and each.what not in spike
        ]
        assert wrong == []


def test_rules_without_a_minute_count_more_than_people_got(reports):
    for name in ("op3", "odl"):
        assert 5 < reports[name, "log"].persons.percent < 40


def test_where_no_bytes_are_seen_every_rule_set_counts_too_much(reports):
    assert all(reports[name, "prefix"].persons.percent > 5 for name in ("iab-2.3", "op3", "odl"))
