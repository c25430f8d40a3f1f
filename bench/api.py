"""What a route costs beside what it does: microseconds of processor time per request.

    python bench/api.py

Four routes stand for all: a read, a list of fifty, a creation, a refusal. Their views give what
lies ready, the rate limiter and the memory of idempotency are in this process, logs go nowhere:
what is measured is routing, reading, checking, validating, writing the reply and the metrics. The
peers answer the same request: a bare handler that only writes JSON, and Chalice's routing alone.
Start-up is that of whole processes that import the function as Lambda does. Nothing is asserted
but the printed limit.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers/core")]
os.environ |= {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}

from chalice.app import Chalice  # noqa: E402 - as the path allows
from pydantic import BaseModel, ConfigDict, Field  # noqa: E402

from tallycast.api.app import routed  # noqa: E402
from tallycast.api.limits import Allowance  # noqa: E402
from tallycast.api.paging import PageOf, PageQuery  # noqa: E402
from tallycast.api.routes import Routes  # noqa: E402
from tallycast.api.typed import Gate  # noqa: E402
from tallycast.aws.observability import metrics  # noqa: E402
from tallycast.identity.plans import FREE  # noqa: E402
from tests.support.api import Context, a_principal, passed_on  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
REQUESTS = 400
LIMIT_MICROSECONDS = 250.0
NEVER = ("pandas", "pyarrow", "numpy", "duckdb", "weasyprint")

things = Routes("things")


class Thing(BaseModel):
    """About as large as most of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(max_length=40)
    name: str = Field(max_length=200)
    state: str
    amount: int
    currency: str
    first: datetime
    last: datetime
    tags: list[str]


THING = Thing(
    id="thg_01", name="A thing", state="live", amount=250_000, currency="EUR",
    first=datetime(2026, 11, 1, tzinfo=UTC), last=datetime(2026, 11, 30, tzinfo=UTC),
    tags=["one", "two"],
)  # fmt: skip
PAGE = PageOf[Thing](items=[THING] * 50, next="MTAx")


@things.get("/v1/things/{thing_id}", scope="me:read", returns=Thing)
def show_thing(call: Any, thing_id: str) -> Thing:
    """Show one."""
    return THING


@things.get("/v1/things", scope="me:read", query=PageQuery, returns=PageOf[Thing])
def list_things(call: Any, query: PageQuery) -> PageOf[Thing]:
    """List fifty."""
    return PAGE


@things.post("/v1/things", scope="me:read", body=Thing, returns=Thing)
def add_thing(call: Any, body: Thing) -> Thing:
    """Make one."""
    return body


class Limiter:
    def take(self, client: str, plan: Any, now: datetime) -> Allowance:
        return Allowance(FREE, allowed=True, remaining=1, reset_seconds=1.0)


class Memory:
    def once(self, key: str, body: bytes, context: Any, work: Callable[[], Any]) -> Any:
        return work()


def event(method: str, path: str, resource: str, body: str | None = None) -> dict[str, Any]:
    """As API Gateway sends it."""
    headers = {"host": "api.example", "x-forwarded-proto": "https", "idempotency-key": "k"}
    return {
        "resource": resource, "path": path, "httpMethod": method,
        "headers": headers, "multiValueHeaders": {n: [v] for n, v in headers.items()},
        "queryStringParameters": None, "multiValueQueryStringParameters": None,
        "pathParameters": {"thing_id": "thg_01"} if "{" in resource else None,
        "stageVariables": None, "body": body, "isBase64Encoded": False,
        "requestContext": {
            "resourcePath": resource, "httpMethod": method, "path": f"/live{path}",
            "requestId": "r", "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": passed_on(a_principal()),
        },
    }  # fmt: skip


REQUEST = {
    "read of one": event("GET", "/v1/things/thg_01", "/v1/things/{thing_id}"),
    "list of fifty": event("GET", "/v1/things", "/v1/things"),
    "creation": event("POST", "/v1/things", "/v1/things", THING.model_dump_json()),
    "refusal (422)": event("POST", "/v1/things", "/v1/things", '{"id": 1}'),
}
REPLY = {
    "read of one": THING, "list of fifty": PAGE, "creation": THING, "refusal (422)": THING,
}  # fmt: skip


def ours() -> Callable[[dict[str, Any]], Any]:
    gate = Gate(
        limiter=Limiter(),  # type: ignore[arg-type]  # does what the real one does
        idempotency=Memory(),  # type: ignore[arg-type]
        clock=lambda: datetime.now(UTC),
        origins=frozenset(),
        for_partners=False,
    )
    app = routed(Chalice("bench", configure_logs=False), [things], lambda: gate)
    context = Context()

    def answer(asked: dict[str, Any]) -> Any:
        made = app(asked, context)
        metrics.clear_metrics()
        return made

    return answer


def bare_chalice(reply: BaseModel) -> Callable[[dict[str, Any]], Any]:
    app = Chalice("peer", configure_logs=False)
    for path in ("/v1/things/{thing_id}", "/v1/things"):
        methods = ["GET"] if "{" in path else ["GET", "POST"]
        app.route(path, methods=methods, name=path)(lambda **_: reply.model_dump(mode="json"))
    return lambda asked: app(asked, None)


def bare(reply: BaseModel) -> Callable[[dict[str, Any]], Any]:
    return lambda _: {
        "statusCode": 200,
        "headers": {},
        "body": json.dumps(reply.model_dump(mode="json")),
    }


def micros(work: Callable[[dict[str, Any]], Any], asked: dict[str, Any]) -> float:
    """Processor time of one request, the median of some rounds."""
    work(asked)
    found = []
    gc.disable()
    try:
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(REQUESTS):
                work(asked)
            found.append((time.process_time() - began) / REQUESTS * 1e6)
    finally:
        gc.enable()
    return median(found)


def start_up(function: str) -> tuple[float, list[str]]:
    """Seconds of processor time until a function can answer, and what of `NEVER` it imported."""
    code = (
        "import sys, time, json; began = time.process_time(); "
        f"sys.path.insert(0, {str(ROOT / 'functions' / function)!r}); import app; "
        "print(json.dumps([time.process_time() - began, "
        f"[n for n in {NEVER!r} if n in sys.modules], len(sys.modules)]))"
    )
    runs = []
    for _ in range(3):
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        runs.append(json.loads(ran.stdout))
    return median(run[0] for run in runs), runs[0][1]


def main() -> int:
    """Print the table; 1 when the limit was missed."""
    work, slow = ours(), []
    print(f"{'per request, µs':<20}{'ours':>9}{'Chalice':>9}{'bare':>9}")
    for name, asked in REQUEST.items():
        with contextlib.redirect_stdout(io.StringIO()):
            found = micros(work, asked)
            peer, least = micros(bare_chalice(REPLY[name]), asked), micros(bare(REPLY[name]), asked)
        print(f"{name:<20}{found:>9.0f}{peer:>9.0f}{least:>9.0f}")
        if found > LIMIT_MICROSECONDS:
            slow.append(name)
    for function in ("api", "partner_api"):
        seconds, heavy = start_up(function)
        print(
            f"{function} starts in {seconds * 1000:.0f} ms of processor time; of "
            f"{', '.join(NEVER)} it imports {', '.join(heavy) or 'none'}"
        )
        slow += heavy
    print(f"limit {LIMIT_MICROSECONDS:.0f} µs:", f"missed by {', '.join(slow)}" if slow else "kept")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
