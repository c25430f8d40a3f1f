"""`python -m infra.local up | down | reset | status | logs`."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from infra import reference_page
from infra.local import emulator, lifecycle, logs, ports, process, stage
from infra.local.errors import BadRecordError, LocalCloudError, NotRunningError
from infra.local.progress import Steps
from infra.local.signals import undisturbed
from infra.local.state import FOLDER, ROOT, Folder

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud
    from infra.local.deploy import Deployed

INTERRUPTED = 130


class _OneLine(click.Group):
    """A group whose commands, when they cannot do their work, say why in one line and exit 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except LocalCloudError as error:
            click.echo(f"error: {error.message}", err=True)
            ctx.exit(1)


@click.group(cls=_OneLine)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Where state and logs are kept (.tallycast in the repository).",
)
@click.pass_context
def cli(ctx: click.Context, state_dir: Path) -> None:
    """Run the platform on this machine, without account or Docker."""
    ctx.obj = Folder.at(state_dir.resolve())


@cli.command()
@click.option(
    "--detach/--wait", help="Return and leave it running, or stay until Ctrl-C (default)."
)
@click.option(
    "--parameter", "overrides", multiple=True, metavar="NAME=VALUE", help="A template parameter."
)
@click.option(
    "--template",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another template than template.yaml.",
)
@click.pass_obj
def up(folder: Folder, *, detach: bool, overrides: tuple[str, ...], template: Path | None) -> None:
    """Start the local cloud and deploy the template; when it runs already, update the stack."""
    parameters = stage.pairs(list(overrides))
    where = stage.read(ROOT) if template is None else stage.Stage(template=template.resolve())
    port = ports.parse(os.environ.get(ports.VARIABLE))
    steps = Steps()
    with suppress(NotRunningError):
        running = lifecycle.attach(folder, where, steps)
        _show(steps, running, running.deploy(parameters))
        return
    if detach:
        _up_detached(folder, where, parameters, port, steps)
        return
    try:
        with (
            lifecycle.local_cloud(
                folder.root,
                ephemeral=False,
                parameters=parameters,
                where=where,
                port=port,
                steps=steps,
            ) as started,
            ExitStack() as with_us,
        ):
            _show(steps, started, None)
            steps.say(f"reference {_reference(with_us)}")
            steps.say("Ctrl-C ends it; its state is kept")
            started.wait()
    except KeyboardInterrupt:
        steps.say("ended; `make up` goes on from here")
        raise SystemExit(INTERRUPTED) from None


def _up_detached(
    folder: Folder, where: stage.Stage, parameters: dict[str, str], port: int | None, steps: Steps
) -> None:
    started = lifecycle.start(
        folder, where, keep_state=True, outlives_us=True, port=port, steps=steps
    )
    try:
        deployed = started.deploy(parameters)
    except BaseException:
        with undisturbed():
            started.stop()
        raise
    _show(steps, started, deployed)
    steps.say("reference `make reference SERVE=1` shows the APIs' page")
    steps.say("end it with `make down`")


def _reference(with_us: ExitStack) -> str:
    """The address of the page that shows the APIs, which is there as long as we are.

    Building it takes Node and some seconds, so that it waits for being asked; without it, how to.
    """
    if reference_page.is_built():
        return with_us.enter_context(reference_page.shown())
    if shutil.which("npm") is None:
        return "install Node for the page that shows the APIs, then `make reference`"
    return "`make reference` builds the page that shows the APIs; it is served from then on"


def _show(steps: Steps, running: LocalCloud, deployed: Deployed | None) -> None:
    if deployed is not None and not deployed.changed:
        steps.say("the stack is as the template says: nothing to update")
    steps.say(f"endpoint  {running.endpoint}")
    for name, value in sorted(running.outputs.items()):
        steps.say(f"  {name}  {value}")
    steps.say(f"log       {running.folder.log}")


@cli.command()
@click.pass_obj
def down(folder: Folder) -> None:
    """End the local cloud; its state is kept."""
    steps = Steps()
    try:
        running = lifecycle.attach(folder, stage.read(ROOT), steps)
    except NotRunningError:
        steps.say("the local cloud is not running")
        return
    with steps.step("Ending the local cloud"), undisturbed():
        saved = running.stop()
    if not saved:
        steps.say(
            f"it did not end within {process.PATIENCE_SECONDS:.0f} seconds and was killed: "
            "changes since its last save are lost"
        )


@cli.command()
@click.pass_obj
def reset(folder: Folder) -> None:
    """End the local cloud and forget everything it kept."""
    steps = Steps()
    with suppress(NotRunningError, BadRecordError):
        running = lifecycle.attach(folder, stage.Stage(template=ROOT / "template.yaml"))
        with steps.step("Ending the local cloud"), undisturbed():
            running.stop()
    folder.wipe()
    steps.say(f"forgot everything in {folder.root}")


@cli.command()
@click.pass_obj
@click.option("--json", "as_json", is_flag=True, help="Only JSON on standard output.")
def status(folder: Folder, *, as_json: bool) -> None:
    """Say whether the local cloud runs, where, and what is deployed."""
    running = lifecycle.attach(folder, stage.read(ROOT))
    record = running.record
    if as_json:
        click.echo(record.model_dump_json(indent=2, exclude={"credentials"}))
        return
    table = Table("what", "where", title=f"{record.stack_name} at {record.endpoint}")
    table.add_row("process", str(record.pid))
    table.add_row("log", str(folder.log))
    table.add_row("answers", "yes" if emulator.answers(record.endpoint) else "no")
    for name, value in sorted(record.outputs.items()):
        table.add_row(name, value)
    Console(soft_wrap=True).print(table)


@cli.command("logs")
@click.argument("function")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--minutes", type=click.FloatRange(min=0), default=60.0, help="How far to look back.")
@click.pass_obj
def show_logs(folder: Folder, function: str, *, follow: bool, minutes: float) -> None:
    """Print what a FUNCTION (its name in the template) has logged."""
    running = lifecycle.attach(folder, stage.read(ROOT))
    with suppress(KeyboardInterrupt):
        for line in logs.lines(running, function, minutes=minutes, follow=follow):
            click.echo(line)
