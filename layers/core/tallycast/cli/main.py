"""`tallycast`: the entry point, and how its errors look."""

from __future__ import annotations

import os
import sys

import click

from tallycast import __version__
from tallycast.cli.audit import audit
from tallycast.cli.demo import demo
from tallycast.cli.downloads import downloads
from tallycast.cli.episodes import episodes
from tallycast.cli.feeds import feed
from tallycast.cli.identity import identity
from tallycast.cli.measurement import counts, tracking
from tallycast.kernel.errors import TallycastError

EXIT_REFUSED = 2
_EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tallycast")
def cli() -> None:
    """Podcast analytics and sponsorship, on files and against a running platform."""


cli.add_command(feed)
cli.add_command(episodes)
cli.add_command(downloads)
cli.add_command(counts)
cli.add_command(tracking)
cli.add_command(audit)
cli.add_command(identity)
cli.add_command(demo)


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
