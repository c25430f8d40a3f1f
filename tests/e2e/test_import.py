"""An OPML import through the state machine: Retry and Catch know our errors by name."""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

import pytest

from tests.e2e.host import Reply, document
from tests.support.cloud import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

GOOD = 5
EPISODES = 2
BUSY = Reply(b"try again", 503)
PAGE = b"<!DOCTYPE html><html><body>Hello</body></html>"


@pytest.fixture
def imported(cli, steady, steady_tenant, host, dead_address, tmp_path):
    """The outcome of every address of a list of twelve, by a short name."""
    base = f"/{steady_tenant.name}"
    urls = {
        f"good {n}": host.put(f"{base}/good-{n}.xml", document(EPISODES, title=f"Good {n}"))
        for n in range(GOOD)
    }
    urls |= {
        "registered before": host.put(f"{base}/before.xml", document(EPISODES)),
        "moved": host.put(
            f"{base}/moved.xml", Reply(status=301, headers={"Location": f"{base}/before.xml"})
        ),
        "flaky": host.put(f"{base}/flaky.xml", BUSY, BUSY, Reply(document(EPISODES))),
        "page": host.put(f"{base}/page", PAGE),
        "nothing": host.url(f"{base}/nothing"),
        "dead": f"http://{dead_address}/feed.xml",
        "private": "http://10.0.0.1/feed.xml",
    }
    steady_tenant.add(urls["registered before"])
    outlines = "".join(f"<outline text='x' xmlUrl={quoteattr(url)}/>" for url in urls.values())
    file = tmp_path / "feeds.opml"
    file.write_text(f"<opml version='2.0'><head/><body>{outlines}</body></opml>")
    started = cli("feed", "import", str(file), "--json")
    assert (started.returncode, started.stderr) == (0, "")
    answer = json.loads(started.stdout)
    assert answer["feeds"] == len(urls) == 12
    machine = steady.client("stepfunctions")
    execution = wait_until(
        lambda: (
            (found := machine.describe_execution(executionArn=answer["execution"]))["status"]
            != "RUNNING"
            and found
        ),
        60,
        "the end of the import",
    )
    assert execution["status"] == "SUCCEEDED", execution
    feeds = json.loads(execution["output"])["feeds"]
    return urls, dict(zip(urls, feeds, strict=True))


def test_every_feed_of_an_import_comes_to_its_own_end(imported, steady_tenant, host):
    urls, outcomes = imported
    added = [*(f"good {n}" for n in range(GOOD)), "flaky"]
    for name in added:
        assert (outcomes[name]["outcome"], outcomes[name]["url"]) == ("added", urls[name])
    for name in ("registered before", "moved"):
        assert outcomes[name] == {"url": urls[name], "outcome": "already registered"}
    refused = {name: one["error"] for name, one in outcomes.items() if one["outcome"] == "refused"}
    assert refused == {
        "page": "NotAFeedError",
        "nothing": "FeedNotFoundError",
        "dead": "ConnectionFailedError",
        "private": "BlockedAddressError",
    }
    # Only what may pass was tried again: the flaky host, until it was well.
    base = f"/{steady_tenant.name}"
    assert host.visits(f"{base}/flaky.xml")[503] == 2
    assert host.visits(f"{base}/nothing") == {404: 1}
    assert host.visits(f"{base}/page") == {200: 1}


def test_what_an_import_added_is_polled_and_published_once(imported, steady_tenant):
    _, outcomes = imported
    feeds = steady_tenant.feeds()
    assert len(feeds) == GOOD + 2
    ids = {one["feed_id"] for one in outcomes.values() if one["outcome"] == "added"}
    assert ids < {feed.feed_id for feed in feeds}
    steady_tenant.polled(feeds, min(feed.created_at for feed in feeds))
    steady_tenant.hear_everything()
    assert [steady_tenant.ledger(feed).told for feed in feeds] == [{1: EPISODES}] * len(feeds)
