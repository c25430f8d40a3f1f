"""What a million tracked requests cost on AWS, by the prices in `prices.json`.

    python -m infra.costs

What the prices are multiplied with stands in `Load`, with where each number comes from. The
answers are for comparing ways of building the same thing, not for a budget.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PRICES: Final = Path(__file__).with_name("prices.json")
MILLION: Final = 1_000_000
_GB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Load:
    """What a million requests ask of AWS.

    Attributes:
        line_bytes: of a hit in the log (`bench/tracking.py`), with the 26 bytes that CloudWatch
            Logs counts for each event.
        platform_bytes: of Lambda's own START, END and REPORT lines for an invocation.
        squeezed: how many times smaller than its lines an envelope is that ten hits share
            (`bench/tracking.py`); alone in one a hit is hardly smaller, among a hundred 6 times.
        answer_bytes: of an answer, headers included, on its way to the listener.
        memory_gb: of the redirect.
        billed_ms: of the redirect; the handler itself takes hundredths of that. An assumption.
        wait_ms: added by a call to another service before the answer, from inside the region. An
            assumption.
        lookup_share: requests that read the table (a show is read once a minute per container).
        hits_per_object: what a stream joins into one object at a million requests a day.
        intake_gb_seconds: of reading a million hits into the lake. An assumption.
        count_gb_seconds: of counting a million requests under one rule set. An assumption.
        row_bytes: of a request in the lake (snappy Parquet). An assumption.
        months: for which it is kept there.
    """

    line_bytes: int = 736 + 26
    platform_bytes: int = 330 + 3 * 26
    squeezed: float = 4.0
    answer_bytes: int = 700
    memory_gb: float = 0.5
    billed_ms: float = 2.0
    wait_ms: float = 8.0
    lookup_share: float = 0.01
    hits_per_object: int = 700
    intake_gb_seconds: float = 60.0
    count_gb_seconds: float = 20.0
    row_bytes: int = 60
    months: int = 13


def prices(file: Path = PRICES) -> dict[str, Any]:
    """The prices, by service."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def fronts(load: Load, price: dict[str, Any]) -> dict[str, float]:
    """US dollars for a million requests that reach the function, by what stands before it."""
    run = _lambda(load, price, load.billed_ms)
    direct = run + _gb(load.answer_bytes) * price["internet"]["per_gb_out"]
    edge = price["cloudfront"]["per_million_https_requests"] + (
        _gb(load.answer_bytes) * price["cloudfront"]["per_gb_out"]
    )
    return {
        "function URL": direct,
        "CloudFront + function URL": run + edge,
        "HTTP API": direct + price["http_api"]["per_million_requests"],
        "CloudFront + HTTP API": run + edge + price["http_api"]["per_million_requests"],
        "REST API": direct + price["rest_api"]["per_million_requests"],
        "CloudFront + REST API": run + edge + price["rest_api"]["per_million_requests"],
    }


def recordings(load: Load, price: dict[str, Any]) -> dict[str, float]:
    """US dollars for carrying a million hits into the intake bucket, by the way they take.

    Lambda's own lines in the log are left out: they cost the same on every way (`platform_lines`).
    """
    logs, firehose, waiting = price["logs"], price["firehose"], _waiting(load, price)
    line = _gb(load.line_bytes)
    objects = MILLION / load.hits_per_object * price["s3"]["per_million_puts"] / MILLION
    kept = line / load.squeezed * logs["per_gb_month"]
    rounded = _gb(firehose["direct_put_rounds_up_to_bytes"]) * firehose["per_gb_direct_put"]
    vended = line / load.squeezed * firehose["per_gb_vended_logs"]
    consumer = MILLION / 10 * (3 * price["sqs"]["per_million_requests"]) / MILLION
    batches = _lambda(load, price, 10.0) / 10
    return {
        "log line, subscription to Firehose": (
            line * logs["per_gb_ingested"] + kept + vended + objects
        ),
        "log line, delivery-class log group": (
            line * logs["per_gb_ingested_delivery_class"]
            + line * firehose["per_gb_vended_logs"]
            + objects
        ),
        "put_record to Firehose": rounded + waiting + objects,
        "send_message to SQS, joined by a function": (
            price["sqs"]["per_million_requests"] + waiting + consumer + batches + objects
        ),
        "an extension that joins and puts": (
            line * firehose["per_gb_direct_put"] + objects + _lambda_time(load, price, 1.0)
        ),
    }


def platform_lines(load: Load, price: dict[str, Any]) -> float:
    """US dollars for Lambda's own three lines of a million invocations."""
    return _gb(load.platform_bytes) * float(price["logs"]["per_gb_ingested"])


def whole_way(load: Load, price: dict[str, Any]) -> dict[str, float]:
    """US dollars for a million requests, from the listener to the counted and kept download."""
    line = _gb(load.line_bytes)
    dynamodb = price["dynamodb"]["per_million_read_units"]
    objects = MILLION / load.hits_per_object
    notices = objects * 3 * price["sqs"]["per_million_requests"] / MILLION
    reads = objects * price["s3"]["per_million_gets"] / MILLION
    second = price["lambda"]["per_gb_second"]
    return {
        "front (CloudFront + function URL)": fronts(load, price)["CloudFront + function URL"],
        "look-ups": load.lookup_share * 2 * 0.5 * dynamodb,
        "recording": recordings(load, price)["log line, subscription to Firehose"],
        "Lambda's own log lines": platform_lines(load, price),
        "intake": load.intake_gb_seconds * second + notices + reads,
        "hits kept for 35 days": line / load.squeezed * price["s3"]["per_gb_month"] * 35 / 30,
        "a count": load.count_gb_seconds * second,
        f"lake, {load.months} months": (
            _gb(load.row_bytes) * price["s3"]["per_gb_month"] * load.months
        ),
    }


def table(title: str, rows: dict[str, float], *, total: bool = False) -> str:
    """A Markdown table of dollars."""
    lines = [f"| {title} | US$ per million |", "|---|---:|"]
    lines += [f"| {name} | {dollars:.3f} |" for name, dollars in rows.items()]
    if total:
        lines.append(f"| **together** | **{sum(rows.values()):.3f}** |")
    return "\n".join(lines)


def _gb(size: float) -> float:
    """Gigabytes of a million things of so many bytes."""
    return size * MILLION / _GB


def _lambda(load: Load, price: dict[str, Any], milliseconds: float) -> float:
    """A million invocations of so many milliseconds."""
    return float(price["lambda"]["per_million_requests"]) + _lambda_time(load, price, milliseconds)


def _lambda_time(load: Load, price: dict[str, Any], milliseconds: float) -> float:
    seconds = MILLION * milliseconds / 1000
    return float(seconds * load.memory_gb * price["lambda"]["per_gb_second"])


def _waiting(load: Load, price: dict[str, Any]) -> float:
    """A million waits for another service inside the redirect."""
    return _lambda_time(load, price, load.wait_ms)


def main() -> int:
    """Print every table."""
    price, load = prices(), Load()
    sys.stdout.write(f"Prices of {price['region']} as known in {price['as_known']}: verify.\n\n")
    for text in (
        table("what stands before the function", fronts(load, price)),
        table("how a hit is recorded", recordings(load, price)),
        table("the whole way", whole_way(load, price), total=True),
    ):
        sys.stdout.write(text + "\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
