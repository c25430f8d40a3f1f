"""The acts of measurement: listeners come, logs arrive, the platform counts, numbers are read."""

from __future__ import annotations

import secrets
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from infra.demo.counting import count_all
from infra.demo.deliveries import Entry, Mailbox, Sent, deliveries
from infra.demo.numbers import RULES, Numbers, Source, Verdict, read_back, verdicts
from infra.demo.redirect import Redirect, Wrong
from infra.demo.traffic import DAYS, Listening, cast_of, prepare
from infra.demo.waiting import DemoDiffersError
from tallycast.cli.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from infra.demo.selling import SellingActs
    from infra.local.cloud import LocalCloud
    from infra.local.progress import Steps
    from tallycast.demo.shows import DemoShow
    from tallycast.demo.traffic.compare import Truth

# A day of the demo is final a day after its end, so that some of its few days are.
FINAL_AFTER_HOURS = 24
_MIDNIGHT_MARGIN = timedelta(seconds=30)


def new_edge_secret() -> str:
    """What the edge of one local cloud proves itself with."""
    return secrets.token_hex(16)


def _not_redirected(wrong: Sequence[Wrong]) -> str:
    one = wrong[0]
    return (
        f"{len(wrong)} requests were not redirected to the episode, the first of them "
        f"{one.asked}, which was answered {one.answer}"
    )


class Preparation:
    """Invents the listening while other acts are on."""

    def __init__(self, shows: Iterable[DemoShow], seed: int, folder: Path) -> None:
        now = datetime.now(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._pool = ThreadPoolExecutor(1, "demo-traffic")
        self._made: Future[Listening] = self._pool.submit(
            prepare, cast_of(shows), folder, seed=seed, midnight=midnight
        )

    @classmethod
    @contextmanager
    def of(cls, shows: Iterable[DemoShow], seed: int) -> Iterator[Self]:
        """Begin; what is made lies in a folder that goes away at the end."""
        with tempfile.TemporaryDirectory(prefix="tallycast-demo-") as folder:
            made = cls(shows, seed, Path(folder))
            try:
                yield made
            finally:
                made._pool.shutdown(cancel_futures=True)

    def listening(self) -> Listening:
        """What was made, as soon as it is."""
        return self._made.result()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it all.

    Attributes:
        books: the platform's, of every file and batch of hits.
        truth: with the platform's ids.
        counted: days that the platform's planner handed out.
        ids: show ids by slug.
    """

    ids: Mapping[str, str]
    listening: Listening
    sent: Sent
    books: list[Entry]
    numbers: Numbers
    truth: Truth
    verdicts: Mapping[Source, Verdict]
    counted: int

    @property
    def books_add_up(self) -> bool:
        """Whether every line that was sent is accounted for, and every stored one has a verdict."""
        total = (
            sum(one.accepted for one in self.books),
            sum(one.stored for one in self.books),
            sum(one.quarantined for one in self.books),
            sum(one.deduplicated for one in self.books),
        )
        sent = self.sent
        return (
            total == (sent.accepted, sent.stored, sent.quarantined, sent.deduplicated)
            and all(one.adds_up for one in self.books)
            and all(found == sent.stored for found in self.numbers.requests.values())
        )

    def faults(self) -> list[str]:
        """What is not as it should be, a phrase each; nothing, when all is."""
        found = []
        if not self.books_add_up:
            found.append("the books of the intake do not add up")
        for source, verdict in self.verdicts.items():
            if not verdict.downloads_agree:
                found.append(f"downloads ({source}) are not what can be known of the requests")
            if not verdict.waterfall_agrees:
                found.append(f"requests ({source}) were dropped for other reasons than the true")
        return found


class MeasurementActs:
    """One run of the acts on one local cloud.

    Args:
        cloud: with the edge's secret among its parameters.
        ids: show ids by slug, of the feeds that were registered.
    """

    def __init__(
        self,
        cloud: LocalCloud,
        tenant: str,
        ids: Mapping[str, str],
        edge_secret: str,
        steps: Steps,
    ) -> None:
        self._cloud = cloud
        self._tenant = tenant
        self._ids = ids
        self._steps = steps
        self._platform = Platform(cloud.session(), cloud.outputs, cloud.endpoint)
        self._mailbox = Mailbox(cloud, tenant)
        host = urlsplit(cloud.outputs["TrackDownloadUrl"]).hostname or ""
        self._redirect = Redirect(cloud.endpoint, host, edge_secret)

    def play(self, preparation: Preparation, selling: SellingActs) -> Outcome:
        """All acts, each of them a step; spots are sold before anybody listens."""
        steps = self._steps
        with steps.step("Inventing listeners and their requests (began at the start)"):
            listening = preparation.listening()
            files = deliveries(listening.logs)
        with steps.step("Setting up: rule sets, time zones, a show key for each prefixed show"):
            self.set_up(listening)
            prefixes = self.register(listening)
        selling.sell(listening, listening.truth_with(self._ids, _today()), self._ids)
        first = sum(one.requests + one.bad for one in files)
        sent = Sent(files, files[0], len(listening.live.hits))
        with steps.step(
            f"{len(files)} log files with {first:,} lines arrive; "
            f"{sent.hits} listeners are redirected"
        ):
            for one in files:
                self._mailbox.drop(one)
            today, wrong = self._send(listening, prefixes)
            if wrong:
                raise DemoDiffersError(_not_redirected(wrong))
            self._mailbox.taken(first + sent.hits)
        with steps.step("The oldest file is delivered again"):
            self._mailbox.drop(sent.again)
            books = self._mailbox.taken(sent.accepted)
        with steps.step("The days are counted, under two rule sets"):
            counted = count_all(self._cloud)
        with steps.step("Reading the numbers back"):
            span = (today - timedelta(days=DAYS + 2), today + timedelta(days=1))
            numbers = read_back(self._platform, self._tenant, listening.cast, self._ids, span)
        truth = listening.truth_with(self._ids, today)
        judged = verdicts(numbers, truth)
        return Outcome(self._ids, listening, sent, books, numbers, truth, judged, counted)

    def set_up(self, listening: Listening) -> None:
        """Two rule sets side by side, and the shows' own time zones."""
        zones = {self._ids[slug]: zone for slug, zone in listening.cast.zones.items()}
        self._platform.run_measurement(
            {
                "command": "settings",
                "tenant": self._tenant,
                "change": {
                    "rules": list(RULES), "zones": zones, "final_after_hours": FINAL_AFTER_HOURS,
                },
            }
        )  # fmt: skip

    def register(self, listening: Listening) -> dict[str, str]:
        """A show key for every show behind our prefix; the prefix's path by invented show id."""
        prefixes = {}
        for slug in sorted(listening.cast.prefixed):
            command = {"command": "track", "action": "register", "show_id": self._ids[slug]}
            made = self._platform.run_measurement({**command, "tenant": self._tenant})
            prefixes[listening.own_ids[slug]] = urlsplit(made["prefix"]).path
        return prefixes

    def _send(self, listening: Listening, prefixes: Mapping[str, str]) -> tuple[date, list[Wrong]]:
        """Send the live requests within one day; that day, and what went wrong."""
        now = datetime.now(UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        if midnight - now < _MIDNIGHT_MARGIN:
            time.sleep((midnight - now).total_seconds() + 1)
        hits = listening.live.hits
        return _today(), self._redirect.send(hits, prefixes, listening.cast.enclosures())


def _today() -> date:
    return datetime.now(UTC).date()
