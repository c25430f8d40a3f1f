"""Everything that the functions of connections and of the audit log do to AWS."""

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from tallycast.aws import clients
from tallycast.identity.audit import sealing
from tallycast.kernel import keys
from tests.support.audited import AuditPlatform
from tests.support.connected import Connected
from tests.support.oauth_provider import Said, oauth_provider
from tests.support.scene import NOW


def audited(stage):
    """The log of acme in this scene: two entries of the day before `NOW`, nothing sealed."""
    made = AuditPlatform(stage.platform.stacks, now=NOW)
    made.log(2, NOW - timedelta(days=1))
    return made


def seal_audit(stage):
    """A round that seals, one that finds nothing, one that runs short of time, a broken log."""
    made = audited(stage)
    stage.run("seal_audit/daily")
    stage.run("seal_audit/daily")
    made.log(1, NOW - timedelta(days=1, hours=1))
    for tenant in ("other", "third"):
        made.log(1, NOW - timedelta(days=1), tenant=tenant)
    with (
        patch.object(sealing, "_LEAVE_SECONDS", 0.0),
        patch.object(sealing.Sealing, "seal", sealed_until_time_is_short(stage)),
        stage.function("seal_audit") as short,
    ):
        stage.short = short
        assert short({})["done"] is False
    entry = made.entry(1)
    made.put(1, entry | {"at": "2020-01-01T00:00:00.000Z"})
    made.table.delete_item(Key=keys.audit_seal("acme"))
    made.log(1, NOW)
    shard = keys.due_shard_of("audit", "acme", "acme")
    head = made.table.get_item(Key=keys.audit_head("acme"))["Item"]
    made.table.put_item(Item={**head, "due_shard": shard, "due_at": "2026-01-04T00:00:00.000Z"})
    answer, _ = stage.run("seal_audit/daily")
    assert answer["broken"] == 1


def sealed_until_time_is_short(stage):
    real = sealing.Sealing.seal

    def seal(self, *args):
        yield from real(self, *args)
        stage.short.context.seconds_left = -1

    return seal


def manage_audit(stage):
    made = audited(stage)
    made.seal()
    for case in ("tip", "entries", "digests", "sealed", "unknown_command"):
        stage.run(f"manage_audit/{case}")


@contextmanager
def connected(stage):
    """A connection of acme that is due at `NOW`, at a provider on loopback."""
    with oauth_provider() as provider:
        made = Connected(stage.platform.stacks, provider, now=NOW - timedelta(minutes=50))
        made.secret()
        stage.environments["refresh_connections"]["FETCH_ALLOW_LIST"] = provider.address
        clients.table.cache_clear()
        yield made, made.connect()


def refresh_connections(stage):
    """Refreshed; failed; broken; cleared away; and one that cannot be read."""
    with connected(stage) as (made, _):
        stage.run("refresh_connections/tick")
        made.connect()
        made.provider.moods = [Said(503)]
        stage.run("refresh_connections/tick")
        made.now -= timedelta(hours=1)
        made.connect()
        made.provider.families[-1].ended = True
        made.begin()
        stage.run("refresh_connections/tick")


EXERCISES = {each.__name__: each for each in (seal_audit, manage_audit, refresh_connections)}
