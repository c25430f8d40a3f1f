"""The acts of the feeds: register, poll, change, poll again, and listen to what is told."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.demo import report
from infra.demo.ledger import Ear, Line, line, truly_published
from infra.demo.waiting import DemoStuckError, wait_for
from tallycast.cli.platform import CommandRefusedError, Platform
from tallycast.demo.habits import Phase
from tallycast.feeds.hosts import HostSlotsTakenError

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud
    from infra.local.progress import Steps
    from tallycast.demo.origin import DemoOrigin
    from tallycast.demo.truth import Truth

TENANT = "demo"


class Demo:
    """One run of the feeds' acts on one local cloud.

    Attributes:
        shows: show id by slug of every feed that was registered.
        refused: the name of the refusal by slug.
    """

    def __init__(
        self,
        cloud: LocalCloud,
        origin: DemoOrigin,
        truth: Truth,
        steps: Steps,
        *,
        tenant: str = TENANT,
    ) -> None:
        self._tenant = tenant
        self._cloud = cloud
        self._origin = origin
        self._truth = truth
        self._steps = steps
        self._platform = Platform(cloud.session(), cloud.outputs, cloud.endpoint)
        self._ear = Ear(cloud, tenant, "demo-ear")
        self._ids: dict[str, str] = {}  # feed id by slug
        self.shows: dict[str, str] = {}  # show id by slug
        self.refused: dict[str, str] = {}

    def play(self) -> tuple[list[Line], report.Heard]:
        """All acts: register, poll, change, poll again, twice; every poll, and what was heard."""
        origin, steps = self._origin, self._steps
        lines: list[Line] = []
        since = datetime.now(UTC)
        with steps.step("Registering the feeds: each is fetched and read first"):
            self.register()
        with steps.step("First polls: the back catalogues come in"):
            lines += self.polled(since, Phase.FIRST_TICK)
            origin.advance()
        for phase in (Phase.SECOND_TICK, Phase.THIRD_TICK):
            origin.advance()
            since = datetime.now(UTC)
            with steps.step(f"The feeds change; tick {int(phase) - 1}: due feeds are polled"):
                summary = self.tick(since + timedelta(minutes=30))
                lines += self.polled(since, phase)
            steps.say(f"  {summary['sent']} polls sent")
        with steps.step("Listening to the event bus"):
            heard = self.heard(Phase.THIRD_TICK)
        return lines, heard

    def register(self) -> None:
        """Add every generated show's feed; what is no feed is refused."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._register, list(self._origin.shows)))

    def _register(self, slug: str) -> None:
        command = {"command": "add", "tenant": self._tenant, "url": self._origin.url(slug)}

        def answered() -> dict[str, Any] | None:
            try:
                feed: dict[str, Any] = self._platform.run({**command, "pinned": True})["feed"]
            except CommandRefusedError as error:
                refusal = str(error.facts["refusal"])
                if refusal == HostSlotsTakenError.__name__:
                    return None  # all shows live at one host, and it is being polled already
                self.refused[slug] = refusal
                return {}
            return feed

        if feed := wait_for(self._cloud, answered, f"the registration of {slug}"):
            self._ids[slug] = feed["feed_id"]
            self.shows[slug] = feed["show_id"]

    def tick(self, at: datetime) -> dict[str, Any]:
        """Invoke the scheduler as EventBridge does at a tick; returns its summary."""
        answer = self._cloud.client("lambda").invoke(
            FunctionName=self._cloud.outputs["SchedulePolls"],
            Payload=json.dumps({"scheduled_time": at.isoformat()}).encode(),
        )
        summary: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise DemoStuckError(f"the tick failed: {summary}")
        return summary

    def polled(self, since: datetime, phase: Phase) -> list[Line]:
        """Wait until every feed was polled after a moment, and hold each against the truth."""
        expected = {each.slug: each for each in self._truth.of(phase) if each.slug in self._ids}

        def all_polled() -> dict[str, dict[str, Any]] | None:
            found = self._platform.run({"command": "list", "tenant": self._tenant})["feeds"]
            by_id = {feed["feed_id"]: feed for feed in found}
            wanted = {slug: by_id[self._ids[slug]] for slug in expected}
            moments = [feed["last_polled_at"] for feed in wanted.values()]
            done = all(m and datetime.fromisoformat(m) >= since for m in moments)
            return wanted if done else None

        feeds = wait_for(
            self._cloud, all_polled, f"the polls of {phase.name.lower().replace('_', ' ')}"
        )
        return [line(expected[slug], feed) for slug, feed in feeds.items()]

    def heard(self, phase: Phase) -> report.Heard:
        """Wait until the bus has told of every episode, and a little longer for repetitions."""
        wanted = truly_published(
            (self.shows[slug], self._truth.ever_published(slug, phase)) for slug in self._ids
        )

        def enough() -> bool | None:
            self._ear.listen()
            return True if wanted <= set(self._ear.published()) else None

        wait_for(self._cloud, enough, "the events on the bus")
        time.sleep(1.0)
        self._ear.listen()
        return report.Heard(wanted, self._ear.published(), self._ear.counts())
