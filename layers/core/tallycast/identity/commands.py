"""What the platform's operator can ask of identity, as one message with one answer.

The command line sends these to `manage_identity`; each names its tenant, because the caller is an
operator with AWS credentials of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from tallycast.identity.addresses import Address
from tallycast.identity.directory import person_id_of
from tallycast.kernel import keys
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.identity.accounts import Accounts
    from tallycast.identity.memberships import Memberships
    from tallycast.identity.tenants import Tenants


def _usable(tenant: str) -> str:
    keys.tenant_prefix(tenant)
    return tenant


class _Command(Produced):
    tenant: Annotated[str, AfterValidator(_usable)]


class Bootstrap(_Command):
    """Make a tenant with its first owner."""

    command: Literal["bootstrap"]
    owner: Address


class PutOnPlan(_Command):
    """Have another plan's limits apply to a tenant."""

    command: Literal["plan"]
    plan: Annotated[str, Field(max_length=40)]


Command = Bootstrap | PutOnPlan
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


@dataclass(frozen=True, slots=True)
class Commands:
    """Carries out commands; every answer is plain JSON."""

    tenants: Tenants
    people: Memberships
    accounts: Accounts
    clock: Callable[[], datetime]

    def run(self, command: Command) -> dict[str, Any]:
        """Carry out one command.

        Raises:
            TallycastError: it cannot be done; the message says why.
        """
        match command:
            case Bootstrap():
                account = self.accounts.account(command.owner)
                tenant, new = self.tenants.begin(command.tenant, account, self.people, self.clock())
                return {
                    "tenant": tenant.id,
                    "owner": person_id_of(account.username),
                    "plan": tenant.document.plan,
                    "new": new,
                }
            case PutOnPlan():
                tenant = self.tenants.put_on_plan(command.tenant, command.plan, self.clock())
                return {"tenant": tenant.id, "plan": tenant.document.plan}
