"""The audit log on the deployed platform: written by its doors, sealed, verified, tampered with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tallycast.identity.audit.chain import Deed
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel import keys
from tests.support.cloud import call

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def verified(cloud, tenant):
    """What the real command says: its exit code, and its findings."""
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tallycast.cli.main",
            "audit",
            "verify",
            "--tenant",
            tenant,
            "--json",
        ],
        env={**os.environ, **cloud.environment(), "TALLYCAST_STACK": cloud.stage.stack_name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout, ran.stderr
    report = json.loads(ran.stdout)
    return ran.returncode, report, [(each["kind"], each["number"]) for each in report["findings"]]


@pytest.fixture
def logged(steady):
    """A tenant with five deeds of yesterday, sealed, and one of now."""
    tenant = f"audited-{datetime.now(UTC).strftime('%H%M%S%f')}"
    trail = AuditTrail(steady.table(steady.outputs["CoreTable"]))
    for number in range(5):
        deed = Deed(actor="usr_e2e", action="key.create", target=f"key_{number}")
        trail.commit(tenant, [], deed, YESTERDAY)
    answer, failed = call(steady, "SealAudit", {})
    assert not failed, answer
    assert answer["broken"] == 0
    trail.commit(
        tenant, [], Deed(actor="usr_e2e", action="key.revoke", target="key_1"), datetime.now(UTC)
    )
    return tenant


def test_a_log_is_sealed_and_holds(steady, logged):
    code, report, found = verified(steady, logged)
    assert (code, found) == (0, [])
    assert (report["entries"], report["sealed"], report["digests"]) == (6, 5, 1)
    again, _ = call(steady, "SealAudit", {})
    assert again["failed"] == again["broken"] == 0
    assert verified(steady, logged)[1]["digests"] == 1


def test_what_is_done_to_it_is_found(steady, logged):
    table = steady.table(steady.outputs["CoreTable"])
    item = table.get_item(Key=keys.audit_entry(logged, 3))["Item"]
    entry = json.loads(item["entry"])
    changed = json.dumps(entry | {"deed": entry["deed"] | {"actor": "usr_else"}})
    table.put_item(Item={**item, "entry": changed})
    assert verified(steady, logged)[::2] == (3, [("changed", 3)])
    table.delete_item(Key=keys.audit_entry(logged, 3))
    assert verified(steady, logged)[::2] == (3, [("missing", 3)])
    table.put_item(Item=item)
    assert verified(steady, logged)[::2] == (0, [])
    bucket, key = steady.outputs["AuditBucket"], keys.audit_digest(logged, str(YESTERDAY.date()))
    steady.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    assert verified(steady, logged)[::2] == (3, [("digest_replaced", None)])
