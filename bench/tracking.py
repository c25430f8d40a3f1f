"""The redirect's handler beside its peers, and the ways a hit could be recorded, in one run.

    python bench/tracking.py

Handlers answer the same event of a function's URL, in this process, warm, with the show in the
cache and the line going to a list: what is measured is reading, checking, hashing, answering and
building the line. The peers: a bare handler that hashes with HMAC and builds a line with
`json.dumps` and checks nothing; Chalice's routing alone (when it is installed); Powertools' logger,
metrics and tracer around its resolver for function URLs.

Ways of recording are measured with their other end in a process of its own on this machine, so
that the processor time is ours alone; what the network adds on AWS is not in it. Start-up times are
those of whole processes. Nothing is asserted but the printed target.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import hashlib
import hmac
import http.client
import importlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infra import costs
from tallycast.measurement.privacy import KeyRing
from tallycast.measurement.tracking.directory import Directory
from tallycast.measurement.tracking.redirect import Redirect
from tallycast.measurement.tracking.shows import Policy, show_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
}
TARGET_MICROSECONDS = 30.0
ROUNDS = 9
KEY = "shk_" + "k" * 43
EDGE = "an edge secret of thirty-two byte"
EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": f"/e/{KEY}/https/dts.podtrac.com/redirect.mp3/chrt.fm/track/8F2A/audio.example.com"
    "/shows/the-daily-example/2026/11/episode%20214.mp3",
    "rawQueryString": "source=rss&updated=1795348800",
    "headers": {
        "accept": "*/*",
        "host": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws",
        "user-agent": "AppleCoreMedia/1.0.0.20G75 (iPhone; U; CPU OS 16_6 like Mac OS X; en_us)",
        "range": "bytes=0-1",
        "referer": "https://player.example.com/",
        "x-playback-session-id": "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
        "x-tallycast-edge": EDGE,
        "cloudfront-viewer-address": "198.51.100.10:46532",
        "cloudfront-viewer-country": "DE",
        "cloudfront-viewer-country-region": "BE",
        "cloudfront-viewer-asn": "3320",
        "x-forwarded-for": "203.0.113.40",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    },
    "requestContext": {
        "accountId": "anonymous",
        "apiId": "abcdefghijklmnopqrstuvwxyz012345",
        "domainName": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws",
        "http": {
            "method": "GET",
            "path": "/e",
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.40",
            "userAgent": "x",
        },
        "requestId": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "stage": "$default",
        "timeEpoch": 1795348800123,
    },
    "isBase64Encoded": False,
}
CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:bench",
    aws_request_id="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
)

# Answers every POST with what the service asked for in its first argument would say.
SINK = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = {"RecordId": "r", "Encrypted": False, "MessageId": "m"}
        if b"MessageBody" in body:
            import hashlib
            message = json.loads(body)["MessageBody"].encode()
            answer["MD5OfMessageBody"] = hashlib.md5(message).hexdigest()
        reply = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
"""


def microseconds(work: Callable[[], object], *, calls: int, clock: Callable[[], float]) -> float:
    """The median time of one call of `work`, over several rounds."""
    times = []
    work()
    for _ in range(ROUNDS):
        gc.collect()
        began = clock()
        for _ in range(calls):
            work()
        times.append((clock() - began) / calls * 1e6)
    return median(times)


# ── handlers ──


def ours(write: Callable[[str], object]) -> Redirect:
    """The redirect, with a show that the cache knows."""
    show = show_of(
        {
            "tenant": {"S": "acme"},
            "show_id": {"S": "show_01kaexampledaily0000000000"},
            "hosts": {"SS": ["dts.podtrac.com", "audio.example.com"]},
            "state": {"S": "active"},
        }
    )
    directory = Directory(lambda _: (show, Policy()), time.time)
    ring = KeyRing.ephemeral()
    return Redirect(directory, ring.pseudonym, write, lambda: 0, EDGE.encode())


def bare() -> Callable[[], object]:
    """HMAC, a line by `json.dumps`, a redirect; no check of anything."""
    lines: list[str] = []
    secret = b"k" * 32

    def handler() -> object:
        context = EVENT["requestContext"]
        headers = EVENT["headers"]
        destination = "https://" + EVENT["rawPath"][58:] + "?" + EVENT["rawQueryString"]
        address = headers["cloudfront-viewer-address"].rpartition(":")[0]
        lines[:] = [
            json.dumps(
                {
                    "time": context["timeEpoch"],
                    "url": destination,
                    "ip_hash": hmac.digest(secret, address.encode(), "sha256").hex(),
                    "user_agent": headers["user-agent"],
                    "range": headers["range"],
                    "referrer": headers["referer"],
                }
            )
        ]
        return {"statusCode": 302, "headers": {"location": destination}}

    return handler


