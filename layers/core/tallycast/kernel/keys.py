"""The one place that formats keys of the `core` table and of the buckets.

Every tenant's key begins with the tenant. Keys that begin with `SYSTEM#` belong to the platform
itself (the due-index, host slots, the tick) and hold nothing that a tenant reads.
"""

from __future__ import annotations

import hashlib
import re

from tallycast.kernel.errors import PermanentError

DUE_SHARDS = 16
EPISODE = "EPISODE#"
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class BadTenantError(PermanentError):
    """A tenant name that could not stand in a key."""


def tenant_prefix(tenant: str) -> str:
    """`TENANT#acme`.

    Raises:
        BadTenantError: the name could be mistaken for a part of another key.
    """
    if not _TENANT.fullmatch(tenant):
        raise BadTenantError(
            "a tenant name is 1 to 63 lower-case letters, digits, '-' or '_'", tenant=tenant
        )
    return f"TENANT#{tenant}"


def digest(text: str) -> str:
    """32 hex digits that stand for a text of any length in a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def feed(tenant: str, feed_id: str) -> dict[str, str]:
    """A feed: its settings and the state of its polling."""
    return {"pk": f"{tenant_prefix(tenant)}#FEED#{feed_id}", "sk": "FEED"}


def feed_url(tenant: str, url: str) -> dict[str, str]:
    """The claim that one feed of the tenant owns an address."""
    return {"pk": f"{tenant_prefix(tenant)}#FEEDURL#{digest(url)}", "sk": "CLAIM"}


def podcast_guid(tenant: str, guid: str) -> dict[str, str]:
    """The claim that one feed of the tenant owns a `podcast:guid`."""
    return {"pk": f"{tenant_prefix(tenant)}#PODCASTGUID#{digest(guid.lower())}", "sk": "CLAIM"}


def show(tenant: str, show_id: str) -> dict[str, str]:
    """A show: what its feed says of itself."""
    return {"pk": f"{tenant_prefix(tenant)}#SHOW#{show_id}", "sk": "SHOW"}


def episode(tenant: str, show_id: str, episode_id: str) -> dict[str, str]:
    """An episode of a show."""
    return {
        "pk": f"{tenant_prefix(tenant)}#SHOW#{show_id}",
        "sk": f"{EPISODE}{episode_id}",
    }


def feeds_of(tenant: str) -> str:
    """Partition of the listing index: the feeds of a tenant."""
    return f"{tenant_prefix(tenant)}#FEEDS"


def episodes_of(tenant: str, show_id: str) -> str:
    """Partition of the listing index: the episodes of a show by date."""
    return f"{tenant_prefix(tenant)}#SHOW#{show_id}#EPISODES"


def enclosure(tenant: str, enclosure_key: str) -> str:
    """Partition of the lookup index: the episodes behind an enclosure."""
    return f"{tenant_prefix(tenant)}#ENCLOSURE#{digest(enclosure_key)}"


def due_shard(feed_id: str) -> str:
    """Partition of the due-index: feeds are spread evenly, whoever owns them."""
    return due_shard_name(hashlib.sha256(feed_id.encode()).digest()[0] % DUE_SHARDS)


def due_shard_name(shard: int) -> str:
    """The name of shard 0 … `DUE_SHARDS` - 1."""
    return f"SYSTEM#DUE#{shard:02d}"


def due_shard_of(kind: str, tenant: str, record_id: str) -> str:
    """Partition of the due-index for another kind of thing than feeds: spread evenly as well."""
    number = hashlib.sha256(f"{tenant}#{record_id}".encode()).digest()[0] % DUE_SHARDS
    return due_shards_of(kind)[number]


def due_shards_of(kind: str) -> list[str]:
    """All partitions of the due-index for a kind of thing."""
    return [f"SYSTEM#DUE-{kind.upper()}#{shard:02d}" for shard in range(DUE_SHARDS)]


def tick() -> dict[str, str]:
    """Up to where the scheduler has handed out due feeds."""
    return {"pk": "SYSTEM#TICK", "sk": "TICK"}


def host(name: str) -> dict[str, str]:
    """How many fetches may be under way at one host."""
    return {"pk": f"SYSTEM#HOST#{name.lower()[:253]}", "sk": "SLOTS"}


def raw_document(tenant: str, feed_id: str, body_hash: str) -> str:
    """S3: a feed document as it came, gzipped, by the SHA-256 of its bytes."""
    tenant_prefix(tenant)
    return f"raw/{tenant}/{feed_id}/{body_hash}.gz"


def catalogue(tenant: str, feed_id: str, body_hash: str) -> str:
    """S3: what was known of a feed's episodes after that document."""
    tenant_prefix(tenant)
    return f"catalogue/{tenant}/{feed_id}/{body_hash}.json.gz"


def quarantine(tenant: str, feed_id: str, name: str) -> str:
    """S3: what could not be taken in, with the reason, ready to be replayed."""
    tenant_prefix(tenant)
    return f"quarantine/{tenant}/{feed_id}/{name}.json"


def import_list(tenant: str, import_id: str) -> str:
    """S3: the addresses of one OPML import."""
    tenant_prefix(tenant)
    return f"imports/{tenant}/{import_id}.json"


def measurement_settings(tenant: str) -> dict[str, str]:
    """How a tenant's downloads are counted."""
    return {"pk": tenant_prefix(tenant), "sk": "MEASUREMENT"}


def log_source(tenant: str, name: str) -> dict[str, str]:
    """How the log files of one source are read."""
    return {"pk": f"{tenant_prefix(tenant)}#LOGSOURCES", "sk": f"SOURCE#{name}"}


