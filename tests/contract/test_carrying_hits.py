"""What carries hits: from the redirect's log to the intake bucket, and the edge in front of it."""

import inspect
import re

from tallycast.measurement.intake.arrivals import HITS, LOGS
from tallycast.measurement.tracking import hit, viewer
from tallycast.measurement.tracking.replay import FOLDER
from tests.support.template import deployment


def test_what_the_stream_delivers_lies_where_the_arrivals_queue_hears_of_it(deployed):
    [stream] = deployed.of_type("AWS::KinesisFirehose::DeliveryStream")
    delivery = stream.properties["ExtendedS3DestinationConfiguration"]
    assert delivery["BucketARN"] == "Intake/Intake.Arn"
    notices = deployed["Intake/Intake"].properties["NotificationConfiguration"]
    heard = set()
    for notice in notices["QueueConfigurations"]:
        assert (notice["Event"], notice["Queue"]) == ("s3:ObjectCreated:*", "Intake/Arrivals.Arn")
        [rule] = notice["Filter"]["S3Key"]["Rules"]
        assert rule["Name"] == "prefix"
        heard.add(rule["Value"])
    assert heard == {LOGS, HITS}
    assert delivery["Prefix"].startswith(HITS)
    assert FOLDER.startswith(HITS)  # what a replay recovers comes the same way
    # What Firehose could not make sense of is for people, and expires like everything else there.
    assert not delivery["ErrorOutputPrefix"].startswith(tuple(heard))
    expiring = [rule.get("Prefix") for rule in deployed.lifecycle("Intake/Intake").values()]
    for prefix in (delivery["Prefix"], delivery["ErrorOutputPrefix"]):
        assert prefix.startswith(tuple(filter(None, expiring)))


def test_hits_go_from_the_redirects_own_log_to_the_stream_and_nothing_else_does(deployed):
    [subscription] = deployed.of_type("AWS::Logs::SubscriptionFilter")
    own = deployed.functions["track_download"].properties["LoggingConfig"]["LogGroup"]
    assert subscription.properties["LogGroupName"] == own
    assert subscription.properties["DestinationArn"] == "Tracking/Hits.Arn"
    assert subscription.properties["FilterPattern"] == f'{{ $.kind = "{hit.HIT}" }}'
    for filter_ in deployed.of_type("AWS::Logs::MetricFilter"):
        assert filter_.properties["LogGroupName"] == own


def edge(stage, **parameters):
    given = {"EdgeSecret": "secret", **parameters}
    made = deployment(stage, parameters=given)
    distributions = made.of_type("AWS::CloudFront::Distribution")
    return made.root.outputs_of["Tracking"]["TrackingUrl"], made, distributions


def test_without_an_edge_listeners_ask_the_functions_own_address(deployed):
    assert deployed.of_type("AWS::CloudFront::Distribution") == []
    url = deployed.root.outputs_of["Tracking"]["TrackingUrl"]
    assert url == "https://TrackDownloadUrl.FunctionUrl"  # no slash: `/e/…` comes behind it


def test_an_edge_proves_itself_and_says_who_asks():
    for stage in ("dev", "prod"):
        url, made, [distribution] = edge(stage)
        assert url == "https://Tracking/Distribution.DomainName"
        config = distribution.properties["DistributionConfig"]
        [origin] = config["Origins"]
        assert origin["DomainName"] == "TrackDownloadUrl.FunctionUrl"
        assert origin["OriginCustomHeaders"] == [
            {"HeaderName": viewer.EDGE_HEADER, "HeaderValue": "secret"}
        ]
        told = made.functions["track_download"].properties["Environment"]["Variables"]
        assert told["EDGE_SECRET"] == "secret"
        [policy] = made.of_type("AWS::CloudFront::OriginRequestPolicy")
        facts = policy.properties["OriginRequestPolicyConfig"]["HeadersConfig"]["Headers"]
        read = {name for name, _ in hit._KEPT} | {"range"}
        read |= set(re.findall(r'headers\.get\("([a-z-]+)"', inspect.getsource(viewer)))
        assert {name.lower() for name in facts} == read


def test_an_edge_has_a_name_of_its_own_when_it_is_given_one():
    named = {"TrackingHost": "t.example", "TrackingCertificate": "arn:aws:acm:us-east-1:1:c/1"}
    url, _, [distribution] = edge("prod", **named)
    assert url == "https://t.example"
    config = distribution.properties["DistributionConfig"]
    assert config["Aliases"] == ["t.example"]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == named["TrackingCertificate"]


def test_a_laptop_has_no_edge_whatever_it_is_told():
    url, _, distributions = edge("local")
    assert (url, distributions) == ("https://TrackDownloadUrl.FunctionUrl", [])
