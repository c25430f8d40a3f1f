"""`tallycast demo …`: generated listening with a known truth."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallycast.cli.options import as_json

if TYPE_CHECKING:
    from tallycast.demo.traffic.generate import Generated, Plan


class _Count(click.ParamType[int]):
    """A whole number that may be written `1e6` or `1_000_000`."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is no number", param, ctx)
        if number != number or number in {float("inf"), float("-inf")} or number != int(number):  # noqa: PLR0124 - NaN
            self.fail(f"{value!r} is no whole number", param, ctx)
        return int(number)


@click.group()
def demo() -> None:
    """Generate shows and listening whose true numbers are known."""


@demo.command()
@click.option("--rows", type=_Count(), default=100_000, show_default=True, help="Requests, about.")
@click.option("--days", type=_Count(), default=60, show_default=True, help="Days of listening.")
@click.option("--shows", type=_Count(), default=12, show_default=True, help="Shows to invent.")
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2026-09-21",
    show_default="2026-09-21",
    help="First day, from midnight UTC.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A new or empty folder.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "cloudfront", "combined", "jsonl"]),
    default="parquet",
    show_default=True,
    help="Request rows as the lake has them, or logs with raw addresses.",
)
@click.option("--memory", type=_Count(), default=2048, show_default=True, help="Megabytes.")
@as_json
def generate(
    rows: int,
    days: int,
    shows: int,
    seed: int,
    start: datetime,
    into: Path,
    form: str,
    memory: int,
    json_wanted: bool,
) -> None:
    """Write months of requests, their episodes and the truth about them into a folder."""
    # Imported here: the other commands need no DuckDB.
    from tallycast.demo.traffic.generate import Plan  # noqa: PLC0415

    plan = Plan(
        rows=rows,
        days=days,
        shows=shows,
        seed=seed,
        start=start.replace(tzinfo=UTC),
        form=form,
        memory_mb=memory,
    )
    made = _generate(plan, into, quiet=json_wanted)
    if json_wanted:
        json.dump(json.loads((into / "truth.json").read_text()), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _show(made)


def _generate(plan: Plan, into: Path, *, quiet: bool) -> Generated:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from tallycast.demo.traffic.generate import generate as run  # noqa: PLC0415

    if quiet:
        return run(plan, into)
    columns = (
        TextColumn("Generating"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} requests"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=plan.rows)
        return run(plan, into, progress=lambda done, _: bar.update(task, completed=done))


def _show(made: Generated) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    totals = made.totals
    console = Console(highlight=False)
    console.print(
        f"{totals.requests:,} requests of {made.actors:,} actors in {made.files:,} files: "
        f"{made.folder}",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("seen by", "true downloads", "visible to perfect rules"):
        table.add_column(name, justify="left" if name == "seen by" else "right")
    for source in sorted({*totals.persons, *totals.visible}):
        table.add_row(
            source, f"{totals.persons.get(source, 0):,}", f"{totals.visible.get(source, 0):,}"
        )
    console.print(table)
    console.print()
    noise = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("who", "what", "requests"):
        noise.add_column(name, justify="right" if name == "requests" else "left")
    for (who, what), number in sorted(totals.waterfall.items(), key=lambda each: -each[1]):
        noise.add_row(who, what, f"{number:,}")
    console.print(noise)
