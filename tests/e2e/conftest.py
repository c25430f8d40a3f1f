"""The template deployed on local clouds, once for each set of parameters the tests need."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local.lifecycle import local_cloud
from tallycast.demo.origin import DemoOrigin
from tallycast.demo.shows import generate_shows
from tests.e2e.host import Host
from tests.e2e.measuring import Measured
from tests.e2e.tenants import Tenant
from tests.support.hostile import HostileOrigin
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.local.cloud import LocalCloud

WALK_SEED = 20_261
EDGE_SECRET = "edge-of-the-tests"
LOG_SHOWN_BYTES = 6_000
_names = count(1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the end of the cloud's log with a test that failed: the log goes with the cloud."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed or report.when != "call":
        return
    for name in ("steady", "brisk"):
        cloud = getattr(item, "funcargs", {}).get(name)
        if cloud is not None:
            tail = cloud.folder.log.read_bytes()[-LOG_SHOWN_BYTES:].decode(errors="replace")
            report.sections.append((f"log of the {name} cloud", tail))


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """A host whose answers each test scripts, under paths of its own."""
    with Host() as running:
        yield running


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Takes webhooks; each test has paths of its own."""
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def hostile() -> Iterator[HostileOrigin]:
    with HostileOrigin() as running:
        yield running


@pytest.fixture(scope="session")
def demo_origin() -> Iterator[DemoOrigin]:
    shows = generate_shows(WALK_SEED, until=datetime.now(UTC) - timedelta(hours=1))
    with DemoOrigin(shows) as running:
        yield running


@pytest.fixture(scope="session")
def dead_address() -> Iterator[str]:
    """An address that refuses every connection, held so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def deployed(**parameters: object) -> Iterator[LocalCloud]:
    """The real template with these parameters; the tests tick by themselves.

    Between the tries of a state machine a tenth of the time passes that it asks for.
    """
    with local_cloud(parameters={name: str(value) for name, value in parameters.items()}) as cloud:
        hurry = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{cloud.endpoint}/_ministack/config",
            data=json.dumps({"stepfunctions._SFN_WAIT_SCALE": 0.1}).encode(),
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(hurry, timeout=10) as reply:
            assert "stepfunctions._SFN_WAIT_SCALE" in json.load(reply)["applied"]
        scheduler = cloud.client("scheduler")
        for entry in scheduler.list_schedules()["Schedules"]:
            found = scheduler.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
            kept = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
            scheduler.update_schedule(**{name: found[name] for name in kept}, State="DISABLED")
        yield cloud


@pytest.fixture(scope="session")
def steady(
    host: Host,
    hostile: HostileOrigin,
    demo_origin: DemoOrigin,
    dead_address: str,
    receiver: Receiver,
) -> Iterator[LocalCloud]:
    """A cloud whose budgets have room: a batch of five slow fetches fits into its function."""
    allowed = (
        host.address,
        hostile.allow,
        f"127.0.0.1:{demo_origin.port}",
        dead_address,
        receiver.address,
    )
    with deployed(
        FetchAllowList=",".join(allowed),
        FetchSeconds=5,
        PollTimeoutSeconds=40,
        PollVisibilitySeconds=60,
        EdgeSecret=EDGE_SECRET,
    ) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def brisk(host: Host) -> Iterator[LocalCloud]:
    """A cloud that comes back to a message quickly; one host slot stays free of its pollers."""
    with deployed(
        FetchAllowList=host.address,
        FetchSeconds=4,
        PollTimeoutSeconds=14,
        PollVisibilitySeconds=15,
        PollConcurrency=3,
        IngestTimeoutSeconds=15,
        IngestVisibilitySeconds=15,
    ) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def new_tenant() -> Iterator[Callable[[LocalCloud, str], Tenant]]:
    """Makes tenants nobody else has; they are paused when the module ends."""
    made: list[Tenant] = []

    def make(cloud: LocalCloud, name: str) -> Tenant:
        made.append(Tenant(cloud, f"{name}-{next(_names)}"))
        return made[-1]

    yield make
    for tenant in made:
        tenant.pause_all()


@pytest.fixture
def tenant_name(request: pytest.FixtureRequest) -> str:
    """The test's name as a tenant's."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:30]


@pytest.fixture
def steady_tenant(
    steady: LocalCloud, new_tenant: Callable[[LocalCloud, str], Tenant], tenant_name: str
) -> Tenant:
    return new_tenant(steady, tenant_name)


@pytest.fixture
def brisk_tenant(
    brisk: LocalCloud, new_tenant: Callable[[LocalCloud, str], Tenant], tenant_name: str
) -> Tenant:
    return new_tenant(brisk, tenant_name)


@pytest.fixture(scope="session")
def new_measured() -> Callable[[LocalCloud, str], Measured]:
    """Makes tenants nobody else has, whose downloads are counted."""
    return lambda cloud, name: Measured(cloud, f"{name}-{next(_names)}")


@pytest.fixture
def measured(
    steady: LocalCloud, new_measured: Callable[[LocalCloud, str], Measured], tenant_name: str
) -> Measured:
    return new_measured(steady, tenant_name)


@pytest.fixture
def tried(
    brisk: LocalCloud, new_measured: Callable[[LocalCloud, str], Measured], tenant_name: str
) -> Measured:
    """A tenant of the cloud on which things go wrong."""
    return new_measured(brisk, tenant_name)


class Cli:
    """The command line as a person runs it, against one cloud and for one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def __call__(
        self, *arguments: str, state: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "TALLYCAST_STATE": str(state or self._tenant.cloud.folder.file),
            "TALLYCAST_TENANT": self._tenant.name,
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name("tallycast")), *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env=environment,
        )


@pytest.fixture
def cli(steady_tenant: Tenant) -> Cli:
    return Cli(steady_tenant)
