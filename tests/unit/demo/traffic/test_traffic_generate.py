import hashlib

import duckdb
import pytest

from tallycast.demo.traffic import habits
from tallycast.demo.traffic.generate import BadPlanError, FolderInUseError, Plan, generate
from tallycast.measurement.model import EPISODES, REQUESTS
from tests.unit.demo.traffic.sets import SMALL, TOWNS

ROWS = "requests/*/*.parquet"


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def digests_of_truth(folder):
    return {name: digest for name, digest in digests(folder).items() if name.startswith("truth")}


def the(query, folder, **names):
    """The rows of a query over `FROM rows`, `FROM downloads` and `FROM waterfall`."""
    with duckdb.connect() as reader:
        for name, path in (
            ("rows", ROWS),
            ("downloads", "truth/downloads.parquet"),
            ("waterfall", "truth/waterfall.parquet"),
            ("listeners", "truth/listeners.parquet"),
            ("episodes", "episodes.parquet"),
        ):
            if any(folder.glob(path)):
                reader.execute(f"CREATE VIEW {name} AS FROM '{folder / path}'")
        return reader.execute(query, names).fetchall()


def everything_but_its_place(folder):
    """All rows in an order of their own, without the file and the line they lie in."""
    return the("SELECT * EXCLUDE (file_id, line, dt) FROM rows ORDER BY ALL", folder)


def test_the_same_plan_gives_the_same_bytes_whatever_threads_and_memory(small, tmp_path):
    plan = Plan(**SMALL, threads=1, memory_mb=200)
    assert digests(generate(plan, tmp_path / "again").folder) == digests(small.folder)


def test_another_seed_gives_other_requests(small, tmp_path):
    other = generate(Plan(**SMALL, seed=8), tmp_path / "other")
    first = {row[0] for row in the("SELECT DISTINCT request_id FROM rows", small.folder)}
    assert not first & {row[0] for row in the("SELECT DISTINCT request_id FROM rows", other.folder)}


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def chunked(tmp_path_factory, told):
    """The set `towns` again, town by town."""
    return generate(
        Plan(**TOWNS, chunk_rows=1),
        tmp_path_factory.mktemp("chunked"),
        progress=lambda done, wanted: told.append((done, wanted)),
    )


def test_chunks_change_neither_the_rows_nor_the_truth(towns, chunked):
    assert chunked.files > 2 * towns.files
    assert everything_but_its_place(chunked.folder) == everything_but_its_place(towns.folder)
    assert digests_of_truth(chunked.folder) == digests_of_truth(towns.folder)


def test_progress_ends_at_the_rows_written(chunked, told):
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == (chunked.totals.requests, TOWNS["rows"])


def test_a_smaller_set_is_a_part_of_a_larger_one(towns, tmp_path):
    less = generate(Plan(**TOWNS | {"rows": 20_000}), tmp_path / "less")
    known = {row[0] for row in the("SELECT request_id FROM rows", towns.folder)}
    assert {row[0] for row in the("SELECT request_id FROM rows", less.folder)} <= known


@pytest.mark.parametrize(("rows", "within"), [(1_000, 0.3), (10_000, 0.03), (300_000, 0.02)])
def test_the_number_of_rows_is_about_what_was_asked_for(rows, within, tmp_path):
    made = generate(Plan(rows=rows, days=5), tmp_path / "sized")
    assert made.totals.requests == pytest.approx(rows, rel=within)
    assert the("SELECT count(*) FROM rows", made.folder) == [(made.totals.requests,)]


def test_every_request_has_one_true_reason_by_episode(small):
    rows = the("SELECT source, media, count(*) FROM rows GROUP BY ALL ORDER BY ALL", small.folder)
    assert sum(row[2] for row in rows) == small.totals.requests
    reasons = the(
        "SELECT source, show_id, episode_id, sum(requests)::BIGINT FROM waterfall "
        "GROUP BY ALL ORDER BY ALL",
        small.folder,
    )
    assert sorted(row[2] for row in rows) == sorted(row[3] for row in reasons)


def test_every_visible_download_is_one_request_of_the_waterfall(small):
    by_day = (
        "SELECT source, episode_id, dt, sum(number)::BIGINT AS number FROM ({}) "
        "GROUP BY ALL ORDER BY ALL"
    )
    visible = by_day.format(
        "SELECT *, downloads AS number FROM downloads WHERE kind = 'visible' AND calendar = 'show'"
    )
    counted = by_day.format("SELECT *, requests AS number FROM waterfall WHERE what = 'download'")
    assert the(visible, small.folder) == the(counted, small.folder) != []


def test_rows_and_episodes_have_the_columns_of_the_contract(small):
    rows = the("SELECT column_name, column_type FROM (DESCRIBE FROM rows)", small.folder)
    assert {name: kind for name, kind in rows if name != "dt"} == REQUESTS
    episodes = the("SELECT column_name, column_type FROM (DESCRIBE FROM episodes)", small.folder)
    assert dict(episodes) == EPISODES


