"""The engine and an independent count, request by request, agree on whatever comes."""

from collections import Counter

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.counting import a_count, naive_count
from tests.unit.measurement.engine.strategies import EPISODES, RULES, requests

# Each example is a whole count: one that fails is shown as it is, not made smaller.
calm = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
names = [f"{rules.name}-{rules.window}" for rules in RULES]
each_rule_set = pytest.mark.parametrize("rules", RULES, ids=names)
CON = duckdb.connect(config={"threads": 1})


def by_rule(found):
    """The engine's waterfall as (day, episode, rule) → requests."""
    total = Counter()
    for day, _, episode, _, rule, requests_ in found.waterfall():
        total[day, episode, rule] += requests_
    return total


@each_rule_set
@given(rows=requests())
@calm
def test_every_request_meets_the_same_verdict_as_in_the_naive_count(rules, rows):
    naive = naive_count(rules, rows, EPISODES)
    found = a_count(rules, rows, EPISODES, con=CON)
    assert {(f, line): rule for f, line, _, rule in found.verdicts()} == naive.verdicts
    assert {(f, line): day for f, line, day, _ in found.verdicts()} == naive.days
    assert by_rule(found) == naive.waterfall()
    assert len(found.downloads()) == naive.downloads
