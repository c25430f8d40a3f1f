"""What the sample events of attribution and reporting lead to."""

from tests.support.outcomes import outcome
from tests.support.told import ear


@outcome("publish_changes/conversion_recorded")
def a_conversion_is_told_once_and_without_the_buyer(scene):
    with ear(scene) as heard:
        scene.run("publish_changes/conversion_recorded")
        [event] = heard()
    assert (event["source"], event["detail-type"]) == (
        "tallycast.attribution",
        "ConversionRecorded",
    )
    detail = event["detail"]
    assert (detail["kind"], detail["campaign_id"], detail["evidence"]) == (
        "purchase",
        "cmp_01kaqm2q8r",
        "code",
    )
    for secret in ("5f5f", "abab", "8900", "4711"):
        assert secret not in str(event)


@outcome("publish_changes/report_ready")
def a_report_is_told_without_its_money(scene):
    with ear(scene) as heard:
        scene.run("publish_changes/report_ready")
        [event] = heard()
    assert (event["source"], event["detail-type"]) == ("tallycast.reporting", "ReportReady")
    detail = event["detail"]
    assert (detail["report_id"], detail["campaign_id"], detail["is_final"]) == (
        "rep_01kaqm6t4n",
        "cmp_01kaqm2q8r",
        False,
    )
    assert "2250" not in str(event)
