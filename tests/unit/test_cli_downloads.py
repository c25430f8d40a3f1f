"""`tallycast downloads …` on log files, as a user meets it."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from tallycast.measurement import agents as list_of_agents
from tests.support.command_line import tallycast
from tests.support.shared import FIXTURES

REAL_DAY = FIXTURES / "logs" / "download-requests-2022-09-20.csv"
LISTS = FIXTURES / "user-agents"
BUILT_IN = Path(list_of_agents.__file__).with_name("builtin")
on_the_real_day = pytest.mark.skipif(
    not (REAL_DAY.is_file() and LISTS.is_dir()),
    reason="the real day is not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)
COLUMNS = ("time", "ip", "method", "url", "status", "range", "bytes_sent", "user_agent")
GOOD = {
    "time": "2026-09-20T22:30:00Z", "ip": "203.0.113.7", "method": "GET",
    "url": "https://cdn.example/one.mp3", "status": 200, "range": "", "bytes_sent": 5_000_000,
    "user_agent": "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)",
}  # fmt: skip


def a_log(path, *rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({**GOOD, **row} for row in rows)
    path.write_text(text.getvalue())
    return path


def counted(*arguments):
    done = tallycast("downloads", "count", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return json.loads(done.stdout)


def refused(*arguments):
    """What a command says that ends with 2: one line, and no traceback."""
    done = tallycast("downloads", *arguments)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout, told.count("\n")) == (2, b"", 1), told
    return told


# ── the real day ──


@on_the_real_day
@pytest.mark.parametrize(("rules", "downloads"), [("odl", 270), ("iab-2.3", 269), ("op3", 299)])
def test_the_real_day_has_the_downloads_that_are_known_of_it(rules, downloads):
    found = counted(REAL_DAY, "--rules", rules, "--reference", LISTS)
    dropped = sum(step["dropped"] for step in found["waterfall"])
    assert (found["rules"], found["requests"], found["downloads"]) == (rules, 606, downloads)
    assert dropped == 606 - downloads
    for part in ("by_day", "by_episode"):
        assert sum(each["downloads"] for each in found[part].values()) == downloads
        assert sum(each["requests"] for each in found[part].values()) == 606


@on_the_real_day
def test_two_rule_sets_on_the_real_day_are_compared_with_what_explains_them(tmp_path):
    found = counted(REAL_DAY, "--rules", "odl", "--reference", LISTS)
    before = tmp_path / "odl.json"
    before.write_text(json.dumps(found))
    arguments = (before, REAL_DAY, "--rules-b", "op3", "--reference", LISTS)
    done = tallycast("downloads", "compare", *arguments, "--json")
    total = json.loads(done.stdout)["total"]
    assert (total["first"], total["second"], total["acceptable"]) == (270, 299, False)
    assert total["explained_by"] == {
        "ends_at_one": -51,
        "repeat": 12,
        "probe_replaced": 9,
        "bot": 1,
    }
    assert sum(total["explained_by"].values()) == 270 - 299
    assert (
        "270 · op3: 299 downloads" in tallycast("downloads", "compare", *arguments).stdout.decode()
    )


@on_the_real_day
def test_a_line_of_the_real_day_is_explained():
    arguments = ("explain", REAL_DAY, "--line", 2, "--rules", "odl", "--reference", LISTS)
    found = json.loads(tallycast("downloads", *arguments, "--json").stdout)
    assert (found["line"], found["rules"]) == (2, "odl")
    assert found["verdict"]
    assert found["because"] in tallycast("downloads", *arguments).stdout.decode()


# ── files ──


def test_lines_add_up_and_say_what_became_of_them(tmp_path):
    log = a_log(
        tmp_path / "log.csv",
        {},
        {"bytes_sent": 10},
        {"url": "https://cdn.example/cover.jpg"},
        {"time": "yesterday"},
        {"time": "tomorrow"},
        {"status": "many"},
    )
    found = counted(log)
    assert found["downloads"] == 1
    assert found["quarantined_by"] == {"time not understood": 2, "status not understood": 1}
    assert found["quarantined"] == 3
    assert found["skipped"] == {"header": 1, "request for something else than media": 1}
    shown = tallycast("downloads", "count", log).stdout.decode()
    assert "3 lines could not be read: 2 time not understood, 1 status not understood" in shown
    assert "1 lines ask for something else than media" in shown


def test_listeners_are_distinct_over_any_number_of_months(tmp_path):
    days = ["2025-12-20", "2026-01-20", "2026-02-20", "2026-03-20", "2026-03-21"]
    log = a_log(tmp_path / "log.csv", *[{"time": f"{day}T10:00:00Z"} for day in days])
    for window in ("calendar", "rolling", "extending"):
        found = counted(log, "--window", window)
        assert (found["listeners"], found["requests"]) == (1, 5)
        assert found["downloads"] == {"calendar": 5, "rolling": 5, "extending": 5}[window]


def test_a_day_begins_at_midnight_of_the_zone(tmp_path):
    log = a_log(tmp_path / "log.csv", {})
    assert list(counted(log)["by_day"]) == ["2026-09-20"]
    assert list(counted(log, "--timezone", "Europe/Berlin")["by_day"]) == ["2026-09-21"]


def test_episodes_that_only_a_query_names_are_counted_apart(tmp_path):
    plays = ("play?id=1&token=a", "play?token=b&id=1", "play?id=2", "play?id=3", "play?token=c")
    log = a_log(tmp_path / "log.csv", *[{"url": f"https://cdn.example/{each}"} for each in plays])
    found = counted(log)
    downloads = {name: each["downloads"] for name, each in found["by_episode"].items()}
    assert downloads == {f"cdn.example/play{which}": 1 for which in ("", "?id=1", "?id=2", "?id=3")}
    # A feed that names one of them, and one that knows of no query at all.
    episodes = tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\ncdn.example/play?id=2,two\ncdn.example/play,others\n")
    found = counted(log, "--episodes", episodes)
    downloads = {name: each["downloads"] for name, each in found["by_episode"].items()}
    assert downloads == {"two": 1, "others": 1}
    assert [step for step in found["waterfall"] if step["dropped"]] == [
        {"rule": "repeat", "dropped": 3}
    ]


def test_episodes_may_be_given_as_a_feed_spells_them(tmp_path):
    log = a_log(tmp_path / "log.csv", {"url": "https://cdn.example/Folge%20%c3%9f.mp3"})
    episodes = tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\nhttps://op3.dev/e/CDN.example/Folge ß.mp3?x=1,one\n")
    assert counted(log, "--episodes", episodes)["by_episode"].keys() == {"one"}


def test_a_stream_may_be_given_by_its_playlist(tmp_path):
    log = a_log(tmp_path / "log.csv", {"url": "https://cdn.example/live/7.ts"})
    episodes = tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\nhttps://cdn.example/live/index.m3u8,one\n")
    assert counted(log, "--episodes", episodes)["by_episode"].keys() == {"one"}


@pytest.mark.parametrize("rules", ["iab-2.3", "op3", "odl"])
def test_more_parameters_than_the_feed_has_make_no_other_file(tmp_path, rules):
    asked = [{"url": f"https://cdn.example/play?{each}"} for each in ("id=2", "id=2&item=web")]
    log, episodes = a_log(tmp_path / "log.csv", *asked), tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\ncdn.example/play?id=2,two\ncdn.example/play,others\n")
    found = counted(log, "--episodes", episodes, "--rules", rules)
    assert {name: each["downloads"] for name, each in found["by_episode"].items()} == {"two": 1}


def test_a_file_that_no_feed_has_takes_no_requests_from_one_that_a_feed_has(tmp_path):
    asked = [
        {"url": "https://cdn.example/play?ep=1&id=5&item=web"},
        {"url": "https://cdn.example/play?ep=1&item=web", "ip": "203.0.113.8"},
    ]
    log, episodes = a_log(tmp_path / "log.csv", *asked), tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\ncdn.example/play?id=5,five\n")
    found = counted(log, "--episodes", episodes)["by_episode"]
    assert {name: each["downloads"] for name, each in found.items()} == {
        "five": 1,
        "cdn.example/play?ep=1&item=web": 1,
    }


def test_the_prefixes_of_a_reference_are_taken_off(tmp_path):
    lists = tmp_path / "lists"
    shutil.copytree(BUILT_IN, lists)
    (lists / "prefixes.json").write_text('[{"prefixpattern": "px.example/e/"}]')
    log = a_log(
        tmp_path / "log.csv",
        {"url": "https://px.example/e/cdn.example/one.mp3"},
        {"url": "https://px.example/e/cdn.example/two.mp3"},
    )
    episodes = tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id\nhttps://px.example/e/cdn.example/two.mp3,two\n")
    found = counted(log, "--reference", lists, "--episodes", episodes)
    assert found["by_episode"].keys() == {"cdn.example/one.mp3", "two"}
    assert counted(log)["by_episode"].keys() == {
        "px.example/e/cdn.example/one.mp3",
        "px.example/e/cdn.example/two.mp3",
    }


def test_what_a_redirect_saw_is_media_whatever_its_ending(tmp_path):
    hit = {"method": "GET", "time": "2026-09-20T22:30:00Z", "ip": "203.0.113.7",
           "user_agent": GOOD["user_agent"]}  # fmt: skip
    urls = ["https://cdn.example/get.php?id=1", "https://cdn.example/get.php?id=2"]
    log = tmp_path / "hits.jsonl"
    lines = [{**hit, "url": url, "source": seen} for url in urls for seen in ("prefix", "log")]
    lines.append({**hit, "url": "https://cdn.example/", "source": "prefix"})
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = counted(log)
    assert found["by_episode"].keys() == {url.removeprefix("https://") for url in urls}
    assert (found["downloads"], found["requests"]) == (2, 2)
    assert found["skipped"] == {"request for something else than media": 2}
    assert found["quarantined_by"] == {"URL names no file": 1}


def test_what_the_redirect_of_somebody_else_saw_may_be_a_page(tmp_path):
    log, source = tmp_path / "theirs.csv", tmp_path / "source.json"
    header = (
        "ip,encoded_ip,user_agent,referer,http_method,timestamp,episode_id,byte_range_start,"
        "byte_range_end"
    )
    rows = [
        f"203.0.113.7,,{GOOD['user_agent'].replace(',', '')},,GET,{GOOD['time']},/{path},,"
        for path in ("e/cdn.example/one.mp3", "robots.txt", "wp-login.php", "")
    ]
    log.write_text("\n".join([header, *rows]) + "\n")
    assert list(counted(log)["by_episode"]) == ["cdn.example/one.mp3"]
    source.write_text('{"source": "prefix"}')
    found = counted(log, "--source", source)
    assert list(found["by_episode"]) == [
        "cdn.example/one.mp3", "chrt.fm/robots.txt", "chrt.fm/wp-login.php"
    ]  # fmt: skip
    assert found["quarantined_by"] == {"URL names no file": 1}


def test_rules_of_ones_own_come_from_a_file(tmp_path):
    log = a_log(tmp_path / "log.csv", {"status": 206, "bytes_sent": 10})
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"name": "mine", "threshold": "none"}))
    assert counted(log)["downloads"] == 0
    assert (found := counted(log, "--rules", mine))["downloads"] == 1
    assert found["rules"] == "mine"


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_what_the_generator_writes_is_counted(tmp_path, form):
    made = tallycast(
        "demo",
        "generate",
        "--rows",
        2000,
        "--days",
        5,
        "--format",
        form,
        "--into",
        tmp_path,
        "--json",
    )
    assert made.returncode == 0, made.stderr
    logs = [
        path
        for path in sorted(tmp_path.rglob("*"))
        if path.is_file() and path.parent != tmp_path and "truth" not in path.parts
    ]
    found = counted(*logs, "--episodes", tmp_path / "episodes.parquet")
    assert found["quarantined"] == 0
    assert found["requests"] > 1500
    assert found["downloads"] == found["requests"] - sum(s["dropped"] for s in found["waterfall"])


def test_a_log_comes_out_of_a_pipe(tmp_path):
    log = a_log(tmp_path / "log.csv", {}, {"ip": "203.0.113.8"})
    done = tallycast("downloads", "count", "/dev/stdin", "--json", stdin=log.read_bytes())
    assert json.loads(done.stdout)["downloads"] == 2


def test_a_log_out_of_a_pipe_is_compared_whole(tmp_path):
    line = (
        '203.0.{}.{} - - [20/Sep/2026:10:00:00 +0000] "GET /a.mp3 HTTP/1.1" 200 5000000 "-" "UA"\n'
    )
    log = tmp_path / "access.log"
    log.write_text("".join(line.format(n // 250, n % 250) for n in range(1000)))
    arguments = ("downloads", "compare", log, "/dev/stdin", "--json")
    total = json.loads(tallycast(*arguments, stdin=log.read_bytes()).stdout)["total"]
    assert (total["first"], total["second"]) == (1000, 1000)
    saved = json.dumps(counted(log)).encode()
    total = json.loads(tallycast(*arguments, stdin=saved).stdout)["total"]
    assert (total["first"], total["second"]) == (1000, 1000)


def test_a_log_of_pictures_with_a_bad_line_was_read(tmp_path):
    picture = {"url": "https://cdn.example/cover.jpg"}
    found = counted(a_log(tmp_path / "log.csv", picture, picture, {"time": "yesterday"}))
    assert (found["requests"], found["quarantined"], found["downloads"]) == (0, 1, 0)


def test_empty_rows_and_lengths_that_are_not_known_are_no_mistakes(tmp_path):
    episodes = tmp_path / "episodes.csv"
    episodes.write_text("media,episode_id,length_bytes\ncdn.example/one.mp3,e,-1\n,,\n")
    found = counted(a_log(tmp_path / "log.csv", {}), "--episodes", episodes)
    assert list(found["by_episode"]) == ["e"]


@pytest.mark.parametrize(
    "name", ["l" * 250, "ä" * 120, os.fsdecode(b"\xff\xfe.log"), "a'b[1]*.csv"]
)
def test_a_file_may_have_any_name(tmp_path, name):
    log = a_log(tmp_path / "log.csv", {}).rename(tmp_path / name)
    assert counted(log)["downloads"] == 1
    done = tallycast("downloads", "explain", log, "--line", 2)
    assert b"counted" in done.stdout


# ── refusals ──


def test_a_file_of_which_nothing_can_be_read_says_why(tmp_path):
    odd = tmp_path / "odd.csv"
    odd.write_text("when;who\n1;2\n3;4\n")
    told = refused("count", odd)
    assert "none of 3 lines could be read (3 format not recognised)" in told
    assert "--source" in told
    assert refused("compare", odd, odd) == told
    done = tallycast("downloads", "explain", odd, "--line", 2)
    assert b"format not recognised" in done.stdout


@pytest.mark.parametrize("line", [1, 3, 99])
def test_a_line_that_is_no_request_is_said_to_be_none(tmp_path, line):
    log = a_log(tmp_path / "log.csv", {}, {"url": "https://cdn.example/cover.jpg"})
    assert "is no request for media: a heading or a comment" in refused(
        "explain", log, "--line", line
    )


@pytest.mark.parametrize(
    "document", [{"by_day_and_episode": []}, {"rules": "x", "by_day_and_episode": [7]},
                 {"rules": "x", "by_day_and_episode": [
                     {"day": "2026-01-01", "episode_id": "e", "verdicts": {"counted": 1e999}}]}]
)  # fmt: skip
def test_what_is_no_count_is_not_compared(tmp_path, document):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    assert "this is no count" in refused("compare", path, path)


def test_half_a_character_in_a_count_is_no_traceback(tmp_path):
    path, log = tmp_path / "a.json", a_log(tmp_path / "log.csv", {})
    found = counted(log)
    found["by_day_and_episode"][0]["episode_id"] = "half \ud800"
    path.write_text(json.dumps(found))
    done = tallycast("downloads", "compare", path, log, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "half ?" in done.stdout.decode()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("cdn.example/one.mp3,e,Europe/Berln,1,1,1", "'Europe/Berln' is no IANA time zone"),
        ("cdn.example/one.mp3,e,Factory,1,1,1", "'Factory' is no IANA time zone"),
        (",e,UTC,1,1,1", "row 2 (?): no media"),
        ("cdn.example/one.mp3,,UTC,1,1,1", "row 2 (cdn.example/one.mp3): no episode_id"),
        ("cdn.example/one.mp3,e,UTC,2000000000000,1,1", "length_bytes is not possible"),
        ("cdn.example/one.mp3,e,UTC,1,9000000000000000000,1", "bitrate_bps is not possible"),
        ("cdn.example/one.mp3,e,UTC,1,1,9223372036854775807", "header_bytes is not possible"),
        ("cdn.example/one.mp3,e,UTC,x,1,1", "cannot be read as episodes"),
    ],
)
def test_impossible_episodes_are_refused(tmp_path, row, said):
    log, episodes = a_log(tmp_path / "log.csv", {}), tmp_path / "episodes.csv"
    names = "media,episode_id,zone,length_bytes,bitrate_bps,header_bytes"
    episodes.write_text(f"{names}\ncdn.example/two.mp3,f,UTC,1,1,1\n{row}\n")
    assert said in refused("count", log, "--episodes", episodes)


@pytest.mark.parametrize(
    "document",
    [
        {"most_episodes_per_ip": 10**45},
        {"assumed_bitrate_bps": 2 * 10**18},
        {"bad_referrers": [""]},
        {"bad_referrers": ["https://spam.example/"]},
    ],
)
def test_impossible_rules_are_refused(tmp_path, document):
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"name": "mine", **document}))
    told = refused("count", a_log(tmp_path / "log.csv", {}), "--rules", mine)
    assert next(iter(document)) in told


def test_a_mapping_names_their_columns(tmp_path):
    log, source = a_log(tmp_path / "log.csv", {}), Path(tmp_path / "source.json")
    source.write_text(json.dumps({"format": "json", "columns": {"time": "/", "url": ""}}))
    assert "no name of theirs is given for time, url" in refused("count", log, "--source", source)
