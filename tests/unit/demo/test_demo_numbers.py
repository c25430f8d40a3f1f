"""The platform's numbers against the truth: what is right, what is allowed, what is not."""

from __future__ import annotations

from datetime import date

import pytest

from infra.demo.figures import percent, sparkline
from infra.demo.numbers import Verdict, measured
from tallycast.demo.traffic.compare import Difference, Measured, Truth, compare

MONDAY, TUESDAY = date(2026, 11, 2), date(2026, 11, 3)
DOWNLOADS = {("ep_1", MONDAY): 600, ("ep_2", MONDAY): 300, ("ep_2", TUESDAY): 100}
WHO = {
    ("person", "download"): 1000,
    ("person", "repeat"): 400,
    ("person", "replay"): 20,
    ("bot", "audio"): 50,
    ("bad_referrer", "audio"): 8,
    ("scraper", "audio"): 87,
}
RULES = {
    "counted": 1000, "repeat": 400, "delivered_twice": 20, "bot": 50, "bad_referrer": 8,
    "volume": 87,
}  # fmt: skip


def a_verdict(downloads=None, rules=None, source="log"):
    """The verdict on a count that differs from the truth as given."""
    truth = Truth(
        {"show": {}, "utc": {}},
        {"show": {(source, *key): n for key, n in DOWNLOADS.items()}, "utc": {}},
        {(source, *key): n for key, n in WHO.items()},
    )
    said = {(source, *key): n for key, n in (DOWNLOADS | (downloads or {})).items()}
    dropped = {(source, rule): n for rule, n in (RULES | (rules or {})).items()}
    return Verdict(compare(Measured("iab-2.3", "show", said, dropped), truth, source=source))


@pytest.mark.parametrize("source", ["log", "prefix"])
def test_the_truth_agrees_with_itself(source):
    verdict = a_verdict(source=source)
    assert verdict.downloads_agree
    assert verdict.waterfall_agrees
    assert verdict.unseen == 0


def test_bad_referrers_that_a_log_hides_may_be_counted():
    hidden = a_verdict({("ep_1", MONDAY): 603}, {"counted": 1003, "repeat": 401, "bad_referrer": 4})
    assert hidden.unseen == 4
    assert hidden.downloads_agree
    assert hidden.waterfall_agrees


def test_a_prefix_hides_no_referrer():
    verdict = a_verdict(
        {("ep_1", MONDAY): 603}, {"counted": 1003, "repeat": 401, "bad_referrer": 4}, "prefix"
    )
    assert not verdict.downloads_agree
    assert not verdict.waterfall_agrees


def test_a_replay_without_an_id_is_a_repetition_and_no_download():
    verdict = a_verdict(rules={"delivered_twice": 3, "repeat": 417})
    assert verdict.downloads_agree
    assert verdict.waterfall_agrees
    assert not a_verdict(
        {("ep_1", MONDAY): 601}, {"delivered_twice": 19, "counted": 1001}
    ).downloads_agree


def test_a_scrapers_replay_without_an_id_is_one_more_of_its_requests():
    verdict = a_verdict(rules={"delivered_twice": 19, "volume": 88}, source="prefix")
    assert verdict.downloads_agree
    assert verdict.waterfall_agrees
    assert not a_verdict(
        rules={"delivered_twice": 19, "volume": 89, "repeat": 399}
    ).waterfall_agrees


@pytest.mark.parametrize(
    "downloads",
    [
        {("ep_1", MONDAY): 601},
        {("ep_1", MONDAY): 599},
        {("ep_1", MONDAY): 599, ("ep_2", MONDAY): 301},
        {("ep_2", MONDAY): 299, ("ep_2", TUESDAY): 101},
        {("ep_3", TUESDAY): 1},
    ],
    ids=["one too many", "one too few", "another episode", "another day", "an unknown episode"],
)
def test_a_single_download_out_of_place_is_no_agreement(downloads):
    assert not a_verdict(downloads).downloads_agree


def test_a_whole_scraper_that_was_not_seen_is_too_much():
    verdict = a_verdict({("ep_1", MONDAY): 687}, {"volume": 0, "counted": 1087})
    assert verdict.unseen == 87
    assert not verdict.downloads_agree


@pytest.mark.parametrize(
    "rules",
    [
        {"bot": 49, "repeat": 401},
        {"bot": 51, "repeat": 399},
        {"repeat": 399},
        {"volume": 88, "repeat": 399},
        {"delivered_twice": 21, "repeat": 399},
        {"vpn": 1, "repeat": 399},
    ],
    ids=["missed", "dropped", "lost", "too loud", "not a replay", "a rule of its own"],
)
def test_a_request_at_another_verdict_is_no_agreement(rules):
    assert not a_verdict(rules=rules).waterfall_agrees


def test_cards_of_shows_make_one_count():
    def card(day, episodes, waterfall):
        return {"day": day, "episodes": {"values": episodes}, "waterfall": waterfall}

    found = measured(
        "iab-2.3",
        [
            ("log", card("2026-11-02", {"ep_1": 2, "ep_2": 1}, {"counted": 3, "bot": 1})),
            ("log", card("2026-11-03", {"ep_1": 4}, {"counted": 4})),
            ("prefix", card("2026-11-03", {"ep_9": 5}, {"counted": 5})),
        ],
    )
    assert found.calendar == "show"
    assert found.downloads == {
        ("log", "ep_1", MONDAY): 2, ("log", "ep_2", MONDAY): 1, ("log", "ep_1", TUESDAY): 4,
        ("prefix", "ep_9", TUESDAY): 5,
    }  # fmt: skip
    assert found.waterfall == {("log", "counted"): 7, ("log", "bot"): 1, ("prefix", "counted"): 5}


@pytest.mark.parametrize(
    ("numbers", "drawn"),
    [([], ""), ([0, 0], "··"), ([1], "█"), ([0, 1, 4, 8], "·▂▅█"), ([1, 1000], "▁█")],
)
def test_a_sparkline_is_as_high_as_its_numbers(numbers, drawn):
    assert sparkline(numbers) == drawn


def test_an_error_without_a_truth_is_no_number():
    assert percent(Difference("", 101, 100)) == "+1.00 %"
    assert percent(Difference("", 5, 0)) == "-"
