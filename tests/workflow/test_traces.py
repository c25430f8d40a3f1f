"""X-Ray's segments, as its daemon receives them from a function that runs in Lambda."""

import json
import socket
import subprocess
import sys

from tests.support.template import ROOT

_TRACED = """
from tests.support.scene import scene
with scene() as stage:
    stage.register()
    stage.run("poll_feed/batch_with_poison")
"""


def test_a_traced_poll_sends_a_segment_for_its_work_and_for_each_feed():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0.2)
        environment = {
            "PYTHONPATH": str(ROOT),
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "LAMBDA_TASK_ROOT": "/var/task",
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "POWERTOOLS_SERVICE_NAME": "poll_feed",
        }
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _TRACED],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        sent = list(received(daemon))
    names = [segment["name"] for segment in sent]
    assert names.count("## lambda_handler") == 1
    [handler] = [segment for segment in sent if segment["name"] == "## lambda_handler"]
    assert handler["annotations"]["Service"] == "poll_feed"
    polls = [segment for segment in sent if segment["name"].endswith("poll_one")]
    assert len(polls) == 2
    assert {segment["trace_id"] for segment in sent} == {"1-5759e988-bd862e3fe1be46a994272793"}
    assert {"dynamodb", "s3"} <= {name.lower() for name in names}


def received(daemon):
    """Segments that were sent, one UDP packet each, header line first; none is nested twice."""
    while True:
        try:
            packet = daemon.recv(65535)
        except TimeoutError:
            return
        yield from flattened(json.loads(packet.partition(b"\n")[2]))


def flattened(segment, trace_id=None):
    trace_id = segment.setdefault("trace_id", trace_id)
    yield segment
    for inner in segment.get("subsegments", []):
        yield from flattened(inner, trace_id)
