"""The demo's acts: start the platform, register, poll, change, poll again, compare, end."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console

from infra.demo import report
from infra.demo.ledger import Ear, Line, line, truly_published
from infra.local.errors import LocalCloudError
from infra.local.lifecycle import local_cloud
from infra.local.progress import Steps
from tallycast.cli.platform import CommandRefusedError, NoPlatformError, Platform
from tallycast.demo.habits import Phase
from tallycast.demo.origin import DemoOrigin
from tallycast.demo.shows import generate_shows
from tallycast.demo.truth import Truth, truth_of
from tallycast.feeds.hosts import HostSlotsTakenError
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

TENANT = "demo"
_PATIENCE_SECONDS = 90
_SEED = 1


class DemoStuckError(PermanentError):
    """Something that should have happened did not, in a time that is generous."""


class DemoDiffersError(PermanentError):
    """The platform's numbers are not the truth."""


class Demo:
    """One run of the demo on one local cloud."""

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
        self._shows: dict[str, str] = {}  # show id by slug
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

        if feed := self._wait_for(answered, f"the registration of {slug}"):
            self._ids[slug] = feed["feed_id"]
            self._shows[slug] = feed["show_id"]

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

        feeds = self._wait_for(all_polled, f"the polls of {phase.name.lower().replace('_', ' ')}")
        return [line(expected[slug], feed) for slug, feed in feeds.items()]

    def heard(self, phase: Phase) -> report.Heard:
        """Wait until the bus has told of every episode, and a little longer for repetitions."""
        wanted = truly_published(
            (self._shows[slug], self._truth.ever_published(slug, phase)) for slug in self._ids
        )

        def enough() -> bool | None:
            self._ear.listen()
            return True if wanted <= set(self._ear.published()) else None

        self._wait_for(enough, "the events on the bus")
        time.sleep(1.0)
        self._ear.listen()
        return report.Heard(wanted, self._ear.published(), self._ear.counts())

    def _wait_for(self, look: Any, what: str) -> Any:  # noqa: ANN401 - whatever `look` finds
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            time.sleep(0.3)
        raise DemoStuckError(
            f"{what} did not end in {_PATIENCE_SECONDS} seconds; see {self._cloud.logs_dir}"
        )


def main() -> int:
    """Play the demo; 0 when every number is the truth."""
    steps = Steps()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else report.WIDTH)
    try:
        _play(steps, console)
    except (LocalCloudError, DemoStuckError, DemoDiffersError, NoPlatformError) as error:
        steps.say(f"error: {error.message}")
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted; everything was stopped")
        return 130
    return 0


def _play(steps: Steps, console: Console) -> None:
    began = time.monotonic()
    seed = int(os.environ.get("TALLYCAST_DEMO_SEED", _SEED))
    shows = generate_shows(seed, until=datetime.now(UTC) - timedelta(hours=1))
    truth = truth_of(shows)
    episodes = sum(len(show.episodes) for show in shows)
    steps.say(f"{len(shows)} generated shows with {episodes} episodes, served from loopback")
    with (
        DemoOrigin(shows) as origin,
        local_cloud(
            parameters={"FetchAllowList": f"127.0.0.1:{origin.port}"}, steps=steps
        ) as cloud,
    ):
        demo = Demo(cloud, origin, truth, steps)
        lines, heard = demo.play()
        report.show(console, shows, lines, demo.refused, heard)
        report.show_requests(console, origin)
        steps.say(f"{time.monotonic() - began:.0f} s from start to end")
        wrong = [each for each in lines if not each.agrees]
        if wrong or not heard.exactly_once or demo.refused != report.truly_refused(truth):
            raise DemoDiffersError(
                f"{len(wrong)} polls differ from the truth; "
                f"{'' if heard.exactly_once else 'not '}every episode was published exactly once"
            )