def count_day(tenant: str, rules: str, day: str) -> dict[str, str]:
    """Metrics table: the state of one day's count under one rule set."""
    return {"pk": count_days(tenant, rules), "sk": f"DAY#{day}"}


def count_days(tenant: str, rules: str) -> str:
    """Metrics table: partition of the days of a tenant under one rule set."""
    return f"{tenant_prefix(tenant)}#COUNT#{rules}"


def count_due_shard(tenant: str) -> str:
    """Metrics table: partition of the due-index of counts, the days that wait for one."""
    return count_due_shard_name(hashlib.sha256(tenant.encode()).digest()[0] % DUE_SHARDS)


def count_due_shard_name(shard: int) -> str:
    """The name of shard 0 … `DUE_SHARDS` - 1."""
    return f"SYSTEM#COUNTDUE#{shard:02d}"


def count_plan(plan_id: str) -> str:
    """S3, lake: the days that one run of the counting workflow counts."""
    return f"plans/{plan_id}.json"


def count_run(tenant: str, run_id: str, name: str) -> str:
    """S3, lake: what the steps of one day's count hand to each other; expires by itself."""
    tenant_prefix(tenant)
    return f"runs/{tenant}/{run_id}/{name}"


def record(tenant: str, kind: str, record_id: str) -> dict[str, str]:
    """A thing of the tenant that is kept as one document: a campaign, a person, a code."""
    return {"pk": f"{tenant_prefix(tenant)}#{kind.upper()}#{record_id}", "sk": kind.upper()}


def records(tenant: str, kind: str, *within: str) -> str:
    """Partition of the listing and lookup indexes: such things, of the tenant or within another.

    `records("acme", "spot", "campaign", "cmp_1")` are the spots of a campaign.
    """
    return "#".join([tenant_prefix(tenant), *within, f"{kind.upper()}S"])


def claim(tenant: str, what: str, value: str) -> dict[str, str]:
    """That one thing of the tenant owns a value nobody else of the tenant may have."""
    return {"pk": f"{tenant_prefix(tenant)}#CLAIM#{what.upper()}#{digest(value)}", "sk": "CLAIM"}


def audit_entry(tenant: str, number: int) -> dict[str, str]:
    """One entry of the audit log, by its number in the chain."""
    return {"pk": audit_log(tenant), "sk": f"ENTRY#{number:012d}"}


def audit_head(tenant: str) -> dict[str, str]:
    """The last entry of a tenant's audit log."""
    return {"pk": audit_log(tenant), "sk": "HEAD"}


def audit_seal(tenant: str) -> dict[str, str]:
    """Up to which entry a tenant's audit log is sealed."""
    return {"pk": audit_log(tenant), "sk": "SEAL"}


def audit_log(tenant: str) -> str:
    """Partition of a tenant's audit log."""
    return f"{tenant_prefix(tenant)}#AUDIT"


def audit_entry_number(sort_key: str) -> int | None:
    """The number in the sort key of an entry; None for one that `audit_entry` never gives."""
    found = re.fullmatch(r"ENTRY#(\d{12})", sort_key)
    return int(found[1]) if found else None


def audit_digest(tenant: str, day: str) -> str:
    """S3: the digest of what was logged on a day."""
    return f"{audit_digests(tenant)}{day}.json"


def audit_digests(tenant: str) -> str:
    """S3: prefix of all digests of a tenant's audit log."""
    tenant_prefix(tenant)
    return f"digests/{tenant}/"


def audit_file(tenant: str, day: str, first: int, last: int) -> str:
    """S3: the entries that the digest of a day seals, as JSON lines."""
    return f"{audit_files(tenant)}{day}/{first:012d}-{last:012d}.jsonl"


def audit_files(tenant: str) -> str:
    """S3: prefix of all files of a tenant's audit log."""
    tenant_prefix(tenant)
    return f"entries/{tenant}/"


def delivery(tenant: str, delivery_id: str) -> dict[str, str]:
    """Deliveries table: one event for one webhook endpoint."""
    return {"pk": f"{tenant_prefix(tenant)}#DELIVERY#{delivery_id}", "sk": "DELIVERY"}


def deliveries(tenant: str, endpoint_id: str, status: str = "") -> str:
    """Deliveries table: partition of the listing index, or of that by status."""
    within = f"#{status.upper()}" if status else ""
    return f"{tenant_prefix(tenant)}#WEBHOOK#{endpoint_id}#DELIVERIES{within}"


def circuit(tenant: str, endpoint_id: str) -> dict[str, str]:
    """Deliveries table: how an endpoint has been doing, and who is sending to it."""
    return {"pk": f"{tenant_prefix(tenant)}#WEBHOOK#{endpoint_id}", "sk": "CIRCUIT"}


def hook_owner(hook_id: str) -> dict[str, str]:
    """Whose a hook is: providers call it by its id alone."""
    return {"pk": f"SYSTEM#HOOK#{hook_id}", "sk": "OWNER"}


def hook_message(tenant: str, hook_id: str, message_id: str) -> dict[str, str]:
    """Deliveries table: a message that a provider sent to a hook."""
    return {"pk": f"{tenant_prefix(tenant)}#HOOK#{hook_id}", "sk": f"MESSAGE#{message_id}"}


def hook_messages(tenant: str, hook_id: str, status: str = "") -> str:
    """Deliveries table: partition of the listing index, or of that by status."""
    within = f"#{status.upper()}" if status else ""
    return f"{tenant_prefix(tenant)}#HOOK#{hook_id}#MESSAGES{within}"


def hook_body(tenant: str, hook_id: str, message_id: str) -> str:
    """S3: the body of a provider's message, as it came."""
    tenant_prefix(tenant)
    return f"hooks/{tenant}/{hook_id}/{message_id}"
