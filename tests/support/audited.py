"""A tenant's audit log on moto: entries written and sealed as in life, and hands that tamper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tallycast.aws import clients
from tallycast.identity.audit.chain import Deed, Entry, entry_after, hash_of
from tallycast.identity.audit.commands import AuditCommands
from tallycast.identity.audit.sealed import SealStore
from tallycast.identity.audit.sealing import Sealing
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel import keys
from tallycast.kernel.times import to_text
from tests.support.stacks import Stacks, aws_stacks

DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)


def a_deed(number: int = 1, **facts: Any) -> Deed:
    known = {"actor": "usr_owner", "action": "campaign.book", "target": f"cmp_{number}"}
    return Deed(**(known | facts))


def a_chain(length: int, tenant: str = "acme") -> list[Entry]:
    """Entries of one minute each."""
    made: list[Entry] = []
    for number in range(length):
        before = made[-1] if made else None
        at = to_text(DAY + timedelta(minutes=number))
        made.append(entry_after(before, tenant, a_deed(number + 1), at))
    return made


@dataclass
class AuditPlatform:
    """One tenant's log, its seals, and the time."""

    stacks: Stacks
    tenant: str = "acme"
    now: datetime = DAY

    @property
    def table(self) -> Any:
        return self.stacks.core

    @property
    def bucket(self) -> str:
        return self.stacks.outputs["AuditBucket"]

    @property
    def trail(self) -> AuditTrail:
        return AuditTrail(clients.table(self.stacks.outputs["CoreTable"]))

    @property
    def store(self) -> SealStore:
        return SealStore(clients.s3(), self.bucket)

    @property
    def sealing(self) -> Sealing:
        table = clients.table(self.stacks.outputs["CoreTable"])
        return Sealing(table, self.store, lambda: self.now)

    @property
    def commands(self) -> AuditCommands:
        return AuditCommands(clients.table(self.stacks.outputs["CoreTable"]), self.store)

    def log(self, count: int, at: datetime | None = None, tenant: str | None = None) -> list[Entry]:
        moment = at or self.now
        return [
            self.trail.commit(tenant or self.tenant, [], a_deed(n), moment + timedelta(seconds=n))
            for n in range(count)
        ]

    def days(self, *counts: int) -> None:
        """So many entries on each day from `DAY` on; then it is the day after, and all is sealed."""
        for number, count in enumerate(counts):
            self.log(count, DAY + timedelta(days=number))
        self.now = DAY + timedelta(days=len(counts))
        self.seal()

    def seal(self) -> Any:
        return self.sealing.run(lambda: 900.0)

    # ── hands that tamper ──

    def item(self, number: int) -> dict[str, Any]:
        return self.table.get_item(Key=keys.audit_entry(self.tenant, number))["Item"]

    def entry(self, number: int) -> dict[str, Any]:
        return json.loads(self.item(number)["entry"])

    def put(self, place: int, entry: dict[str, Any]) -> None:
        text = json.dumps(entry, separators=(",", ":"))
        item = {**keys.audit_entry(self.tenant, place), "kind": "audit", "tenant": self.tenant}
        self.table.put_item(Item={**item, "number": place, "entry": text})

    def remove(self, number: int) -> None:
        self.table.delete_item(Key=keys.audit_entry(self.tenant, number))

    def put_head(self, entry: dict[str, Any]) -> None:
        self.table.update_item(
            Key=keys.audit_head(self.tenant),
            UpdateExpression="SET entry = :e, #n = :n",
            ExpressionAttributeNames={"#n": "number"},
            ExpressionAttributeValues={":e": json.dumps(entry), ":n": entry["number"]},
        )

    def rewrite(self, first: int, **facts: str) -> None:
        """Change an entry and make every hash behind it right again: what an insider could do."""
        head = self.trail.head(self.tenant)
        assert head is not None
        before = self.entry(first)["before"]
        entry: dict[str, Any] = {}
        for number in range(first, head.number + 1):
            entry = self.entry(number)
            if number == first:
                entry["deed"] |= facts
            entry["before"] = before
            entry["hash"] = before = hash_of(
                self.tenant, number, entry["at"], entry["deed"], before
            )
            self.put(number, entry)
        self.put_head(entry)

    def wipe(self) -> None:
        """As if nothing had ever been logged."""
        with self.table.batch_writer() as batch:
            for item in self.table.scan()["Items"]:
                batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
        boto3.resource("s3").Bucket(self.bucket).object_versions.delete()

    def objects(self, prefix: str) -> list[str]:
        found = boto3.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]


@contextmanager
def audit_platform() -> Iterator[AuditPlatform]:
    """An empty log; the bucket keeps versions, as the template has it and moto does not read."""
    with aws_stacks() as stacks:
        made = AuditPlatform(stacks)
        boto3.client("s3").put_bucket_versioning(
            Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        yield made
