"""The identity room on moto: the real tables and a user pool as the template has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3

from tallycast.identity.accounts import Account, Accounts
from tallycast.identity.audit.chain import Deed
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.directory import Directory
from tallycast.identity.memberships import Memberships
from tallycast.identity.model import Role
from tallycast.identity.tenants import Tenants
from tests.support.stacks import Stacks, aws_stacks
from tests.support.template import deployment


def a_user_pool() -> str:
    """A user pool with the template's settings and resource server; its id."""
    made = deployment("local")
    client = boto3.client("cognito-idp")
    settings = dict(made["Identity/UserPool"].properties)
    name = settings.pop("UserPoolName")
    unknown_to_the_api = {"EnabledMfas", "UserPoolTier", "UserPoolTags", "LambdaConfig"}
    for each in unknown_to_the_api & set(settings):
        settings.pop(each)
    pool = client.create_user_pool(PoolName=name, **settings)["UserPool"]["Id"]
    server = made["Identity/ResourceServer"].properties
    client.create_resource_server(
        UserPoolId=pool,
        Identifier=server["Identifier"],
        Name=server["Name"],
        Scopes=server["Scopes"],
    )
    return pool


@dataclass
class IdentityPlatform:
    """Tables, a user pool, and short ways to have people in tenants."""

    stacks: Stacks
    pool: str

    def __post_init__(self) -> None:
        self.table = self.stacks.core
        self.cognito = boto3.client("cognito-idp")
        self.trail = AuditTrail(self.table)
        self.people = Memberships(self.table, self.trail)
        self.tenants = Tenants(self.table, self.trail)
        self.accounts = Accounts(self.cognito, self.pool)
        self.directory = Directory(self.table)

    def begin(self, tenant: str, email: str, now: datetime) -> tuple[Account, str]:
        """A tenant with its first owner: the account and the person's id."""
        account = self.accounts.account(email)
        stored, _ = self.tenants.begin(tenant, account, self.people, now)
        [owner] = stored.document.owners
        return account, owner

    def join(
        self,
        tenant: str,
        email: str,
        role: Role,
        now: datetime,
        sponsor_id: str | None = None,
    ) -> tuple[Account, str]:
        """Somebody in a tenant that is there."""
        account = self.accounts.account(email)
        person_id = self.people.join(
            tenant,
            account,
            role,
            sponsor_id,
            also=list,
            deed=lambda target: Deed(actor="system:test", action="test.join", target=target),
            now=now,
        )
        return account, person_id

    def audited(self, tenant: str) -> list[dict[str, Any]]:
        """The deeds of a tenant's audit log, in their order, each linked to the one before."""
        from tallycast.identity.audit.trail import entry_of
        from tallycast.kernel import keys

        found = self.table.scan()["Items"]
        log = keys.audit_log(tenant)
        entries = sorted(
            (
                entry_of(item)
                for item in found
                if item["pk"] == log and item["sk"].startswith("ENTRY")
            ),
            key=lambda entry: entry.number,
        )
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        return [entry.deed.model_dump() for entry in entries]


@contextmanager
def identity_platform() -> Iterator[IdentityPlatform]:
    """moto with the project's tables and a user pool."""
    with aws_stacks() as stacks:
        yield IdentityPlatform(stacks, a_user_pool())
