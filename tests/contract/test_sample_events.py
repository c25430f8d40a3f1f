"""Every file under events/ goes through its real handler, and comes out as its name says."""

import json

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer

from tallycast.attribution.kinds import CONVERSIONS
from tallycast.aws.records import Records
from tallycast.feeds.feed import FeedStatus
from tallycast.feeds.items import EpisodeItem, feed_item, feed_of
from tallycast.partners.connections.model import CONNECTION
from tallycast.partners.webhooks.model import ENDPOINT
from tallycast.reporting.model import REPORTS
from tallycast.sponsorship.kinds import CAMPAIGNS
from tests.contract import (  # noqa: F401 - theirs are told
    outcomes_of_analytics,
    outcomes_of_api,
    outcomes_of_attribution,
    outcomes_of_connections,
    outcomes_of_counting,
    outcomes_of_identity,
    outcomes_of_sponsorship,
    outcomes_of_tracking,
    outcomes_of_webhooks,
)
from tests.support.functions import FUNCTIONS
from tests.support.outcomes import OUTCOMES, outcome
from tests.support.scene import DAILY, EVENTS, FEED, OTHER, TENANT, WEEKLY, cases
from tests.support.told import ear


def ran(scene, case, *, registered=True, polled=False):
    """The answer to a sample event, in a scene that is as far as the case needs."""
    if registered:
        scene.register()
    if polled:
        scene.run("poll_feed/batch_with_poison")
        # Polled feeds have moved on; the event is about the poll that is due now.
        feed = scene.feed()
        scene.platform.store.change(feed, feed.model_copy(update={"next_poll_at": None}))
    scene.platform.messages()
    answer, made = scene.run(case)
    scene.made = made
    return answer


def asked_for(scene):
    """Which polls are in the queue, and why."""
    return sorted((message.feed_id, message.reason) for message in scene.platform.messages())


# ── schedule_polls ──


@outcome("schedule_polls/tick")
def every_due_feed_is_handed_out(scene):
    answer = ran(scene, "schedule_polls/tick")
    assert answer == {"sent": 2, "pages": 16, "done": True}
    assert asked_for(scene) == [(FEED, "scheduled"), (OTHER, "scheduled")]


@outcome("schedule_polls/continuation")
def the_tick_goes_on_where_it_was_left(scene):
    answer = ran(scene, "schedule_polls/continuation")
    assert answer["done"] is True
    assert answer["pages"] == 9 + 13
    handed_out = asked_for(scene)
    assert answer["sent"] == 1200 + len(handed_out)


# ── poll_feed ──


@outcome("poll_feed/batch_with_poison")
def the_poison_goes_back_alone(scene):
    answer = ran(scene, "poll_feed/batch_with_poison")
    [poison] = [
        r
        for r in scene.event("poll_feed/batch_with_poison")["Records"]
        if "feed_id" not in r["body"]
    ]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison["messageId"]}]}
    assert (scene.feed().episodes, scene.feed(OTHER).episodes) == (2, 1)


@outcome("poll_feed/replay")
def the_kept_document_is_read_again_without_a_fetch(scene):
    scene.register()
    scene.run("poll_feed/batch_with_poison")
    feed = scene.feed()
    due = feed.model_copy(update={"next_poll_at": scene.feed().created_at})
    scene.platform.store.change(feed, due)
    fetched = len(scene.platform.origin.requests)
    answer, made = scene.run("poll_feed/replay")
    assert answer == {"batchItemFailures": []}
    assert len(scene.platform.origin.requests) == fetched
    assert made.logs[-1]["unchanged"] == 2


@outcome("poll_feed/overtaken")
def a_feed_that_has_moved_on_is_left_alone(scene):
    assert ran(scene, "poll_feed/overtaken") == {"batchItemFailures": []}
    assert scene.platform.origin.requests == []
    assert scene.feed().last_polled_at is None


# ── publish_changes ──


def told(scene, case):
    """What the bus hears of a sample event; delivered twice, it is told once."""
    with ear(scene) as heard:
        scene.run(case)
        first = heard()
        scene.run(case)
        assert heard() == []
    return first


