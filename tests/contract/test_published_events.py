"""What is put on the bus is what docs/events says, and both are what the models say."""

import json

import pytest
from jsonschema import Draft202012Validator

from infra.lint import schemas
from tallycast.feeds.events import EVENTS, SOURCE
from tests.support.scene import cases
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
    assert {event["detail-type"] for event in events} == {event.__name__ for event in EVENTS}
    for event in events:
        assert event["source"] == SOURCE
        assert list(written(event["detail-type"]).iter_errors(event["detail"])) == []


def test_a_poll_of_a_real_feed_tells_what_validates(scene):
    """From the write to the wire: the item as stored, as the stream carries it."""
    from boto3.dynamodb.types import TypeSerializer

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


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_schema_refuses_what_is_missing_and_what_is_unknown(event):
    validator = written(event.__name__)
    properties = validator.schema["properties"]
    whole = {name: example(described) for name, described in properties.items()}
    assert validator.is_valid(whole)
    for name in properties:
        assert not validator.is_valid({k: v for k, v in whole.items() if k != name})
    assert not validator.is_valid({**whole, "surprise": 1})
    assert not validator.is_valid({**whole, "version": "2"})


def example(described):
    if "enum" in described:
        return described["enum"][0]
    return "text" if described.get("type") == "string" else None
