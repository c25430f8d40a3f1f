"""What the sample events of sponsorship lead to."""

from tallycast.aws.records import Records
from tallycast.sponsorship.kinds import CAMPAIGNS
from tallycast.sponsorship.model import Status
from tests.support.campaigns import a_campaign, keep
from tests.support.outcomes import outcome
from tests.support.told import ear


@outcome("run_flights/tick")
def a_flight_begins_once_however_often_the_tick_comes(scene):
    keep(scene.platform.table, "cmp_1", a_campaign())
    answer, made = scene.run("run_flights/tick")
    assert answer == {"started": 1, "completed": 0, "done": True}
    assert made.metrics["flights_started"] == [1.0]
    assert scene.run("run_flights/tick")[0] == {"started": 0, "completed": 0, "done": True}
    found = Records(scene.platform.table, CAMPAIGNS).get("acme", "cmp_1")
    assert (found.document.status, found.version) == (Status.LIVE, 2)
    assert found.document.history[-1].by == "system:run_flights"


@outcome("publish_changes/campaign_changed")
def a_campaigns_step_is_told_without_its_money(scene):
    with ear(scene) as heard:
        scene.run("publish_changes/campaign_changed")
        [event] = heard()
        scene.run("publish_changes/campaign_changed")
        assert heard() == []
    assert (event["source"], event["detail-type"]) == ("tallycast.sponsorship", "CampaignChanged")
    detail = event["detail"]
    assert (detail["change"], detail["previous_status"], detail["status"]) == (
        "moved",
        "booked",
        "live",
    )
    assert (detail["starts_on"], detail["spots"], detail["revision"]) == ("2026-01-05", 1, 2)
    assert "100000" not in str(event)
