"""What is put on the bus is what docs/events says, and both are what the models say."""

import importlib
import json
import pkgutil

import pytest
from boto3.dynamodb.types import TypeSerializer
from jsonschema import Draft202012Validator

import tallycast
from infra.lint import schemas
from tallycast.attribution.events import EVENTS as OF_ATTRIBUTION
from tallycast.feeds.events import EVENTS as OF_FEEDS
from tallycast.kernel.schema import Produced
from tallycast.partners.connections.events import ConnectionBroken
from tallycast.partners.events import WebhookEndpointDisabled
from tallycast.reporting.events import EVENTS as OF_REPORTING
from tallycast.sponsorship.events import EVENTS as OF_SPONSORSHIP
from tests.contract import exercises_of_webhooks
from tests.contract.exercises_of_measurement import EXERCISES
from tests.support.scene import cases
from tests.support.template import deployment
from tests.support.told import ear

TOLD = [case for case in cases() if case.startswith("publish_changes/")]


def written(event: str) -> Draft202012Validator:
    schema = json.loads((schemas.FOLDER / f"{event}.v1.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schemas_and_their_page_are_those_of_the_models():
    found = {path.name: path.read_text(encoding="utf-8") for path in schemas.FOLDER.iterdir()}
    assert found == schemas.files(), "run `python -m infra.lint.schemas`"


def test_what_is_put_on_the_bus_validates_against_its_schema(scene):
    with ear(scene) as heard:
        for case in TOLD:
            scene.run(case)
        events = heard()
    named = {
        event.__name__
        for event in (
            *OF_FEEDS,
            *OF_SPONSORSHIP,
            *OF_ATTRIBUTION,
            *OF_REPORTING,
            WebhookEndpointDisabled,
            ConnectionBroken,
        )
    }
    assert {event["detail-type"] for event in events} == named
    assert_as_written(events)


def assert_as_written(events):
    """Each event is one of ours, told under its source, with a detail that its schema allows."""
    sources = {event.__name__: source for event, source in schemas.EVENTS.items()}
    for event in events:
        assert event["source"] == sources[event["detail-type"]]
        assert list(written(event["detail-type"]).iter_errors(event["detail"])) == []


def test_what_counting_tells_validates_and_says_what_was_restated(scene):
    with ear(scene) as heard:
        EXERCISES["count_downloads"](scene)
        events = heard()
    assert_as_written(events)
    told = [event["detail"] for event in events if event["detail-type"] == "DownloadsCounted"]
    assert [(each["count"], each["downloads"], each["restated"]) for each in told] == [
        (1, 5, False),
        (2, 2, True),
        (1, 2, False),
    ]
    assert told[1]["causes"]
    assert [each["status"] for each in told] == ["final", "final", "provisional"]
    assert len({each["event_id"] for each in told}) == 3


def test_what_is_told_of_reference_data_validates(scene):
    with ear(scene) as heard:
        EXERCISES["refresh_reference"](scene)
        events = heard()
    assert_as_written(events)
    told = [(event["detail-type"], event["detail"].get("by")) for event in events]
    assert told.count(("ReferenceRefused", None)) >= 1
    assert {("ReferenceActivated", "refresh"), ("ReferenceActivated", "hand")} <= set(told)


def test_what_is_told_of_providers_messages_validates(scene):
    with ear(scene) as heard:
        exercises_of_webhooks.take_hook(scene)
        events = heard()
    assert_as_written(events)
    told = [(event["detail-type"], event["detail"]["quarantined"] is None) for event in events]
    assert told == [("HookReceived", True), ("HookReceived", False)]


def test_every_event_that_is_told_has_a_schema_and_the_other_way_round():
    """A model that ends up on the bus is one of those whose schemas are written."""
    told = {
        cls
        for module in walked_modules()
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, Produced)
        and {"event_id", "occurred_at", "version"} <= set(cls.model_fields)
        and not cls.__name__.startswith("_")
    }
    assert told == set(schemas.EVENTS)
    assert len({event.__name__ for event in told}) == len(told)


def walked_modules():
    for found in pkgutil.walk_packages(tallycast.__path__, "tallycast."):
        if found.name.endswith(".events"):
            yield importlib.import_module(found.name)


def test_rules_of_our_own_ask_for_events_that_are_told():
    """A rule that misspells an event never hears anything, and nobody notices."""
    names = {(source, event.__name__) for event, source in schemas.EVENTS.items()}
    rules = deployment().of_type("AWS::Events::Rule")
    assert rules
    for rule in rules:
        pattern = rule.properties["EventPattern"]
        assert set(pattern) == {"source", "detail-type"}, rule.id
        for source in pattern["source"]:
            for name in pattern["detail-type"]:
                assert (source, name) in names, rule.id


def test_a_poll_of_a_real_feed_tells_what_validates(scene):
    """From the write to the wire: the item as stored, as the stream carries it."""
    scene.register()
    scene.run("poll_feed/batch_with_poison")
    record = scene.event("publish_changes/episode_published")["Records"][0]
    stored = TypeSerializer().serialize
    records = []
    for item in scene.platform.items("episode"):
        image = {name: stored(value) for name, value in item.items()}
        records.append({**record, "dynamodb": {**record["dynamodb"], "NewImage": image}})
    with ear(scene) as heard, scene.function("publish_changes") as publish:
        publish({"Records": records})
        events = heard()
    assert len(events) == len(records) == 3
    for event in events:
        assert event["detail"]["discovery"] == "import"
        assert list(written("EpisodePublished").iter_errors(event["detail"])) == []


def passes(pattern, record) -> bool:
    """Whether an event-source filter lets a record through: a list names the values allowed."""
    if isinstance(pattern, list):
        return record in pattern
    return isinstance(record, dict) and all(
        passes(inner, record.get(name)) for name, inner in pattern.items()
    )


def stream_filter():
    [mapping] = [
        mapping.properties
        for mapping in deployment().of_type("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping.properties
    ]
    [only] = mapping["FilterCriteria"]["Filters"]
    return json.loads(only["Pattern"])


def test_the_streams_filter_lets_through_whatever_may_be_told(scene):
    """What a filter drops nobody ever sees: it must know the kinds of items as they are written."""
    pattern = stream_filter()
    for case in TOLD:
        for record in scene.event(case)["Records"]:
            assert passes(pattern, record) == (record["eventName"] != "REMOVE"), case


def test_the_streams_filter_drops_what_is_never_told(scene):
    scene.register()
    scene.run("schedule_polls/tick")
    scene.run("poll_feed/batch_with_poison")
    pattern, kinds = stream_filter(), {}
    for item in scene.platform.table.scan()["Items"]:
        kind = item.get("kind", "host slots")
        image = {"kind": {"S": item["kind"]}} if "kind" in item else {}
        kinds[kind] = passes(pattern, {"eventName": "INSERT", "dynamodb": {"NewImage": image}})
    assert {kind for kind, told in kinds.items() if told} == {"episode", "feed"}
    assert {"show", "claim", "tick"} <= {kind for kind, told in kinds.items() if not told}


@pytest.mark.parametrize("event", schemas.EVENTS, ids=lambda event: event.__name__)
def test_a_schema_refuses_what_is_missing_and_what_is_unknown(event):
    validator = written(event.__name__)
    properties = validator.schema["properties"]
    whole = {name: example(described) for name, described in properties.items()}
    assert validator.is_valid(whole)
    for name in properties:
        assert not validator.is_valid({k: v for k, v in whole.items() if k != name})
    assert not validator.is_valid({**whole, "surprise": 1})
    assert not validator.is_valid({**whole, "version": "2"})


EXAMPLES = {"string": "text", "integer": 1, "boolean": True, "array": []}


def example(described):
    if "enum" in described:
        return described["enum"][0]
    return EXAMPLES.get(described.get("type"))
