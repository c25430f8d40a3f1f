"""`tallycast`: the entry point, and how its errors look."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final

import click

from tallycast import __version__
from tallycast.kernel.errors import TallycastError

EXIT_REFUSED = 2
_EXIT_INTERRUPTED = 130


_COMMANDS: Final = {
    "audit": "audit",
    "counts": "measurement",
    "demo": "demo",
    "downloads": "downloads",
    "episodes": "episodes",
    "feed": "feeds",
    "identity": "identity",
    "tracking": "measurement",
}
"""The module of `tallycast.cli` that a command is in; nobody waits for the others."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(
            import_module(f"tallycast.cli.{_COMMANDS[cmd_name]}"), cmd_name
        )
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tallycast")
def cli() -> None:
    """Podcast analytics and sponsorship, on files and against a running platform."""


def main() -> None:
    """Run the command line; whatever goes wrong is one line on stderr and an exit code.

    Exit codes: 0 done, 1 the output could not be written, 2 refused or wrongly used, 130
    interrupted, 3 `audit verify` found that a log does not hold.
    """
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(_EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has left: there is nobody to tell, nor anything to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        click.echo(f"cannot write the output: {error.strerror or error}", err=True)
        sys.exit(1)
    except TallycastError as error:
        click.echo(error.message, err=True)
        sys.exit(EXIT_REFUSED)


if __name__ == "__main__":
    main()
