"""A whole table: its distinct agents are classified once and joined in DuckDB."""

import duckdb
import pytest

from tallycast.measurement.agents.tables import add_agents, add_referrers
from tallycast.measurement.model import AGENTS
from tests.unit.measurement.agents.agent_bundles import a_list


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        yield opened


def with_requests(connection, *rows):
    connection.execute("CREATE TABLE requests (user_agent VARCHAR, referrer VARCHAR)")
    connection.executemany("INSERT INTO requests VALUES (?, ?)", rows)


def test_every_distinct_agent_is_there_once_and_nothing_is_lost_in_the_join(connection):
    agents = ["BadBot", "GoodApp Phone", "BadBot", "", None, "lib/1", "é播\0x", "some\0", "who"]
    with_requests(connection, *[(agent, None) for agent in agents])
    assert add_agents(connection, a_list()) == 7
    described = connection.sql("SELECT column_name, column_type FROM (DESCRIBE agents)").fetchall()
    assert dict(described) == AGENTS
    joined = connection.sql(
        "SELECT kind, is_bot, count(*) FROM requests JOIN agents "
        "ON coalesce(requests.user_agent, '') = agents.user_agent GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert joined == [
        ("app", False, 1),
        ("blank", False, 2),
        ("bot", True, 2),
        ("library", True, 1),
        ("malformed", False, 2),
        ("unknown", False, 1),
    ]
    [row] = connection.sql("FROM agents WHERE name = 'GoodApp'").fetchall()
    assert row == ("GoodApp Phone", "app", "GoodApp", "Phone", "mobile", False, False)


def test_an_answer_from_the_table_is_the_answer_of_the_list(connection):
    texts = [f"{word} {n} Phone" for n in range(300) for word in ("BadBot", "GoodApp", "lib", "-")]
    with_requests(connection, *[(text, None) for text in texts])
    known = a_list()
    add_agents(connection, known)
    assert sorted(connection.sql("FROM agents").fetchall()) == sorted(
        map(tuple, known.classify(texts))
    )


def test_agents_are_taken_in_batches_and_none_falls_between(connection, monkeypatch):
    monkeypatch.setattr("tallycast.measurement.agents.tables.BATCH", 7)
    connection.execute(
        "CREATE TABLE requests AS SELECT 'GoodApp ' || (i % 50) AS user_agent FROM range(500) t(i)"
    )
    assert add_agents(connection, a_list()) == 50
    assert connection.sql("SELECT count(*), count(DISTINCT user_agent) FROM agents").fetchall() == [
        (50, 50)
    ]


def test_a_view_will_do_and_a_second_time_replaces_the_first(connection):
    with_requests(connection, ("BadBot", None))
    connection.execute("CREATE VIEW today AS FROM requests")
    assert add_agents(connection, a_list(), requests="today", into="known") == 1
    connection.execute("INSERT INTO requests VALUES ('GoodApp', NULL)")
    assert add_agents(connection, a_list(), requests="today", into="known") == 2
    assert connection.sql("SELECT count(*) FROM known").fetchall() == [(2,)]


def test_no_requests_make_an_empty_table(connection):
    with_requests(connection, ("x", "y"))
    connection.execute("DELETE FROM requests")
    assert add_agents(connection, a_list()) == 0
    assert add_referrers(connection, a_list()) == 0
    assert connection.sql("FROM agents").fetchall() == []


def test_referrers_that_are_known_by_name_are_there_once(connection):
    web = "https://player.example/1"
    with_requests(connection, ("a", web), ("b", web), ("c", "https://else.example/"), ("d", None))
    assert add_referrers(connection, a_list()) == 1
    assert connection.sql("FROM referrers").fetchall() == [(web, "Player")]
