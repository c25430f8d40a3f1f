"""Tell a queue which items were inserted into the table."""

import json
import os
from typing import Any

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["pk"]["S"]
        body = json.dumps({"name": record["eventName"], "pk": key})
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"batchItemFailures": []}