@outcome("publish_changes/episode_published")
def a_new_episode_is_told(scene):
    [event] = told(scene, "publish_changes/episode_published")
    assert event["detail-type"] == "EpisodePublished"
    assert (event["detail"]["guid"], event["detail"]["discovery"]) == ("guid-1", "poll")


@outcome("publish_changes/episode_changed")
def a_changed_episode_is_told(scene):
    [event] = told(scene, "publish_changes/episode_changed")
    assert event["detail-type"] == "EpisodeChanged"
    assert event["detail"]["title"] == "Episode 1, corrected"


@outcome("publish_changes/feed_moved")
def a_move_is_told(scene):
    [event] = told(scene, "publish_changes/feed_moved")
    assert event["detail-type"] == "FeedMoved"
    assert event["detail"]["old_url"] == scene.platform.origin.url(DAILY)
    assert event["detail"]["new_url"] == "https://new-host.example.com/daily.xml"


@outcome("publish_changes/feed_retired")
def a_retirement_is_told(scene):
    [event] = told(scene, "publish_changes/feed_retired")
    assert event["detail-type"] == "FeedRetired"
    assert "gone for good" in event["detail"]["reason"]


@outcome("publish_changes/nothing_to_tell")
def bookkeeping_and_deletions_are_not_told(scene):
    assert told(scene, "publish_changes/nothing_to_tell") == []


# ── manage_feeds ──


@outcome("manage_feeds/add")
def an_added_feed_is_due_at_once(scene):
    feed = ran(scene, "manage_feeds/add", registered=False)["feed"]
    assert (feed["title"], feed["status"]) == ("The Daily Example", "active")
    assert asked_for(scene) == [(feed["feed_id"], "requested")]


@outcome("manage_feeds/list")
def the_tenants_feeds_are_listed(scene):
    feeds = ran(scene, "manage_feeds/list")["feeds"]
    assert [feed["feed_id"] for feed in feeds] == [FEED, OTHER]


@outcome("manage_feeds/show")
def one_feed_is_shown_without_its_inner_workings(scene):
    feed = ran(scene, "manage_feeds/show")["feed"]
    assert feed["feed_id"] == FEED
    assert not {"lease_id", "lease_until", "catalogue_key"} & set(feed)


@outcome("manage_feeds/pause")
def a_paused_feed_is_not_due(scene):
    ran(scene, "manage_feeds/pause")
    assert (scene.feed().status, scene.feed().next_poll_at) == (FeedStatus.PAUSED, None)


@outcome("manage_feeds/resume")
def a_resumed_feed_is_due(scene):
    ran(scene, "manage_feeds/resume")
    assert scene.feed().status is FeedStatus.ACTIVE
    assert asked_for(scene) == [(FEED, "requested")]


@outcome("manage_feeds/remove")
def a_removed_feed_is_off_the_list(scene):
    ran(scene, "manage_feeds/remove")
    assert [feed.feed_id for feed in scene.platform.store.of_tenant(TENANT)] == [OTHER]


@outcome("manage_feeds/pin")
def a_feed_is_pinned(scene):
    assert ran(scene, "manage_feeds/pin")["feed"]["pinned"] is True


@outcome("manage_feeds/unpin")
def a_feed_is_left_to_its_rhythm(scene):
    scene.register()
    scene.run("manage_feeds/pin")
    scene.run("manage_feeds/unpin")
    assert scene.feed().pinned is False


@outcome("manage_feeds/poll")
def a_poll_is_asked_for(scene):
    ran(scene, "manage_feeds/poll")
    assert asked_for(scene) == [(FEED, "requested")]


@outcome("manage_feeds/replay")
def a_replay_is_asked_for(scene):
    ran(scene, "manage_feeds/replay")
    assert asked_for(scene) == [(FEED, "replay")]


@outcome("manage_feeds/episodes")
def episodes_are_listed_newest_first(scene):
    episodes = ran(scene, "manage_feeds/episodes", polled=True)["episodes"]
    assert [episode["guid"] for episode in episodes] == ["guid-2", "guid-1"]


