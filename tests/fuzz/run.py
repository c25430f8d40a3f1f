"""Cases against one door of the deployed platform, and what they found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

import schemathesis
import yaml
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER, HookContext

from infra.local.cloud import LocalCloud
from infra.local.doors import Door
from tallycast.identity.access import scopes_of
from tallycast.identity.model import Role
from tests.e2e.house import a_house, a_key, furnish
from tests.fuzz.aiming import Aim
from tests.fuzz.hostile import Hostile, Probe
from tests.fuzz.judging import is_as_documented, is_of_the_local_cloud, wrong_with
from tests.fuzz.peeping import Neighbour
from tests.fuzz.stock import Stock, stocked

ROOT: Final = Path(__file__).resolve().parents[2]
SEED: Final = 20_261
DoorName = Literal["api", "partner_api"]
DOORS: Final[dict[DoorName, tuple[Literal["Api", "PartnerApi"], str]]] = {
    "api": ("Api", "openapi.yaml"),
    "partner_api": ("PartnerApi", "openapi-partner.yaml"),
}
TIMEOUT_SECONDS: Final = 60
_GOOD: Final = range(200, 400)
_CREATED: Final = (201, 202)


@dataclass(frozen=True)
class Size:
    """How much is tried.

    Attributes:
        examples: random cases of each operation, valid and invalid.
        walks: of operations that follow one another, each with what the one before answered.
        bounds: whether to try every bound of every schema, and leave out every part.
        hostile: requests of each operation with bytes, numbers or headers that nobody sends.
    """

    examples: int
    walks: int
    bounds: bool
    hostile: int


FULL: Final = Size(examples=4, walks=40, bounds=True, hostile=25)
SMALL: Final = Size(examples=1, walks=2, bounds=False, hostile=1)


@dataclass
class Found:
    """What was done at one door, and what was wrong.

    Attributes:
        cases: by where they come from; a probe that a check adds is none.
        checks: how often each check was made.
        operations: that there are, that were tried, and that were answered well at least once.
        peeps: requests that the other tenant sent again.
        wrong: a line for each fault.
    """

    door: DoorName
    cases: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    all_operations: int = 0
    tried: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    peeps: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def fuzz(cloud: LocalCloud, door: DoorName, seed: int, size: Size) -> Found:
    """Try one door with a tenant of its own, beside another tenant that looks on."""
    began = time.monotonic()
    name = f"{door.replace('_', '-')}-{time.time_ns()}"
    stock = stocked(furnish(a_house(cloud, f"fuzz-{name}")))
    other = a_house(cloud, f"peep-{name}")
    key = a_key(other, "all", Role.OWNER, sorted(scopes_of(Role.OWNER)))
    run = _Run(door, stock, Neighbour(key, stock), seed)
    run.generated(size, stock.credential)
    run.hostile(size.hostile)
    if door == "api":
        # Somebody else's sessions and tenant: the key that the run lives on has none.
        person = a_house(cloud, f"person-{name}").owner
        run.generated(replace(size, walks=0), person, only=_PEOPLES)
    run.found.wrong += sorted(set(run.neighbour.wrong))
    run.found.peeps = run.neighbour.asked
    # Else all that was refused was refused for a wrong reason.
    if stock.house.door(stock.credential).send("GET", "/v1/me").status not in _GOOD:
        run.found.wrong.append("the credential of the run is gone")
    run.found.seconds = time.monotonic() - began
    return run.found


class _Run:
    """One run at one door."""

    def __init__(self, door: DoorName, stock: Stock, neighbour: Neighbour, seed: int) -> None:
        output, file = DOORS[door]
        self.url = Door.of(stock.house.cloud, output).url
        self.document = yaml.safe_load((ROOT / "infra" / file).read_text())
        self.document["servers"] = [{"url": self.url}]
        self.stock = stock
        self.neighbour = neighbour
        self.seed = seed
        self.found = Found(door)
        self._aim = Aim(stock, seed)

    # ── cases that schemathesis makes from the document ──

    def generated(self, size: Size, credential: str, only: tuple[str, ...] = ()) -> None:
        config = self._config(size, credential)
        schema = schemathesis.openapi.from_dict(self.document, config=config)
        self.found.all_operations = schema.statistic.operations.total
        if only:
            schema = schema.include(operation_id=list(only))
        with self._hooked():
            for event in from_schema(schema).execute():
                if isinstance(event, events.NonFatalError):
                    self.found.wrong.append(f"{event.label}: {event.value!r}")
                elif isinstance(event, events.ScenarioFinished):
                    self._take(event.phase.value, event.recorder)

    def _config(self, size: Size, credential: str) -> SchemathesisConfig:
        return SchemathesisConfig.from_dict(
            {
                "seed": self.seed,
                "workers": 1,  # so that the cases come in the same order under the same seed
                "base-url": self.url,
                "headers": {"Authorization": f"Bearer {credential}"},
                "continue-on-failure": True,
                "request-timeout": TIMEOUT_SECONDS,
                "max-redirects": 0,
                "suppress-health-check": ["all"],
                "generation": {
                    "max-examples": max(1, size.examples),
                    "no-shrink": True,
                    "database": "none",
                    "with-security-parameters": False,
                },
                "phases": {
                    "examples": {"enabled": False},
                    "coverage": {"enabled": size.bounds},
                    "fuzzing": {"enabled": size.examples > 0},
                    "stateful": {
                        "enabled": size.walks > 0,
                        "generation": {"max-examples": max(1, size.walks)},
                    },
                },
                "checks": {
                    # As by default, and `If-Match` needed (428).
                    "missing_required_header": {
                        "expected-statuses": [400, 401, 403, 406, 415, 422, 428]
                    },
                    # As by default, but no 5xx; and a version that is not the newest, a body that
                    # is too large.
                    "negative_data_rejection": {
                        "expected-statuses": [400, 401, 403, 404, 409, 412, 413, 415, 422, 428]
                    },
                },
            }
        )

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        """Calls pass through here on their way out and back."""

        def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
            self._aim.take(case)
            if case.method == "DELETE":
                self.neighbour.go_first(case, self.url + case.formatted_path)

        def after_call(context: HookContext, case: Case, response: Response) -> None:
            self._learn(case, response)
            if _operation(case) not in _OPEN:
                self.neighbour.follow(case, response)

        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(after_call, "after_call")
        try:
            yield
        finally:
            GLOBAL_HOOK_DISPATCHER.unregister(before_call)
            GLOBAL_HOOK_DISPATCHER.unregister(after_call)

    def _learn(self, case: Case, response: Response) -> None:
        if response.status_code not in _GOOD:
            return
        path = response.request.path_url.partition("?")[0].partition("/live")[2]
        etag = response.headers.get("etag", [None])[0]
        is_new = case.method == "POST" and response.status_code in _CREATED
        self.stock.saw(path, etag, response.content if is_new else b"")
        if response.request.method == case.operation.method.upper() and isinstance(case.body, dict):
            self.stock.bodies[_operation(case)] = case.body

    def _take(self, phase: str, recorder: ScenarioRecorder) -> None:
        """What came of the cases of one scenario."""
        for case_id, interaction in recorder.interactions.items():
            case = recorder.cases[case_id].value
            made = recorder.checks.get(case_id)
            label = f"{interaction.request.method} {case.operation.path}"
            if interaction.response is None:
                self.found.wrong.append(f"{label}: no answer")
                continue
            status, body = interaction.response.status_code, interaction.response.content
            if made is None:  # a probe that a check sent
                continue
            self.found.cases[phase] += 1
            self.found.statuses[status] += 1
            self.found.tried.add(_operation(case))
            if status in _GOOD and interaction.request.method == case.operation.method.upper():
                self.found.answered.add(_operation(case))
            headers = {name: values[0] for name, values in interaction.response.headers.items()}
            if is_of_the_local_cloud(interaction.request.uri, status, body):
                continue
            wrong = wrong_with(_operation(case), status, headers, body)
            if wrong is not None:
                self.found.wrong.append(f"{label}: {wrong}")
            for check in made:
                self.found.checks[check.name] += 1
                if check.status != Status.FAILURE or check.failure_info is None:
                    continue
                if is_as_documented(check.name, case.operation.path, status, body):
                    continue
                told = " | ".join(check.failure_info.failure.message.splitlines())
                self.found.wrong.append(
                    f"{label}: {check.name}: {told}\n    {status} {body[:400]!r}\n"
                    f"    {check.failure_info.code_sample[:2000]}"
                )

    # ── requests that no generator makes ──

    def hostile(self, each: int) -> None:
        chosen = Random(self.seed)
        sender = Hostile(self.url, self.stock)
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                if "operationId" not in operation:
                    continue
                probes = list(sender.probes(path, method.upper(), operation))
                for probe in chosen.sample(probes, min(each, len(probes))):
                    self._send(sender, operation["operationId"], probe)

    def _send(self, sender: Hostile, operation: str, probe: Probe) -> None:
        answer = sender.send(probe)
        self.found.cases["hostile"] += 1
        if answer is None:
            wrong: str | None = "no answer"
        else:
            self.found.statuses[answer.status] += 1
            if is_of_the_local_cloud(probe.target, answer.status, answer.body):
                return
            wrong = wrong_with(operation, answer.status, answer.headers, answer.body)
        if wrong is not None:
            self.found.wrong.append(f"{probe.method} {operation}, {probe.why}: {wrong}")


# Who calls these routes proves otherwise whose they are: they belong to no tenant's credential.
_OPEN: Final = {"return_from_provider", "receive_hook", "accept_invitation", "fetch_export"}

# Routes that are for people alone, and may end the session of who calls them.
_PEOPLES: Final = ("switch_tenant", "sign_out_everywhere")


def _operation(case: Case) -> str:
    return str(case.operation.definition.raw["operationId"])


def shown(found: Found) -> str:
    """The figures of a run at one door, for people."""
    cases = ", ".join(f"{number:,} {name}" for name, number in found.cases.most_common())
    statuses = ", ".join(
        f"{status}: {number:,}" for status, number in sorted(found.statuses.items())
    )
    never = sorted(found.tried - found.answered)
    lines = [
        f"{found.door}: {found.cases.total():,} cases in {found.seconds:.0f} s ({cases})",
        f"  operations: {len(found.tried)} of {found.all_operations}; answered well at least once: "
        + str(len(found.answered)),
        f"  never answered well: {', '.join(never) or 'none'}",
        f"  checks: {found.checks.total():,} of {len(found.checks)} kinds",
        f"  statuses: {statuses}",
        f"  sent again by another tenant: {found.peeps:,}",
        f"  wrong: {len(found.wrong)}",
        *(f"  ✗ {wrong}" for wrong in found.wrong),
    ]
    return "\n".join(lines)
