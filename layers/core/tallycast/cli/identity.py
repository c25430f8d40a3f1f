"""`tallycast identity …`: tenants and their first owners, for the platform's operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tallycast.cli.documents import print_json
from tallycast.cli.options import platform_options

if TYPE_CHECKING:
    from tallycast.cli.platform import Platform


@click.group()
def identity() -> None:
    """Make tenants with their first owners; put tenants on plans."""


@identity.command()
@click.option("--owner", required=True, metavar="EMAIL", help="Who owns it first.")
@platform_options
def bootstrap(platform: Platform, tenant: str, json_wanted: bool, owner: str) -> None:
    """Make a tenant and let its first owner in; doing it again changes nothing.

    The owner gets a mail with a first password, unless there is an account with the address.
    """
    answer = platform.run_identity({"command": "bootstrap", "tenant": tenant, "owner": owner})
    if json_wanted:
        print_json(answer)
    elif answer["new"]:
        click.echo(f"{answer['tenant']} is made; {owner} owns it ({answer['owner']})")
    else:
        click.echo(f"{answer['tenant']} is there already; {owner} owns it ({answer['owner']})")


@identity.command()
@click.argument("name")
@platform_options
def plan(platform: Platform, tenant: str, json_wanted: bool, name: str) -> None:
    """Have the limits of the plan NAME apply to everybody in a tenant."""
    answer = platform.run_identity({"command": "plan", "tenant": tenant, "plan": name})
    if json_wanted:
        print_json(answer)
    else:
        click.echo(f"{answer['tenant']} is on the plan {answer['plan']}")
