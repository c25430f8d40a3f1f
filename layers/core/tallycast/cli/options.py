"""Options that several commands share."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

as_json = click.option(
    "--json", "json_wanted", is_flag=True, help="Write JSON, and nothing else, to stdout."
)


def platform_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--tenant`, `--stack` and `--json`, and the platform as its first argument."""
    return on_platform(as_json(command))


def on_platform(command: Callable[..., None]) -> Callable[..., None]:
    """The same without `--json`, for commands that write nothing else."""

    @click.option(
        "--tenant",
        default="demo",
        show_default=True,
        envvar="TALLYCAST_TENANT",
        help="Whose.",
    )
    @click.option(
        "--stack", help="A deployed stack; without it, the local cloud. [TALLYCAST_STACK]"
    )
    @wraps(command)
    def connected(stack: str | None, **arguments: Any) -> None:  # noqa: ANN401 - click's
        # Imported here: looking into a file needs no AWS library.
        from tallycast.cli.platform import connect  # noqa: PLC0415

        command(platform=connect(stack), **arguments)

    return connected
