"""DynamoDB's wire in front of moto, which mends boto3 alone and not a reader of our own."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# The environment points readers here; the client behind must not follow it in a circle.
_PAST_US = Config(ignore_configured_endpoint_urls=True)


class _DynamoDb(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert self.headers["x-amz-target"] == "DynamoDB_20120810.BatchGetItem"
        assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            # A client of its own each time: it notes its calls for whoever listens now.
            client = boto3.client("dynamodb", config=_PAST_US)
            answer = dict(client.batch_get_item(**asked))
            del answer["ResponseMetadata"]
            status = 200
        except ClientError as error:
            answer = {"__type": f"com.amazonaws#{error.response['Error']['Code']}"}
            status = 400
        body = json.dumps(answer, default=lambda raw: base64.b64encode(raw).decode()).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def dynamodb_wire() -> Iterator[str]:
    """The address at which moto's tables answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _DynamoDb)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
