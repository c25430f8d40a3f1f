"""What uses all of each function of feeds, one after the other."""

from tallycast.feeds.feed import Feed
from tests.support.origin import feed, item
from tests.support.scene import DAILY, DUE, FEED, OTHER, TENANT, WEEKLY, cases


def schedule_polls(stage):
    """The tick, a tick that hands over, and the one that takes over."""
    stage.register()
    stage.run("schedule_polls/tick")
    with stage.function("schedule_polls") as tick:
        tick.context.seconds_left = 5
        later = {"scheduled_time": "2026-01-05T12:15:00Z"}
        assert tick(later)["done"] is False


def poll_feed(stage):
    """Every way a poll can end: changed, unchanged, gone, returned, moved, refused, deferred."""
    origin, platform = stage.platform.origin, stage.platform
    stage.register()
    stage.run("poll_feed/batch_with_poison")
    moved = feed(
        [item(3)], head=f"<itunes:new-feed-url>{origin.url('/new.xml')}</itunes:new-feed-url>"
    )
    origin.put("/new.xml", feed([item(3), item(1)]))
    broken = "<item><title></title></item>"
    for document in (
        feed([item(2), item(1)]),
        feed([item(2)]),
        feed([item(2), item(1), broken]),
        b"<!doctype html><html><body>gone fishing</body></html>",
        moved,
    ):
        origin.put(DAILY, document)
        poll(stage, FEED)
    origin.put(WEEKLY, status=410)
    poll(stage, OTHER)
    platform.store.change(stage.feed(), due(stage.feed()))
    stage.run("poll_feed/replay")
    poll(stage, FEED, busy=True)


def due(found: Feed) -> Feed:
    return found.model_copy(update={"next_poll_at": DUE, "lease_id": None, "lease_until": None})


def poll(stage, feed_id, *, busy=False):
    found = stage.feed(feed_id)
    stage.platform.store.change(found, due(found))
    if busy:
        leased = {"lease_id": "another", "lease_until": DUE.replace(year=2099)}
        stage.platform.store.change(due(found), due(found).model_copy(update=leased))
    event = stage.event("poll_feed/replay")
    record = event["Records"][0]
    record["body"] = stage.platform.message(stage.feed(feed_id)).model_dump_json()
    with stage.function("poll_feed") as made:
        assert made(event) == {"batchItemFailures": []}


def publish_changes(stage):
    for case in cases():
        if case.startswith("publish_changes/"):
            stage.run(case)


def manage_feeds(stage):
    stage.register()
    stage.run("poll_feed/batch_with_poison")  # episodes are found only where there are some
    for case in cases():
        if case.startswith("manage_feeds/"):
            stage.run(case)
    stage.run("manage_feeds/remove")
    stage.run("manage_feeds/add")
    with stage.function("manage_feeds") as made:
        url = stage.platform.origin.url("/new.xml")
        stage.platform.origin.put("/new.xml", feed([item(1)]))
        assert "feed" in made({"command": "add", "tenant": TENANT, "url": url})


def import_feed(stage):
    stage.run("import_feed/add")
    stage.platform.registry.remove(TENANT, next(stage.platform.store.of_tenant(TENANT)).feed_id)
    stage.run("import_feed/add")


EXERCISES = {
    each.__name__: each
    for each in (schedule_polls, poll_feed, publish_changes, manage_feeds, import_feed)
}
