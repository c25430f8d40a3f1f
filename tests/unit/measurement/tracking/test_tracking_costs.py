"""The cost model says what the documents say, and what it is made of."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from infra import costs
from tests.support.template import ROOT

PRICES = costs.prices()
LOAD = costs.Load()


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_prices_say_where_and_when_they_were_known():
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d", PRICES["region"])
    assert re.fullmatch(r"20\d\d-\d\d", PRICES["as_known"])
    assert "erify" in PRICES["note"]


def test_the_page_on_tracking_says_what_the_model_says():
    whole = costs.whole_way(LOAD, PRICES)
    front, _, line, platform, *rest = whole.values()
    lookups = whole["look-ups"]
    text = page("tracking.md")
    for said in (front, line, platform, sum(rest) + lookups, sum(whole.values())):
        assert f"{said:.2f}" in text


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        *(("0019-recording-a-hit.md", each) for each in costs.recordings(LOAD, PRICES).values()),
        *(("0020-who-answers-the-prefix.md", each) for each in costs.fronts(LOAD, PRICES).values()),
    ],
)
def test_the_decisions_say_what_the_model_says(name, dollars):
    assert f" {dollars:.2f} |" in page(f"adr/{name}")


def test_a_line_costs_by_its_size_and_a_call_by_the_wait():
    before, longer = (
        costs.recordings(load, PRICES) for load in (LOAD, replace(LOAD, line_bytes=2000))
    )
    line, call = "log line, subscription to Firehose", "put_record to Firehose"
    assert longer[line] > 2 * before[line]
    assert longer[call] == before[call]
    slower = costs.recordings(replace(LOAD, wait_ms=16), PRICES)
    waited = 1_000_000 * 0.008 * LOAD.memory_gb * PRICES["lambda"]["per_gb_second"]
    assert slower[call] - before[call] == pytest.approx(waited)
    assert slower[line] == before[line]


def test_a_table_adds_up():
    text = costs.table("x", {"a": 1.0, "b": 0.5}, total=True)
    assert text.splitlines()[2:] == [
        "| a | 1.000 |",
        "| b | 0.500 |",
        "| **together** | **1.500** |",
    ]
