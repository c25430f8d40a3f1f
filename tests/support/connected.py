"""Connections on moto with a provider on loopback; time goes when it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3

from tallycast.aws import clients
from tallycast.aws.records import Records, Stored
from tallycast.feeds.fetching import FetchSettings, send
from tallycast.identity.audit.chain import Deed
from tallycast.identity.audit.trail import AuditTrail
from tallycast.partners.connections.connecting import Connections
from tallycast.partners.connections.grants import MOST_BYTES
from tallycast.partners.connections.means import Means
from tallycast.partners.connections.model import CONNECTION, Connection
from tallycast.partners.connections.providers import Providers
from tallycast.partners.connections.refreshing import Refresher
from tallycast.partners.connections.removing import Removal
from tallycast.partners.connections.sweeping import Sweeper
from tallycast.partners.connections.tokens import AccessTokens
from tallycast.partners.connections.vault import Tokens, Vault
from tests.support.oauth_provider import OAuthProvider, oauth_provider
from tests.support.stacks import Stacks, aws_stacks

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BASE = "https://api.example/live"


def a_deed(action: str = "connection.begin", actor: str = "usr_owner") -> Deed:
    return Deed(actor=actor, action=action, target="", request_id="req-1")


def put_secret(stacks: Stacks, provider: OAuthProvider, **more: Any) -> None:
    """What an operator puts into the secret."""
    text = json.dumps({"providers": {"loopback": provider.entry(**more)}})
    boto3.client("secretsmanager").put_secret_value(
        SecretId=stacks.outputs["ConnectionsSecret"], SecretString=text
    )


@dataclass
class Connected:
    """The platform's side, as one worker has it; `worker()` is another one."""

    stacks: Stacks
    provider: OAuthProvider
    now: datetime = NOON
    waited: list[float] = field(default_factory=list)

    def means(self) -> Means:
        table = clients.table(self.stacks.outputs["CoreTable"])
        secret = self.stacks.outputs["ConnectionsSecret"]
        budget = FetchSettings(
            deadline_seconds=3, max_bytes=MOST_BYTES, allow=(self.provider.address,)
        )
        return Means(
            records=Records(table, CONNECTION),
            trail=AuditTrail(table, pause=lambda _: None),
            vault=Vault(clients.kms(), self.stacks.outputs["SecretsKeyArn"]),
            providers=Providers(clients.secrets(), secret),
            send=partial(send, settings=budget),
            clock=lambda: self.now,
            pause=self.waited.append,
        )

    @property
    def connections(self) -> Connections:
        return Connections(self.means())

    @property
    def refresher(self) -> Refresher:
        return Refresher(self.means())

    @property
    def removal(self) -> Removal:
        return Removal(self.means(), self.refresher)

    @property
    def tokens(self) -> AccessTokens:
        return AccessTokens(self.means(), self.refresher)

    @property
    def sweeper(self) -> Sweeper:
        return Sweeper(self.stacks.core, self.means(), self.refresher)

    def secret(self, **more: Any) -> None:
        put_secret(self.stacks, self.provider, **more)

    def sweep(self) -> dict[str, int]:
        return dict(self.sweeper.run(lambda: 200.0))

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)

    def begin(self, tenant: str = "acme") -> Any:
        return self.connections.begin(
            tenant, "loopback", "ours", deed=a_deed(), base_url=BASE, now=self.now
        )

    def back(self, brought: dict[str, str]) -> Any:
        return self.connections.complete(
            brought["state"],
            code=brought.get("code"),
            error=brought.get("error"),
            request_id="req-2",
            now=self.now,
        )

    def connect(self, tenant: str = "acme") -> str:
        """An active connection's id."""
        sent = self.begin(tenant)
        returned = self.back(self.provider.consent(sent.authorization_url))
        assert returned.problem is None, returned
        return str(sent.stored.id)

    def stored(self, connection_id: str, tenant: str = "acme") -> Stored[Connection]:
        return self.means().records.get(tenant, connection_id)

    def document(self, connection_id: str) -> Connection:
        return self.stored(connection_id).document

    def kept(self, connection_id: str) -> Tokens:
        """The tokens that are stored."""
        sealed = self.document(connection_id).tokens
        assert sealed is not None
        return self.means().vault.open_tokens(sealed, "acme", connection_id)

    def deeds(self, tenant: str = "acme") -> list[tuple[str, str]]:
        items = self.stacks.core.scan()["Items"]
        entries = [json.loads(i["entry"]) for i in items if i["kind"] == "audit"]
        mine = sorted(
            (
                e
                for e, i in zip(entries, [i for i in items if i["kind"] == "audit"], strict=True)
                if i["tenant"] == tenant
            ),
            key=lambda e: e["number"],
        )
        return [(e["deed"]["actor"], e["deed"]["action"]) for e in mine]

    def wipe(self) -> None:
        table = self.stacks.core
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})


@contextmanager
def connected_platform() -> Iterator[Connected]:
    with aws_stacks() as stacks, oauth_provider() as provider:
        yield Connected(stacks, provider)
