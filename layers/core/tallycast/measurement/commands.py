"""What a person can ask of the counts, as one message with one answer.

The command line sends these to `manage_measurement`; each names its tenant, because the caller is
an operator with AWS credentials of their own.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from tallycast.aws.commands import BadCommandError
from tallycast.aws.observability import MetricUnit, logger, metrics
from tallycast.kernel.schema import Produced
from tallycast.measurement.logs.model import source_of
from tallycast.measurement.privacy import months_around
from tallycast.measurement.rollups.model import AgeTotals, Card, ListenerCount, Thing
from tallycast.measurement.tenancy import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.feeds.store import FeedStore
    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.counting.marking import Marker
    from tallycast.measurement.counting.plan import Planner
    from tallycast.measurement.intake.sources import LogSourceStore
    from tallycast.measurement.privacy.store import KeyStore
    from tallycast.measurement.rollups.reading import CardReader
    from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
    from tallycast.measurement.tracking.registry import TrackingRegistry

RulesName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]
Id = Annotated[str, Field(min_length=1, max_length=200)]
Switch = Literal["on", "off"]


class _Command(Produced):
    tenant: str


class Settings(_Command):
    """Show how downloads are counted, or change entries of it."""

    command: Literal["settings"]
    change: dict[str, Any] | None = None


class Sources(_Command):
    """List the log sources, or set one up."""

    command: Literal["sources"]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = None
    source: dict[str, Any] | None = None


class Recount(_Command):
    """Count every day of a period again."""

    command: Literal["recount"]
    first: date
    last: date
    rules: RulesName | None = None


class Days(_Command):
    """When the days of a period were counted, and from what."""

    command: Literal["days"]
    first: date
    last: date
    rules: RulesName | None = None


class Downloads(_Command):
    """The numbers of a show, an episode or the tenant, day by day."""

    command: Literal["downloads"]
    scope: Literal["tenant", "show", "episode"] = "tenant"
    id: Id | None = None
    first: date
    last: date
    rules: RulesName | None = None
    limit: Annotated[int, Field(ge=1, le=400)] = 100
    cursor: Annotated[str, Field(max_length=20)] | None = None


class Ages(_Command):
    """An episode's downloads by days since its release."""

    command: Literal["ages"]
    id: Id
    rules: RulesName | None = None


class Listeners(_Command):
    """Distinct listeners by week (`2026-W47`) or month (`2026-11`)."""

    command: Literal["listeners"]
    scope: Literal["tenant", "show", "episode"] = "tenant"
    id: Id | None = None
    period: Literal["week", "month"]
    first: Annotated[str, Field(max_length=8)]
    last: Annotated[str, Field(max_length=8)]
    rules: RulesName | None = None


class Track(_Command):
    """Make a show key, or change how a show's prefix behaves."""

    command: Literal["track"]
    action: Literal["register", "show", "rotate", "disable", "enable"]
    show_id: Id


class Sign(_Command):
    """An address that is redirected to although the show's feed does not name its host."""

    command: Literal["sign"]
    show_id: Id
    show_key: Annotated[str, Field(max_length=200)]
    url: Annotated[str, Field(max_length=2000)]


class Ban(_Command):
    """Refuse a host or a show key on the redirect, or lift that; the platform's decision."""

    command: Literal["ban"]
    host: Annotated[str, Field(max_length=253)] | None = None
    show_key: Annotated[str, Field(max_length=200)] | None = None
    lift: bool = False


class Kill(_Command):
    """The kill switches of the redirect: recording, and redirecting at all."""

    command: Literal["switch"]
    recording: Switch | None = None
    redirecting: Switch | None = None


