"""What the function on the listener's way imports, and how it signs its own calls."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.tracking.dynamodb import Credentials, endpoint_of, signed_headers
from tallycast.measurement.tracking.use_cases.track import TrackingSettingsError, redirect_with
from tests.support.template import ROOT

HEAVY = {
    "aws_lambda_powertools", "aws_xray_sdk", "boto3", "botocore", "duckdb", "feedparser",
    "httpcore", "idna", "lxml", "numpy", "pandas", "pyarrow", "pydantic", "requests", "s3transfer",
    "urllib3",
}  # fmt: skip
ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "CORE_TABLE": "core",
    "PRIVACY_TABLE": "privacy",
}

_ASK = """
import json, sys
sys.path[:0] = sys.argv[1:]
import app
answers = [app.lambda_handler(event, None)["statusCode"] for event in json.load(sys.stdin)]
print(json.dumps({"answers": answers, "modules": sorted(sys.modules)}))
"""


def test_answering_a_listener_imports_the_standard_library_and_us_alone():
    """Also a redirect and the failed look-ups of one: nothing heavy comes in late."""
    host = "https/audio.example.com/a.mp3"
    event = {
        "rawPath": f"/e/shk_{'a' * 43}/{host}",
        "rawQueryString": "",
        "headers": {"range": "bytes=0-1"},
        "requestContext": {"http": {"method": "GET", "sourceIp": "198.51.100.7"}},
    }
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", _ASK, "functions/track_download", "layers/core"],
        input=json.dumps([event, {**event, "rawPath": "/"}]),
        env=ENVIRONMENT | nowhere,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *_, last = done.stdout.splitlines()
    said = json.loads(last)
    assert said["answers"] == [302, 404]
    ours = {name.partition(".")[0] for name in said["modules"]}
    assert ours & HEAVY == set()
    foreign = {
        name
        for name in ours - set(sys.stdlib_module_names) - {"__main__", "app", "tallycast"}
        if not name.startswith("_")
    }
    assert foreign == set()
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()[:-1]]
    assert kinds == ["lookup_failed", "address_not_hashed", "unresolved_hit", "refused"]


@given(
    st.binary(max_size=200),
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),
    st.one_of(st.none(), st.text(alphabet="abc/+=", min_size=1)),
)
def test_our_signature_is_the_one_that_botocore_makes(body, moment, token):
    ours = signed_headers(
        body,
        host="dynamodb.eu-central-1.amazonaws.com",
        region="eu-central-1",
        credentials=Credentials("AKID", "secret/key", token),
        now=moment.replace(tzinfo=UTC),
    )
    request = AWSRequest("POST", "https://dynamodb.eu-central-1.amazonaws.com/", data=body)
    for name in ("content-type", "x-amz-target", "x-amz-date"):
        request.headers[name] = ours[name]
    request.context["timestamp"] = ours["x-amz-date"]
    signer = SigV4Auth(BotoCredentials("AKID", "secret/key", token), "dynamodb", "eu-central-1")
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    to_sign = signer.string_to_sign(request, canonical)
    assert ours["authorization"].endswith("Signature=" + signer.signature(to_sign, request))
    assert (
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))},"
        in (ours["authorization"])
    )


@pytest.mark.parametrize("missing", ["CORE_TABLE", "PRIVACY_TABLE", "AWS_REGION"])
def test_a_missing_setting_is_named(missing):
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(TrackingSettingsError, match=missing):
        redirect_with(environment)


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({"AWS_REGION": "eu-central-1"}, "https://dynamodb.eu-central-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"}, "http://b"),
    ],
)
def test_the_table_is_asked_where_it_is(environment, endpoint):
    assert endpoint_of(environment) == endpoint
