"""Store every job of a batch and say so on the bus; a job named ``poison`` fails alone."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from sample import greet

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
events = boto3.client("events")
s3 = boto3.client("s3")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        job = json.loads(record["body"])["job"]
        if job == "poison":
            failures.append({"itemIdentifier": record["messageId"]})
            continue
        table.put_item(Item={"pk": f"JOB#{job}", "sk": "META", "greeting": greet()})
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"jobs/{job}", Body=record["body"].encode())
        detail = json.dumps({"job": job})
        entry = {"Source": "sample", "DetailType": "JobDone", "Detail": detail}
        events.put_events(Entries=[{**entry, "EventBusName": os.environ["BUS"]}])
        logger.info("done", extra={"job": job})
    return {"batchItemFailures": failures}
