"""`tallycast feed inspect` and `feed diff` on files, as a user meets them."""

import json
import os
import subprocess
import sys

import pytest

from tallycast import __version__
from tests.support.command_line import tallycast
from tests.support.origin import feed, item


@pytest.fixture
def files(tmp_path):
    old, new = tmp_path / "old.xml", tmp_path / "new.xml"
    old.write_bytes(feed([item(1), item(2), item(3)]))
    new.write_bytes(feed([item(4), item(3), item(2, title="Edited")]))
    return old, new


def test_inspect_as_json_writes_only_json(files):
    done = tallycast("feed", "inspect", files[0], "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    first = found["episodes"][0]
    assert {
        "guid", "identity", "title", "published", "duration_seconds", "enclosure", "season",
        "episode", "persons", "chapters", "transcripts",
    } <= set(first)  # fmt: skip
    assert first["guid"] == "guid-1"
    assert first["identity"] == "guid"
    assert first["published"].startswith("2026-10-02T06:00:00")
    assert first["duration_seconds"] == 61
    assert first["enclosure"] == {
        "url": "https://media.example.com/ep/1.mp3", "type": "audio/mpeg", "bytes": 1000,
    }  # fmt: skip


def test_diff_as_json_has_exactly_the_four_answers(files):
    done = tallycast("feed", "diff", *files, "--json")
    assert json.loads(done.stdout) == {
        "common": 2, "new": ["guid-4"], "updated": ["guid-2"], "gone": ["guid-1"],
    }  # fmt: skip


def test_people_get_tables(files):
    shown = tallycast("feed", "inspect", files[0]).stdout.decode()
    assert "3 episodes" in shown
    assert "Episode 2" in shown
    assert "1 new, 1 updated, 1 gone" in tallycast("feed", "diff", *files).stdout.decode()


def test_a_document_may_come_from_standard_input(files):
    done = tallycast("feed", "inspect", "-", "--json", stdin=files[0].read_bytes())
    assert len(json.loads(done.stdout)["episodes"]) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><html><body>Hi</body></html>", "not a feed: HTML page"),
        (b"%PDF-1.7 ...", "not a feed: PDF document"),
        (b"", "not a feed: empty document"),
        (b'{"a": 1}', "not a feed: JSON document"),
    ],
)
def test_what_is_no_feed_is_one_line_on_stderr_and_exit_2(tmp_path, content, message):
    path = tmp_path / "document"
    path.write_bytes(content)
    for arguments in (("inspect", path), ("inspect", path, "--json"), ("diff", path, path)):
        done = tallycast("feed", *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode() == f"{message}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("feed", "inspect", "/nowhere/at/all.xml"),
        ("feed", "inspect", "/"),
        ("feed", "inspect", "http://127.0.0.1:1/feed.xml"),
        ("feed", "inspect", "http://169.254.169.254/latest/meta-data"),
        ("feed", "inspect"),
        ("feed", "no-such-command"),
        ("feed", "list", "--tenant", "x"),
    ],
)
def test_no_mistake_ever_shows_a_traceback(arguments, tmp_path):
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "tallycast.cli.main", *arguments],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr.strip()
    assert done.stdout == b""


def test_text_from_a_feed_cannot_drive_the_terminal(tmp_path):
    path = tmp_path / "feed.xml"
    path.write_bytes(feed([item(1, title="\u009b31mred [bold]not bold[/bold]")]))
    shown = tallycast("feed", "inspect", path).stdout.decode()
    assert "\u009b" not in shown
    assert "\x1b" not in shown
    assert "[bold]not bold[/bold]" in shown


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path):
    path = tmp_path / "feed.xml"
    path.write_bytes(feed([item(n) for n in range(3000)]))
    command = f"{sys.executable} -m tallycast.cli.main feed inspect {path} --json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.stdout.strip() == b"{"
    assert done.stderr == b""


def test_every_file_command_needs_no_aws(files):
    code = (
        "import sys; from tallycast.cli.main import main; sys.argv = ['tallycast', 'feed', "
        f"'inspect', {str(files[0])!r}, '--json']; main(); "
        "assert 'boto3' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_version_is_the_packages():
    assert __version__ in tallycast("--version").stdout.decode()
