"""What changes of campaigns mean to the rest of the world."""

from datetime import datetime

from tallycast.aws.records import Records, Stored
from tallycast.kernel.money import Money
from tallycast.sponsorship.changes import events_of
from tallycast.sponsorship.events import CampaignChanged
from tallycast.sponsorship.kinds import CAMPAIGNS
from tallycast.sponsorship.model import Status
from tests.support.campaigns import AT, a_campaign

LATER = "2026-01-05T12:00:00+00:00"


def item(version=1, **facts):
    """A campaign as the table has it."""
    secret = {"budget": Money(amount=123_456, currency="EUR"), "comment": "they pay late"}
    stored = Stored("acme", "cmp_1", a_campaign(**secret | facts), version, AT, AT)
    return Records(None, CAMPAIGNS)._item(stored)


def test_a_new_campaign_is_created():
    [event] = events_of(None, item(status=Status.DRAFT, spot_ids=()), at=LATER)
    assert (event.change, event.status, event.previous_status) == ("created", "draft", None)
    assert (event.campaign_id, event.sponsor_id, event.revision) == ("cmp_1", "spo_1", 1)
    assert (event.starts_on, event.ends_on, event.spots) == ("2026-01-05", "2026-01-09", 0)


def test_a_step_is_a_move_and_everything_else_an_edit():
    before = item()
    [moved] = events_of(before, item(2, status=Status.LIVE), at=LATER)
    assert (moved.change, moved.previous_status, moved.status) == ("moved", "booked", "live")
    [edited] = events_of(before, item(2, name="Other"), at=LATER)
    assert (edited.change, edited.previous_status, edited.status) == ("edited", "booked", "booked")


def test_an_event_holds_no_money_no_comment_and_no_name():
    [event] = events_of(None, item(), at=LATER)
    text = event.model_dump_json()
    for secret in ("123456", "EUR", "they pay late", "Winter"):
        assert secret not in text


def test_a_version_is_one_event_however_often_it_is_read():
    one, again = (events_of(item(), item(2), at=at)[0] for at in (LATER, str(datetime(2026, 2, 1))))
    assert one.event_id == again.event_id
    [next_one] = events_of(item(2), item(3), at=LATER)
    assert next_one.event_id != one.event_id


def test_deletions_and_other_things_mean_nothing():
    assert events_of(item(), None, at=LATER) == []
    assert events_of(None, {"kind": "spot", "document": "{}"}, at=LATER) == []


def test_the_event_names_every_status_there_is():
    for status in Status:
        [event] = events_of(None, item(status=status), at=LATER)
        assert isinstance(event, CampaignChanged)
        assert event.status == status.value