def chalice_routing() -> Callable[[], object] | None:
    """Chalice finding a route and giving an empty redirect, or None where it is not installed."""
    try:
        chalice: Any = importlib.import_module("chalice.app")
    except ImportError:
        return None
    app = chalice.Chalice(app_name="peer")

    def redirect(key: str, scheme: str, rest: str) -> Any:
        return chalice.Response(key, status_code=302, headers={"Location": f"{scheme}://{rest}"})

    app.route("/e/{key}/{scheme}/{rest}", methods=["GET"])(redirect)

    event = {
        "requestContext": {
            "resourcePath": "/e/{key}/{scheme}/{rest}",
            "httpMethod": "GET",
            "identity": {"sourceIp": "203.0.113.40"},
            "path": EVENT["rawPath"],
        },
        "pathParameters": {"key": KEY, "scheme": "https", "rest": "audio.example.com/1.mp3"},
        "multiValueQueryStringParameters": {"source": ["rss"]},
        "headers": EVENT["headers"],
        "multiValueHeaders": {name: [value] for name, value in EVENT["headers"].items()},
        "body": None,
        "isBase64Encoded": False,
        "stageVariables": None,
    }
    context = SimpleNamespace(**vars(CONTEXT), get_remaining_time_in_millis=lambda: 30_000)
    return lambda: app(event, context)


def powertools() -> Callable[[], object]:
    """Logger, metrics and tracer around the resolver for function URLs; a line and a metric."""
    # They read the environment when they are imported.
    from aws_lambda_powertools import Logger, Metrics, Tracer  # noqa: PLC0415
    from aws_lambda_powertools.event_handler import (  # noqa: PLC0415
        LambdaFunctionUrlResolver,
        Response,
    )
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415

    logger = Logger(stream=io.StringIO())
    metrics, tracer = Metrics(), Tracer()
    app = LambdaFunctionUrlResolver()

    @app.get("/e/.+")
    def redirect() -> Response[str]:
        metrics.add_metric("hits", MetricUnit.Count, 1)
        logger.info("hit", extra={"url": app.current_event.raw_path})
        return Response(302, body="", headers={"Location": "https://audio.example.com"})

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    @tracer.capture_lambda_handler(capture_response=False)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return app.resolve(event, context)

    def run() -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            return handler(EVENT, CONTEXT)

    return run


def handlers() -> float:
    """Print what each handler takes; returns ours."""
    lines: list[str] = [""]
    redirect = ours(lambda line: lines.__setitem__(0, line))
    if redirect.answer(EVENT)["statusCode"] != 302:
        raise SystemExit("the redirect refuses the event that is measured")
    works: list[tuple[str, Callable[[], object] | None, int]] = [
        ("bare: HMAC and a JSON line", bare(), 5000),
        ("the redirect", lambda: redirect.answer(EVENT), 5000),
        ("Chalice, routing alone", chalice_routing(), 1000),
        ("Powertools, the full set", powertools(), 500),
    ]
    print("handlers, without the act of recording (microseconds of processor time)")
    base = mine = 0.0
    for name, work, calls in works:
        if work is None:
            print(f"  {name:<28} not installed")
            continue
        took = microseconds(work, calls=calls, clock=time.process_time)
        base = base or took
        mine = took if name == "the redirect" else mine
        print(f"  {name:<28} {took:8.1f}   {took / base:6.1f} x bare")
    print(f"  a hit's line has {len(lines[0])} bytes")
    return mine


# ── recording ──


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """The other end of a call, in a process of its own; its port."""
    child = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    with child:
        try:
            yield int((child.stdout or sys.stdin).readline())
        finally:
            child.kill()


