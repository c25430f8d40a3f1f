"""`tallycast downloads …`: count log files, explain a verdict, compare two counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallycast.cli import counts
from tallycast.cli.documents import BadDocumentError, print_json, read_json
from tallycast.cli.options import as_json
from tallycast.measurement.logs.reasons import Skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tallycast.measurement.filing import Filed
    from tallycast.measurement.rulesets import RuleSet

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
# Skipped lines that show that the format was understood.
_UNDERSTOOD = frozenset({Skip.NOT_MEDIA, Skip.NO_REQUEST})


def counting_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how log files are read and counted."""
    for option in reversed(
        (
            click.option(
                "--rules",
                default="iab-2.3",
                show_default=True,
                metavar="NAME|FILE",
                help="iab-2.3, op3, odl, or a JSON file with a rule set of your own.",
            ),
            click.option(
                "--window",
                type=click.Choice(["calendar", "rolling", "extending"]),
                help="Another window than the rule set's own.",
            ),
            click.option(
                "--timezone", default="UTC", show_default=True, help="In which a day begins (IANA)."
            ),
            click.option(
                "--reference",
                type=_FOLDER,
                help="Folder of lists (user agents, data centres …); else the built-in ones.",
            ),
            click.option(
                "--episodes",
                type=_FILE,
                help="CSV, JSON or Parquet: media, episode_id, duration_seconds, length_bytes …",
            ),
            click.option(
                "--source",
                type=_FILE,
                help="JSON that says how the logs are written; found out by default.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group()
def downloads() -> None:
    """Count the downloads in log files, and say why."""


@downloads.command()
@click.argument("logs", nargs=-1, required=True, type=_FILE)
@counting_options
@as_json
def count(
    logs: tuple[Path, ...],
    rules: str,
    window: str | None,
    timezone: str,
    reference: Path | None,
    episodes: Path | None,
    source: Path | None,
    json_wanted: bool,
) -> None:
    """Count the downloads in LOGS: CloudFront, nginx, Apache, JSON lines, CSV, Parquet; gz, zst."""
    of = _rules(rules, window)
    with _filed(logs, source, reference, episodes, timezone) as read:
        document = _count(read, of)
    if json_wanted:
        print_json(document)
    else:
        counts.counted(document)


@downloads.command()
@click.argument("logs", nargs=-1, required=True, type=_FILE)
@click.option("--line", required=True, type=click.IntRange(min=1), help="Number of the line.")
@click.option("--file", "place", default=1, show_default=True, help="In which of the LOGS.")
@counting_options
@as_json
def explain(
    logs: tuple[Path, ...],
    line: int,
    place: int,
    rules: str,
    window: str | None,
    timezone: str,
    reference: Path | None,
    episodes: Path | None,
    source: Path | None,
    json_wanted: bool,
) -> None:
    """Say why one line of LOGS was counted, or which rule dropped it."""
    from tallycast.measurement.explain import explain as explained  # noqa: PLC0415 - DuckDB is slow
    from tallycast.measurement.logs import file_id as named  # noqa: PLC0415 - as above

    if not 1 <= place <= len(logs):
        raise click.BadParameter(f"there are {len(logs)} logs", param_hint="--file")
    of = _rules(rules, window)
    with _filed(logs, source, reference, episodes, timezone) as read:
        file_id = named(place, read.logs[place - 1])
        quarantined = _quarantined(read, file_id, line)
        if quarantined is not None:
            document: dict[str, Any] = quarantined
        else:
            document = explained(read.count(of), file_id, line)
    if json_wanted:
        print_json(document)
    else:
        counts.explained(document)


@downloads.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@click.option("--rules-b", metavar="NAME|FILE", help="Rules for B, when they are others.")
@counting_options
@as_json
def compare(
    a: Path,
    b: Path,
    rules_b: str | None,
    rules: str,
    window: str | None,
    timezone: str,
    reference: Path | None,
    episodes: Path | None,
    source: Path | None,
    json_wanted: bool,
) -> None:
    """Compare two counts by episode and day, with the rules that explain the difference.

    A and B are logs, or what `count --json` wrote.
    """
    from tallycast.measurement.discrepancy import compare as compared  # noqa: PLC0415 - DuckDB
    from tallycast.measurement.filing import files  # noqa: PLC0415 - as above

    def document(path: Path, under: str) -> dict[str, Any]:
        if (before := _counted_before(path)) is not None:
            return before
        of = _rules(under, window)
        with _filed((path,), source, reference, episodes, timezone) as read:
            return _count(read, of)

    with files(a, b) as (one, other):
        found = compared(document(one, rules), document(other, rules_b or rules))
    if json_wanted:
        print_json(found)
    else:
        counts.compared(found)


def _count(read: Filed, rules: RuleSet) -> dict[str, Any]:
    """The document of a count, with everything that it was made from."""
    from tallycast.measurement.filing import NothingReadableError  # noqa: PLC0415 - DuckDB is slow

    if read.quarantined and not read.accepted and not read.skipped.keys() & _UNDERSTOOD:
        raise NothingReadableError(
            f"none of {read.quarantined:,} lines could be read ({counts.reasons(read.reasons)}): "
            "say with --source how they are written (docs/log-files.md)"
        )
    return {
        **read.count(rules).document(),
        "timezone": read.zone if rules.zone == "show" else "UTC",
        "reference": dict(read.reference.versions),
        "quarantined": read.quarantined,
        "quarantined_by": read.reasons,
        "skipped": read.skipped,
    }


def _counted_before(path: Path) -> dict[str, Any] | None:
    """What `count --json` wrote, if that is what the file holds."""
    with path.open("rb") as file:
        if file.read(1) != b"{":
            return None
    try:
        document = read_json(path)
    except BadDocumentError:
        return None  # JSON lines begin so, too
    return document if "by_day_and_episode" in document else None


def _rules(name: str, window: str | None) -> RuleSet:
    from tallycast.measurement.rulesets import own_rule_set, rule_set  # noqa: PLC0415

    if name.endswith(".json"):
        rules = own_rule_set(read_json(Path(name)))
        return rules.model_copy(update={"window": window}) if window else rules
    return rule_set(name, window=window)  # type: ignore[arg-type]  # click has checked it


def _filed(
    logs: tuple[Path, ...],
    source: Path | None,
    reference: Path | None,
    episodes: Path | None,
    zone: str,
) -> AbstractContextManager[Filed]:
    from tallycast.measurement.filing import filed  # noqa: PLC0415 - DuckDB is slow
    from tallycast.measurement.logs.model import source_of  # noqa: PLC0415 - so is pydantic

    return filed(
        logs,
        source=source_of(read_json(source)) if source else None,
        reference=reference,
        episodes=episodes,
        zone=zone,
    )


def _quarantined(read: Filed, file_id: str, line: int) -> dict[str, Any] | None:
    from tallycast.measurement.logs import quarantine_relation  # noqa: PLC0415 - as above

    quarantine_relation(read.connection, read.intakes)
    found = read.connection.execute(
        "SELECT reason, text FROM quarantine WHERE file_id = ? AND line = ?", [file_id, line]
    ).fetchone()
    if found is None:
        return None
    return {"line": line, "verdict": "quarantined", "reason": found[0], "text": found[1]}