Command = (
    Settings | Sources | Recount | Days | Downloads | Ages | Listeners | Track | Sign | Ban | Kill
)
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Commands:
    """Carries out commands; every answer is plain JSON."""

    settings: MeasurementSettingsStore
    sources: LogSourceStore
    days: DayStore
    planner: Planner
    marker: Marker
    reader: CardReader
    tracking: TrackingRegistry
    keys: KeyStore
    feeds: FeedStore
    tracking_url: str
    clock: Callable[[], datetime]

    def run(self, event: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command.

        Raises:
            BadCommandError: it is none of ours.
            TallycastError: it cannot be done; the message says why.
        """
        try:
            command = COMMAND.validate_python(event)
        except ValidationError as error:
            raise BadCommandError.of(error) from error
        logger.append_keys(tenant=command.tenant, command=command.command)
        match command:
            case Settings() | Sources():
                return self._set_up(command)
            case Recount():
                rules = (command.rules,) if command.rules else ()
                plan = self.planner.recount(
                    command.tenant, command.first, command.last, self.clock(), rules=rules
                )
                return plan.model_dump(mode="json")
            case Days() | Downloads() | Ages() | Listeners():
                return self._timed(command)
            case Track() | Sign() | Ban() | Kill():
                return self._track(command)

    # ── settings ──

    def _set_up(self, command: Settings | Sources) -> dict[str, Any]:
        if isinstance(command, Sources):
            if command.name is not None and command.source is not None:
                source = source_of(command.source)
                self.sources.put(command.tenant, command.name, source)
            found = self.sources.every(command.tenant)
            return {
                "sources": {
                    name: source.model_dump(mode="json", exclude_defaults=True)
                    for name, source in found.items()
                }
            }
        settings = self.settings.get(command.tenant)
        if command.change is not None:
            before = settings
            settings = settings_of({**settings.model_dump(mode="json"), **command.change})
            self.settings.put(command.tenant, settings)
            self._recount_open(command.tenant, before, settings)
        return {"settings": settings.model_dump(mode="json")}

    def _recount_open(
        self, tenant: str, before: MeasurementSettings, after: MeasurementSettings
    ) -> None:
        """Days that are still open are counted under the new settings; final ones on request."""
        if before == after:
            return
        today = self.clock().date()
        open_days = [date.fromordinal(today.toordinal() - back) for back in range(4)]
        self.marker.requests_changed(tenant, open_days, self.clock())

    # ── numbers ──

    def _timed(self, command: Days | Downloads | Ages | Listeners) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            return self._read(command)
        finally:
            elapsed = (time.perf_counter() - started) * 1000
            metrics.add_metric("query_latency", MetricUnit.Milliseconds, elapsed)

    def _read(self, command: Days | Downloads | Ages | Listeners) -> dict[str, Any]:
        tenant = command.tenant
        rules = command.rules or self.settings.get(tenant).rules[0]
        match command:
            case Days():
                found = self.days.of_tenant(tenant, rules, command.first, command.last)
                hidden = {"lease_id", "lease_until", "marks"}
                return {"days": [state.model_dump(mode="json", exclude=hidden) for state in found]}
            case Downloads():
                page = self.reader.days(
                    self._thing(command, rules),
                    command.first,
                    command.last,
                    limit=command.limit,
                    cursor=command.cursor,
                )
                return {"days": [shown(card) for card in page.items], "next": page.cursor}
            case Ages():
                ages = self.reader.ages(tenant, rules, command.id)
                return {"ages": shown(ages) if ages else None}
            case Listeners():
                thing = self._thing(command, rules)
                counts = self.reader.listeners(thing, command.period, command.first, command.last)
                return {"listeners": [shown(count) for count in counts]}

    def _thing(self, command: Downloads | Listeners, rules: str) -> Thing:
        if command.scope != "tenant" and command.id is None:
            raise BadCommandError(f"bad command: name the {command.scope} with `id`")
        return Thing(command.tenant, rules, command.scope, command.id or command.tenant)

    # ── the redirect ──

    def _track(self, command: Track | Sign | Ban | Kill) -> dict[str, Any]:
        tracking = self.tracking
        match command:
            case Track():
                return self._track_show(command)
            case Sign():
                return {
                    "url": tracking.sign(
                        command.tenant,
                        command.show_id,
                        base=self.tracking_url,
                        show_key=command.show_key,
                        url=command.url,
                    )
                }
            case Ban():
                if (command.host is None) == (command.show_key is None):
                    raise BadCommandError("bad command: name either a host or a show key")
                if command.host is not None:
                    tracking.ban_host(command.host, banned=not command.lift)
                if command.show_key is not None:
                    tracking.ban_key(command.show_key, banned=not command.lift)
                return {"banned": not command.lift}
            case Kill():
                tracking.switch(recording=command.recording, redirecting=command.redirecting)
                return {"recording": command.recording, "redirecting": command.redirecting}

    def _track_show(self, command: Track) -> dict[str, Any]:
        tenant, show_id = command.tenant, command.show_id
        match command.action:
            case "register":
                # Hits come from now on: the keys to hash their addresses with must be there.
                now = self.clock()
                self.keys.ring_for(months_around(now), now)
                # Episodes published from now on are learned from by themselves; these are older.
                older = self.feeds.every_episode(tenant, show_id)
                enclosures = [item.enclosure_url for item in older if item.enclosure_url]
                self.tracking.learn(tenant, show_id, enclosures)
                made = self.tracking.register(tenant, show_id)
                prefix = f"{self.tracking_url}/e/{made.show_key}/"
                return {"show_key": made.show_key, "prefix": prefix, "hosts": list(made.hosts)}
            case "rotate":
                self.tracking.rotate(tenant, show_id)
            case "disable":
                self.tracking.disable(tenant, show_id)
            case "enable":
                self.tracking.enable(tenant, show_id)
            case "show":
                pass
        return {"tracking": asdict(self.tracking.get(tenant, show_id))}


def shown(thing: Card | AgeTotals | ListenerCount) -> dict[str, Any]:
    """What a person sees of a number; times and dates as text."""
    return {name: _plain(value) for name, value in asdict(thing).items()}


def _plain(value: object) -> object:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
