"""What the platform says happened, held against the truth."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tallycast.demo.truth import Expectation, OutcomeKind
from tallycast.feeds.events import SOURCE
from tallycast.feeds.items import episode_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.cloud import LocalCloud

_COMPARED = ("new", "updated", "moved", "gone", "returned", "unchanged")


@dataclass(frozen=True, slots=True)
class Line:
    """One feed in one act: what the truth expects and what the platform reports."""

    expected: Expectation
    counts: dict[str, int]
    outcome: str
    error: str | None
    moved_to: str | None

    @property
    def agrees(self) -> bool:
        """Whether the platform says exactly what is true."""
        truth = self.expected
        if truth.error is not None:
            return self.error == truth.error
        wanted = (
            truth.new, truth.updated, truth.rehosted, truth.gone, truth.returned, truth.unchanged,
        )  # fmt: skip
        # The platform counts an episode that is back as it was among the unchanged, too.
        got = tuple(self.counts.get(name, 0) for name in _COMPARED)
        got = (*got[:5], got[5] - got[4])
        return (
            self.error is None
            and got == wanted
            and (self.moved_to == truth.moved_to or truth.moved_to is None)
        )


def line(expected: Expectation, feed: dict[str, Any]) -> Line:
    """The line of a feed as `manage_feeds` shows it after an act."""
    failed = feed["last_outcome"] in {"failed", "retired"}
    error = feed["last_error"].partition(":")[0] if failed else None
    moved = expected.kind is OutcomeKind.MOVED
    return Line(
        expected=expected,
        counts={} if failed else feed["last_counts"],
        outcome=feed["last_outcome"],
        error=error,
        moved_to=urlsplit(feed["url"]).path if moved else None,
    )


class Ear:
    """Listens on the event bus, through a rule and a queue of its own."""

    def __init__(self, cloud: LocalCloud, tenant: str, name: str) -> None:
        """Begin to listen, under a name of its own, to what happens to one tenant's feeds."""
        self._sqs = cloud.client("sqs")
        bus = cloud.outputs["EventBusName"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        events = cloud.client("events")
        pattern = json.dumps({"source": [SOURCE], "detail": {"tenant": [tenant]}})
        events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "ear", "Arn": arn}])
        self.heard: list[dict[str, Any]] = []

    def listen(self) -> int:
        """Take what has come; returns how many events that were."""
        before = len(self.heard)
        while True:
            got = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            ).get("Messages", [])
            if not got:
                return len(self.heard) - before
            for message in got:
                self.heard.append(json.loads(message["Body"]))
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(got)
                ],
            )

    def counts(self) -> Counter[str]:
        """How many events of each kind were heard."""
        return Counter(event["detail-type"] for event in self.heard)

    def published(self) -> Counter[str]:
        """How often each episode was published, by id."""
        return Counter(
            event["detail"]["episode_id"]
            for event in self.heard
            if event["detail-type"] == "EpisodePublished"
        )


def truly_published(
    identities: Iterable[tuple[str, Iterable[object]]],
) -> set[str]:
    """Episode ids of every identity the truth says was published, by show id."""
    return {
        episode_id(show_id, str(identity)) for show_id, these in identities for identity in these
    }
