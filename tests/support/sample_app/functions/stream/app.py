"""Tell a queue which items were inserted into the table.

An item whose key begins with `REFUSED` is reported as failed; one that begins with `RAISES` makes
the whole batch fail.
"""

import json
import os
from typing import Any

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]]
    if any(key.startswith("RAISES") for key in keys):
        raise RuntimeError("cannot bear this batch")
    failures = []
    for record, key in zip(event["Records"], keys, strict=True):
        if key.startswith("REFUSED"):
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            continue
        body = json.dumps({"name": record["eventName"], "pk": key})
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"batchItemFailures": failures}
