"""The walk of an episode on the deployed platform, and the command line as a person uses it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime

import pytest

from infra.demo import report
from infra.demo.play import Demo
from infra.local.progress import Silent
from tallycast.demo.truth import truth_of
from tests.e2e.host import document
from tests.support.cloud import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

ACTS = 48  # the polls of the demo's sixteen registered shows in its three acts


@pytest.fixture
def url(host, steady_tenant):
    """The address of a feed with three episodes."""
    return host.put(f"/{steady_tenant.name}/feed.xml", document(3, title="Three of a kind"))


@pytest.fixture
def feed(cli, url, steady_tenant):
    """That feed, registered by the command line and polled."""
    shown = parsed(cli("feed", "add", url, "--json"))["feed"]
    found = steady_tenant.store.get(steady_tenant.name, shown["feed_id"])
    return steady_tenant.polled([found], found.created_at)[0]


def parsed(done):
    """What a command said, when that is JSON and nothing else."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def refusal(done):
    """The one line with which a command was refused."""
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    return line


def test_generated_shows_of_another_seed_come_to_exactly_the_known_truth(
    steady, demo_origin, new_tenant
):
    truth = truth_of(demo_origin.shows.values())
    tenant = new_tenant(steady, "walk")
    demo = Demo(steady, demo_origin, truth, Silent(), tenant=tenant.name)
    lines, heard = demo.play()
    differing = [line for line in lines if not line.agrees]
    assert (len(lines), differing) == (ACTS, [])
    assert demo.refused == report.truly_refused(truth)
    tenant.hear_everything()
    totals = truth.totals()
    published = Counter(event["episode_id"] for event in tenant.events("EpisodePublished"))
    assert published == Counter(heard.wanted)
    assert len(published) == totals.new
    assert len(tenant.events("EpisodeChanged")) == totals.updated
    assert len(tenant.events("FeedMoved")) == 2
    assert len(tenant.events("FeedRetired")) == 1


def test_a_feed_is_added_shown_and_listed(cli, feed, url):
    shown = parsed(cli("feed", "show", feed.feed_id, "--json"))["feed"]
    assert (shown["url"], shown["title"], shown["episodes"]) == (url, "Three of a kind", 3)
    assert shown["last_outcome"] == "changed"
    assert [one["feed_id"] for one in parsed(cli("feed", "list", "--json"))["feeds"]] == [
        feed.feed_id
    ]
    for command in (("feed", "list"), ("feed", "show", feed.feed_id)):
        done = cli(*command)
        assert (done.returncode, done.stderr) == (0, "")
        assert feed.feed_id in done.stdout, "an id that is cut cannot be given to the next command"