def test_rows_lie_under_their_utc_day_and_are_numbered_in_order_of_time(small):
    assert the("SELECT count(*) FROM rows WHERE time::DATE <> dt", small.folder) == [(0,)]
    assert the(
        "SELECT count(*) FROM (SELECT line, row_number() OVER (PARTITION BY file_id "
        "ORDER BY line) AS nth, time, lag(time) OVER (PARTITION BY file_id ORDER BY line) AS "
        "before FROM rows) WHERE line <> nth OR time < before",
        small.folder,
    ) == [(0,)]


def test_each_kind_of_noise_and_each_habit_is_in_a_small_set(small):
    who = {who for who, _ in small.totals.waterfall}
    what = {what for _, what in small.totals.waterfall}
    assert who == {
        "person", "bot", "data_centre", "vpn", "scraper", "watch", "blank_agent", "bad_agent",
        "bad_referrer",
    }  # fmt: skip
    assert what == {
        "download", "repeat", "short", "preload", "replay", "probe", "head", "not_modified",
        "error", "audio",
    }  # fmt: skip
    shapes = {
        "no range": "range_start IS NULL AND status = 200 AND method = 'GET'",
        "closed": "range_start >= 0 AND range_end > range_start + 1",
        "open": "range_start >= 0 AND range_end IS NULL",
        "suffix": "range_start = -128",
        "several": "more_ranges <> ''",
        "probe": "range_start = 0 AND range_end = 1",
        "redirected": "source = 'prefix' AND status = 302 AND bytes_sent IS NULL",
        "unknown media": "show_id = ''",
        "blank": "trim(user_agent, '-') = ''",
        "session": "session <> ''",
        "referrer": "referrer LIKE 'https://%'",
    }
    for name, condition in shapes.items():
        query = f"SELECT count(*) > 0 FROM rows WHERE {condition}"  # noqa: S608 - our own text
        assert the(query, small.folder) == [(True,)], name
    assert the("SELECT array_agg(DISTINCT network ORDER BY network) FROM rows", small.folder) == [
        (["cellular", "commercial", "data_centre", "household", "relay", "vpn"],)
    ]


def test_a_scraper_takes_its_files_in_fourteen_minutes_from_one_address(towns):
    # No other address asks for as many files in a day.
    [(files, requests, seconds)] = the(
        "SELECT count(DISTINCT media), count(DISTINCT request_id), "
        "date_diff('second', min(time), max(time)) FROM rows "
        "WHERE user_agent NOT ILIKE '%bot%' GROUP BY ip_hash, user_agent "
        "ORDER BY count(DISTINCT media) DESC LIMIT 1",
        towns.folder,
    )
    assert files == requests == 87
    assert 800 < seconds < 840


def test_keys_rotate_with_the_month_and_the_previous_hash_bridges_it(small):
    assert the("SELECT DISTINCT ip_key FROM rows ORDER BY ip_key", small.folder) == [
        ("2026-09",),
        ("2026-10",),
    ]
    [(both,)] = the(
        "SELECT count(DISTINCT old.ip_hash) FROM rows AS old INNER JOIN rows AS new "
        "ON old.ip_key = '2026-09' AND new.ip_key = '2026-10' "
        "AND old.ip_hash = new.ip_hash_previous",
        small.folder,
    )
    assert both > 50
    assert the("SELECT count(*) FROM rows WHERE ip_hash = ip_hash_previous", small.folder) == [(0,)]


def test_a_replayed_request_has_the_same_request_id_and_is_otherwise_the_same(small):
    twice = the(
        "SELECT count(DISTINCT line), count(DISTINCT (time, media, ip_hash, user_agent, method)) "
        "FROM rows GROUP BY request_id HAVING count(*) > 1",
        small.folder,
    )
    assert len(twice) > 10
    assert set(twice) == {(2, 1)}


def test_what_is_not_known_of_an_episode_is_not_told(small):
    assert the(
        "SELECT count(*) FROM episodes WHERE (duration_seconds IS NULL) <> (bitrate_bps IS NULL) "
        "OR length_bytes IS NULL OR show_id = ''",
        small.folder,
    ) == [(0,)]
    assert the("SELECT count(*) > 0 FROM episodes WHERE bitrate_bps IS NULL", small.folder) == [
        (True,)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 99},
        {"rows": 200_000_001},
        {"rows": 1000, "days": 0},
        {"rows": 1000, "days": 401},
        {"rows": 1000, "shows": 0},
        {"rows": 1000, "form": "xml"},
        {"rows": 2_000_001, "form": "csv"},
    ],
)
def test_a_plan_that_cannot_be_met_is_refused(wrong):
    with pytest.raises(BadPlanError):
        Plan(**wrong)


def test_nothing_to_listen_to_is_refused(tmp_path):
    with pytest.raises(BadPlanError, match="no episode"):
        generate(Plan(rows=1000), tmp_path / "none", audio=())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderInUseError):
        generate(Plan(rows=1000, days=3), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_set_that_could_not_be_finished_is_taken_away(tmp_path):
    def interrupt(_done, _all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(Plan(rows=1000, days=3), tmp_path / "half", progress=interrupt)
    assert not (tmp_path / "half").exists()


def test_every_style_has_habits_that_exist_and_shares_that_make_a_hundred():
    for shares in habits.STYLES.values():
        assert sum(shares.values()) == 100
        assert set(shares) <= set(habits.HABITS)
    assert {habit for shares in habits.STYLES.values() for habit in shares} == set(habits.HABITS)