@outcome("manage_feeds/episode_by_guid")
def an_episode_is_found_by_its_guid(scene):
    [episode] = ran(scene, "manage_feeds/episode_by_guid", polled=True)["episodes"]
    assert (episode["guid"], episode["title"]) == ("guid-1", "Episode 1")


@outcome("manage_feeds/episode_by_enclosure")
def an_episode_is_found_by_its_file(scene):
    [episode] = ran(scene, "manage_feeds/episode_by_enclosure", polled=True)["episodes"]
    assert episode["guid"] == "guid-2"


@outcome("manage_feeds/import")
def an_import_is_started_on_a_list_in_the_bucket(scene):
    answer = ran(scene, "manage_feeds/import", registered=False)
    execution = boto3.client("stepfunctions").describe_execution(executionArn=answer["execution"])
    given = json.loads(execution["input"])
    assert execution["name"] == answer["import_id"]
    assert given["tenant"] == TENANT
    stored = boto3.client("s3").get_object(
        Bucket=scene.platform.stacks.outputs["FeedsBucket"], Key=given["key"]
    )
    listed = json.loads(stored["Body"].read())
    origin = scene.platform.origin
    assert [entry["url"] for entry in listed] == [origin.url(DAILY), origin.url(WEEKLY)]
    assert answer["feeds"] == len(listed)


@outcome("manage_feeds/export")
def the_feeds_are_exported(scene):
    opml = ran(scene, "manage_feeds/export")["opml"]
    assert scene.platform.origin.url(DAILY) in opml


@outcome("manage_feeds/unknown_command")
def a_wrong_command_is_an_answer(scene):
    error = ran(scene, "manage_feeds/unknown_command")["error"]
    assert (error["code"], error["retryable"]) == ("BadCommandError", False)


# ── import_feed ──


@outcome("import_feed/add")
def a_feed_of_an_import_is_registered(scene):
    feed = ran(scene, "import_feed/add", registered=False)["feed"]
    assert scene.feed(feed["feed_id"]).url == scene.platform.origin.url(DAILY)


# ── all of them ──


@pytest.mark.parametrize("case", cases())
def test_a_sample_event_has_the_outcome_of_its_name(scene, case):
    assert case in OUTCOMES, "say what this event leads to"
    OUTCOMES[case](scene)


def test_every_function_has_sample_events():
    assert {case.partition("/")[0] for case in cases()} == set(FUNCTIONS)
    assert set(OUTCOMES) == set(cases())


def test_the_records_of_the_sample_stream_are_items_as_they_are_stored():
    """A sample that the table could not hold would prove nothing."""
    read = TypeDeserializer().deserialize
    kinds = set()
    for case in (case for case in cases() if case.startswith("publish_changes/")):
        for record in json.loads((EVENTS / f"{case}.json").read_text())["Records"]:
            change = record["dynamodb"]
            for side in {"NewImage", "OldImage"} & set(change):
                image = {name: read(value) for name, value in change[side].items()}
                assert {name: read(value) for name, value in change["Keys"].items()}.items() <= (
                    image.items()
                )
                stored = as_stored(image)
                # A field that came later may be missing, as it is in items written before.
                assert {name: stored.get(name) for name in image} == image, case
                kinds.add(image["kind"])
    assert kinds == {
        "campaign",
        "connection",
        "conversion",
        "episode",
        "feed",
        "report",
        "webhook",
    }


def as_stored(image):
    """The item that the store would write for the same feed or episode."""
    if image["kind"] == "feed":
        return feed_item(feed_of(image))
    kept = {kind.name: kind for kind in (CAMPAIGNS, CONNECTION, CONVERSIONS, ENDPOINT, REPORTS)}
    if image["kind"] in kept:
        records = Records(None, kept[image["kind"]])
        return records._item(records._stored(image))
    again = EpisodeItem.from_item(image).to_item()
    assert json.loads(again.pop("brief")) == json.loads(image["brief"])
    return {**again, "brief": image["brief"]}
