"""All of every function is used once, for all who want to see what it does."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.contract import (
    exercises_of_analytics,
    exercises_of_api,
    exercises_of_connections,
    exercises_of_feeds,
    exercises_of_identity,
    exercises_of_measurement,
    exercises_of_sponsorship,
    exercises_of_webhooks,
)
from tests.support.permissions import Call, Grant, grants_of
from tests.support.scene import scene
from tests.support.template import deployment

OF_FEEDS = exercises_of_feeds.EXERCISES
EXERCISES = (
    OF_FEEDS
    | exercises_of_analytics.EXERCISES
    | exercises_of_api.EXERCISES
    | exercises_of_connections.EXERCISES
    | exercises_of_identity.EXERCISES
    | exercises_of_measurement.EXERCISES
    | exercises_of_sponsorship.EXERCISES
    | exercises_of_webhooks.EXERCISES
)


@dataclass(frozen=True)
class Exercised:
    """The calls that a function made, what its role allows, and the lines that it wrote."""

    calls: list[Call]
    grants: list[Grant]
    lines: list[dict[str, Any]]


@cache
def exercised(name: str) -> Exercised:
    """Use all of a function."""
    with scene() as stage:
        EXERCISES[name](stage)
        made = deployment("local", outputs=stage.platform.stacks.outputs)
        role = made.role_of(made.functions[name])
        return Exercised(stage.calls[name], grants_of(role.properties), stage.written[name])