def recordings() -> None:
    """Print what each act of recording takes."""
    import boto3  # noqa: PLC0415 - reads the environment

    line = a_line()
    print("\nthe act of recording (microseconds; the other end in a process of its own)")
    with sink() as port:
        reader, writer = os.pipe()
        drain = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
        os.close(reader)
        endpoint = f"http://127.0.0.1:{port}"
        firehose = boto3.client("firehose", endpoint_url=endpoint)
        sqs = boto3.client("sqs", endpoint_url=endpoint)
        local = http.client.HTTPConnection("127.0.0.1", port)
        queue = f"{endpoint}/123456789012/hits"

        def handed_over() -> None:
            local.request("POST", "/", line.encode())
            local.getresponse().read()

        works: list[tuple[str, Callable[[], object], int]] = [
            ("a line on stdout (a pipe)", lambda: os.write(writer, line.encode() + b"\n"), 2000),
            ("an extension on loopback", handed_over, 300),
            (
                "boto3 put_record to Firehose",
                lambda: firehose.put_record(
                    DeliveryStreamName="hits", Record={"Data": line.encode()}
                ),
                100,
            ),
            (
                "boto3 send_message to SQS",
                lambda: sqs.send_message(QueueUrl=queue, MessageBody=line),
                100,
            ),
        ]
        base = 0.0
        for name, work, calls in works:
            processor = microseconds(work, calls=calls, clock=time.process_time)
            wall = microseconds(work, calls=calls, clock=time.perf_counter)
            base = base or processor
            print(
                f"  {name:<30} {processor:8.1f} of processor {wall:8.1f} passing"
                f"   {processor / base:6.0f} x"
            )
        os.close(writer)
        drain.wait()


def a_line() -> str:
    """A hit as it stands in the log."""
    lines: list[str] = []
    ours(lines.append).answer(EVENT)
    return lines[0]


def envelopes() -> None:
    """Print how small CloudWatch's gzip makes hits, by how many share an envelope."""
    print("\nbytes of a hit in a gzipped envelope, by hits that share it")
    for count in (1, 10, 100, 1000):
        events: list[dict[str, Any]] = []
        for number in range(count):
            event = json.loads(json.dumps(EVENT))
            digest = hashlib.sha256(str(number).encode()).hexdigest()
            address = f"198.51.{number % 251}.{number % 241}:1"
            event["headers"]["cloudfront-viewer-address"] = address
            event["headers"]["x-playback-session-id"] = digest[:36]
            event["rawPath"] = event["rawPath"].replace("214", str(number % 40))
            lines: list[str] = []
            ours(lines.append).answer(event)
            events.append({"id": digest[:56], "timestamp": 1795348800123, "message": lines[0]})
        document = {
            "messageType": "DATA_MESSAGE",
            "owner": "123456789012",
            "logGroup": "/tallycast/prod/track-download",
            "logStream": "2026/11/22/[$LATEST]0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "subscriptionFilters": ["hits"],
            "logEvents": events,
        }
        size = len(gzip.compress(json.dumps(document).encode(), compresslevel=6))
        plain = sum(len(event["message"]) for event in events)
        print(f"  {count:>5}: {size / count:6.0f}   {plain / size:5.1f} times smaller")


# ── cold starts ──

STARTS = (
    ("Python alone", "pass"),
    ("the redirect's import set", "import app"),
    ("... and boto3 with a client", "import app, boto3; boto3.client('dynamodb')"),
    (
        "a Powertools function's set",
        """
import boto3; boto3.client('dynamodb')
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
import aws_lambda_powertools.utilities.parser
""",
    ),
)


def starts() -> None:
    """Print how long processes take that import what a container would."""
    print("\nstart of a process (milliseconds of processor time)")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}/functions/track_download:{ROOT}/layers/core",
    }
    base = 0.0
    for name, code in STARTS:
        times = []
        for _ in range(ROUNDS):
            began = os.times()
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            ended = os.times()
            used = ended.children_user + ended.children_system
            times.append((used - began.children_user - began.children_system) * 1000)
        took = median(times)
        base = base or took
        print(f"  {name:<30} {took:8.0f}   {took - base:6.0f} more than Python alone")


def main() -> int:
    """Measure everything; 1 when the target was missed."""
    os.environ.update(ENVIRONMENT)
    mine = handlers()
    recordings()
    envelopes()
    starts()
    price, load = costs.prices(), costs.Load()
    print(f"\ncost, prices of {price['region']} as known in {price['as_known']}")
    for name, dollars in costs.recordings(load, price).items():
        print(f"  {name:<44} {dollars:6.3f} US$ per million")
    met = mine <= TARGET_MICROSECONDS
    print(f"\n{'met' if met else 'MISSED'}: at most {TARGET_MICROSECONDS:.0f} us, took {mine:.1f}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
