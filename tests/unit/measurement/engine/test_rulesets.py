"""Rule sets: the built-in ones, a tenant's own, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.explain import REASONS
from tallycast.measurement.rulesets import (
    BUILT_IN,
    IAB,
    REQUEST_RULES,
    InvalidRuleSetError,
    RuleSet,
    UnknownRuleSetError,
    own_rule_set,
    rule_set,
)
from tests.support.counting import MONDAY, a_part, a_request, downloads_of
from tests.support.shared import ROOT


def test_the_default_is_iab_2_3_by_calendar_days_of_the_show():
    assert rule_set() is IAB
    assert (IAB.name, IAB.window, IAB.zone, IAB.threshold) == (
        "iab-2.3",
        "calendar",
        "show",
        "one_minute",
    )


def test_another_window_keeps_the_name_and_changes_the_digest():
    rolling = rule_set("iab-2.3", window="rolling")
    assert (rolling.name, rolling.window) == ("iab-2.3", "rolling")
    assert rolling.digest != IAB.digest
    assert rule_set("iab-2.3", window="calendar").digest == IAB.digest


def test_digests_are_of_the_content():
    assert len({rules.digest for rules in BUILT_IN.values()}) == 3
    assert RuleSet.model_validate(IAB.model_dump()).digest == IAB.digest
    assert RuleSet.model_validate_json(IAB.model_dump_json()) == IAB
    assert IAB.model_copy(update={"version": 2}).digest != IAB.digest


def test_a_rule_set_of_ones_own_starts_from_another():
    mine = own_rule_set({"name": "strict", "based_on": "iab-2.3", "window": "rolling",
                         "most_episodes_per_ip": 5, "safe_ips": [{"ip_hash": "x", "validated": "2026-11-01"}]})  # fmt: skip
    assert mine.request_rules == IAB.request_rules
    assert (mine.window, mine.most_episodes_per_ip) == ("rolling", 5)
    rows = [a_request(MONDAY, media=f"{n}.mp3") for n in range(6)]
    assert downloads_of(mine, rows) == 0
    assert downloads_of(rule_set(), rows) == 6


def test_a_minute_may_be_waived_where_nothing_preloads():
    mine = own_rule_set({"name": "no-preload", "threshold": "none"})
    assert downloads_of(mine, [a_part(0, 99)]) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"window": "rolling"}, "name"),
        ({"name": "iab-2.3"}, "of its own"),
        ({"name": "x", "window": "weekly"}, "window"),
        ({"name": "x", "request_rules": ["method", "moon"]}, "'moon'"),
        ({"name": "x", "request_rules": ["method", "method"]}, "twice"),
        ({"name": "x", "most_episodes_per_ip": 0}, "most_episodes_per_ip"),
        ({"name": "x", "most_requests_per_ip": 10**45}, "most_requests_per_ip"),
        ({"name": "x", "assumed_bitrate_bps": 10**18}, "assumed_bitrate_bps"),
        ({"name": "x", "bad_referrers": [""]}, "bad_referrers"),
        ({"name": "x", "bad_referrers": ["."]}, "bad_referrers"),
        ({"name": "x", "bad_referrers": ["https://spam.example/"]}, "no host"),
        ({"name": "x", "bad_referrers": ["a'); DROP TABLE requests; --"]}, "no host"),
        ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "x'; DROP TABLE requests"}, "name"),
        ({"name": 7}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": {"a": 1}}, "name"),
        ({"name": "x", "safe_ips": [{"ip_hash": "a"}]}, "safe_ips.0.validated"),
    ],
)
def test_what_is_no_rule_set_is_refused_by_the_field(document, said):
    with pytest.raises(InvalidRuleSetError) as caught:
        own_rule_set(document)
    assert said in caught.value.message


def test_an_unknown_base_is_named():
    with pytest.raises(UnknownRuleSetError, match=r"'iab-9'.*iab-2\.3, op3, odl"):
        own_rule_set({"name": "x", "based_on": "iab-9"})


@pytest.mark.parametrize("name", ["", "IAB", None, 3])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(UnknownRuleSetError):
        rule_set(name)


@given(st.dictionaries(st.sampled_from([*RuleSet.model_fields, "based_on", "x"]),
                       st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)))  # fmt: skip
def test_any_document_gives_a_rule_set_or_a_clear_error(document):
    try:
        rules = own_rule_set(document)
    except (InvalidRuleSetError, UnknownRuleSetError):
        return
    assert rules.name == document["name"]


def test_every_verdict_has_a_reason_an_auditor_can_read():
    every = {verdict for rules in BUILT_IN.values() for verdict in rules.verdicts}
    assert every | set(REQUEST_RULES) <= REASONS.keys()


@pytest.mark.parametrize(
    "host", ["spam.example", "www.Spam.example", "spam.example.", "bücher.example", "हिन्दी.भारत", "192.0.2.7"]
)  # fmt: skip
def test_hosts_of_bad_referrers_may_be_anybodys(host):
    mine = own_rule_set({"name": "x", "bad_referrers": [host]})
    rows = [a_request(MONDAY, referrer=f"https://{host.removesuffix('.').lower()}/page")]
    assert downloads_of(mine, rows) == 0
    assert downloads_of(mine, [a_request(MONDAY, referrer="https://other.example/")]) == 1
    assert downloads_of(mine, [a_request(MONDAY, referrer="android-app")]) == 1


def test_hostile_parameters_reach_no_query():
    mine = own_rule_set({
        "name": "x", "exempt_networks": ["'"],
        "safe_ips": [{"ip_hash": "' OR TRUE --", "validated": "2026-11-09"}],
    })  # fmt: skip
    rows = [a_request(MONDAY, media=f"{n}.mp3", referrer="https://p.example/") for n in range(61)]
    assert downloads_of(mine, rows) == 0


def test_every_verdict_and_every_setting_is_described():
    page = (ROOT / "docs" / "counting.md").read_text()
    names = {verdict for rules in BUILT_IN.values() for verdict in rules.verdicts}
    settings = set(RuleSet.model_fields) - {"name", "version"}
    assert {
        name for name in names | set(REQUEST_RULES) | settings if f"`{name}`" not in page
    } == set()