def test_episodes_are_listed_newest_first_page_by_page_and_by_guid(cli, feed):
    first = parsed(cli("episodes", "list", feed.feed_id, "--limit", "2", "--json"))["episodes"]
    rest = parsed(cli("episodes", "list", feed.feed_id, "--after", first[-1]["sort"], "--json"))
    guids = [episode["guid"] for episode in (*first, *rest["episodes"])]
    assert guids == ["guid-3", "guid-2", "guid-1"]
    [one] = parsed(cli("episodes", "list", feed.feed_id, "--guid", "guid-2", "--json"))["episodes"]
    assert (one["title"], one["duration_seconds"]) == ("Episode 2", 62)
    done = cli("episodes", "list", feed.feed_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Episode 3" in done.stdout


def test_a_poll_that_is_asked_for_finds_the_new_episode(cli, feed, host, steady_tenant):
    host.put(f"/{steady_tenant.name}/feed.xml", document(4, title="Three of a kind"))
    asked = parsed(cli("feed", "poll", feed.feed_id, "--json"))["feed"]
    assert asked["next_poll_at"] > feed.last_polled_at.isoformat()
    after = wait_until(
        lambda: (found := steady_tenant.now([feed])[0]).episodes == 4 and found, 20, "the poll"
    )
    assert (after.last_counts["new"], after.last_counts["unchanged"]) == (1, 3)


def test_a_paused_feed_is_not_due_until_it_is_resumed_and_a_removed_one_comes_back_with_its_history(
    cli, feed, url, steady_tenant
):
    paused = parsed(cli("feed", "pause", feed.feed_id, "--json"))["feed"]
    assert (paused["status"], paused["next_poll_at"]) == ("paused", None)
    since = datetime.now(UTC)
    resumed = parsed(cli("feed", "resume", feed.feed_id, "--json"))["feed"]
    assert resumed["status"] == "active"
    steady_tenant.polled([feed], since)
    removed = parsed(cli("feed", "remove", feed.feed_id, "--json"))["feed"]
    assert removed["status"] == "removed"
    assert parsed(cli("feed", "list", "--json")) == {"feeds": []}
    assert "removed" in refusal(cli("feed", "poll", feed.feed_id))
    since = datetime.now(UTC)
    again = parsed(cli("feed", "add", url, "--json"))["feed"]
    assert (again["feed_id"], again["status"], again["episodes"]) == (feed.feed_id, "active", 3)
    steady_tenant.polled([feed], since)
    steady_tenant.hear_everything()
    assert steady_tenant.ledger(feed).told == {1: 3}


def test_a_pinned_feed_is_polled_at_every_tick_until_it_is_unpinned(cli, feed, steady_tenant):
    assert parsed(cli("feed", "pin", feed.feed_id, "--json"))["feed"]["pinned"] is True
    assert steady_tenant.poll_again(feed).interval_seconds == 15 * 60
    assert parsed(cli("feed", "unpin", feed.feed_id, "--json"))["feed"]["pinned"] is False


def test_a_replay_reads_the_stored_document_without_a_visit_and_changes_nothing(
    cli, feed, host, steady_tenant
):
    path = f"/{steady_tenant.name}/feed.xml"
    visits = host.visits(path)
    due = parsed(cli("feed", "replay", feed.feed_id, "--json"))["feed"]["next_poll_at"]
    after = wait_until(
        lambda: (
            (found := steady_tenant.now([feed])[0]).last_polled_at > feed.last_polled_at and found
        ),
        20,
        f"the replay of {due}",
    )
    assert host.visits(path) == visits
    assert (after.last_outcome, after.last_counts["unchanged"]) == ("changed", 3)
    steady_tenant.hear_everything()
    assert steady_tenant.ledger(feed).told == {1: 3}
    assert steady_tenant.events("EpisodeChanged") == []


def test_what_one_tenant_exports_can_be_imported_again(cli, feed, url, tmp_path):
    exported = cli("feed", "export")
    assert (exported.returncode, exported.stderr) == (0, "")
    outlines = ET.fromstring(exported.stdout).findall("./body/outline")  # noqa: S314 - our own
    assert [outline.get("xmlUrl") for outline in outlines] == [url]
    assert parsed(cli("feed", "export", "--json"))["opml"].startswith("<?xml")
    file = tmp_path / "feeds.opml"
    file.write_text(exported.stdout, encoding="utf-8")
    assert parsed(cli("feed", "import", str(file), "--json"))["feeds"] == 1


def test_what_is_refused_is_one_line_and_exit_code_2(cli, feed, url, host, tmp_path, steady_tenant):
    page = host.put(f"/{steady_tenant.name}/page", b"<!DOCTYPE html><html><body>Hi</body></html>")
    no_opml = tmp_path / "notes.txt"
    no_opml.write_text("no OPML at all")
    lines = {
        "twice": refusal(cli("feed", "add", url)),
        "page": refusal(cli("feed", "add", page, "--json")),
        "nothing": refusal(cli("feed", "add", host.url("/nowhere"))),
        "private": refusal(cli("feed", "add", "http://10.0.0.1/feed.xml")),
        "unknown": refusal(cli("feed", "show", "feed_unknown", "--json")),
        "opml": refusal(cli("feed", "import", str(no_opml))),
        "tenant": refusal(cli("feed", "list", "--tenant", "Not A Tenant")),
    }
    begins = {name: line.partition(":")[0] for name, line in lines.items()}
    assert begins == {
        "twice": "FeedAlreadyRegisteredError",
        "page": "NotAFeedError",
        "nothing": "FeedNotFoundError",
        "private": "BlockedAddressError",
        "unknown": "FeedNotRegisteredError",
        "opml": "not OPML",
        "tenant": "BadTenantError",
    }
    assert feed.feed_id in lines["twice"]
    assert lines["page"] == "NotAFeedError: not a feed: HTML page"


def test_a_wrong_usage_is_refused_without_a_traceback(cli):
    for arguments in (
        ("feed", "show"),
        ("feed", "frobnicate"),
        ("episodes", "list", "x", "--limit", "0"),
    ):
        done = cli(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_without_a_running_platform_the_command_line_says_so(cli, tmp_path):
    line = refusal(cli("feed", "list", state=tmp_path / "local.json"))
    assert "does not describe a running platform" in line
