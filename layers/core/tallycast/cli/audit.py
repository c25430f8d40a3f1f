"""`tallycast audit verify`: does the log hold?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallycast.cli.documents import BadDocumentError, print_json
from tallycast.cli.options import as_json
from tallycast.identity.audit.chain import Entry
from tallycast.identity.audit.digest import Digest, Seal, sha256
from tallycast.identity.audit.findings import Lying, SealedDigest
from tallycast.identity.audit.verification import Report, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.cli.platform import Platform

EXIT_BROKEN = 3
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """Look after the audit log."""


@audit.command(name="verify")
@click.option(
    "--tenant", default="demo", show_default=True, envvar="TALLYCAST_TENANT", help="Whose."
)
@click.option("--stack", help="A deployed stack; without it, the local cloud. [TALLYCAST_STACK]")
@click.option("--file", "files", type=_FILE, multiple=True, help="Entries as JSON lines.")
@click.option("--digest", "digests", type=_FILE, multiple=True, help="A digest of a day.")
@as_json
def verify_log(
    tenant: str,
    stack: str | None,
    files: tuple[Path, ...],
    digests: tuple[Path, ...],
    json_wanted: bool,
) -> None:
    """Walk a tenant's log and hold it against its seals; every hash is made anew, here.

    With --file, and --digest, nothing but those files is read: what an auditor keeps of his own.
    """
    if files or digests:
        report = verify(tenant, FileSource(files, digests))
    else:
        from tallycast.cli.platform import connect  # noqa: PLC0415 - files need no AWS library

        report = verify(tenant, PlatformSource(connect(stack), tenant))
    if json_wanted:
        print_json(report.model_dump(mode="json"))
    else:
        _tell(report)
    if report.findings:
        sys.exit(EXIT_BROKEN)


def _tell(report: Report) -> None:
    for finding in report.findings:
        click.echo(f"{finding.kind:<16} {finding.message}")
    if report.findings:
        click.echo(f"the log of {report.tenant} does not hold (findings: {len(report.findings)})")
        return
    sealed = f"sealed up to entry {report.sealed} in {report.digests} digests"
    behind = report.last - report.sealed
    click.echo(f"the log of {report.tenant} holds: {report.entries} entries, {sealed}")
    if behind > 0:
        click.echo(f"the last {behind} hang together, and are not sealed yet")


@dataclass(frozen=True)
class PlatformSource:
    """The log of a running platform, as `manage_audit` shows it."""

    platform: Platform
    tenant: str

    def start(self) -> Seal:
        """A log begins at its beginning."""
        return Seal()

    def entries(self) -> Iterator[Lying]:
        """The entries, by place."""
        for each in self._all("entries", "entries"):
            yield Lying(int(each["place"]), str(each["text"]))

    def head(self) -> Entry | None:
        """The entry that the table calls the last."""
        found = self._ask("tip")["head"]
        return None if found is None else Entry.model_validate(found)

    def seal(self) -> Seal | None:
        """How far the table says that the log is sealed."""
        return Seal.model_validate(self._ask("tip")["seal"])

    def digests(self) -> Iterator[SealedDigest]:
        """The digests, by day."""
        for each in self._all("digests", "digests"):
            yield SealedDigest(**each)

    def sealed(self, digest: Digest) -> list[str]:
        """The lines of the file that a digest names."""
        return list(self._all("sealed", "lines", day=digest.day.isoformat()))

    def _all(self, command: str, what: str, **asked: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
        place = "begin" if command == "sealed" else "after"
        while True:
            page = self._ask(command, **asked)
            yield from page[what]
            if page["next"] is None:
                return
            asked[place] = page["next"]

    def _ask(self, command: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return self.platform.run_audit({"command": command, "tenant": self.tenant, **asked})


@dataclass(frozen=True)
class FileSource:
    """Files of entries and digests, in the order given; they may begin anywhere in the log."""

    files: tuple[Path, ...]
    digest_files: tuple[Path, ...]

    def start(self) -> Seal:
        """The entry before the first that there is, as that one names it."""
        first = next(self.entries(), None)
        try:
            entry = Entry.model_validate_json(first.text) if first else None
        except ValueError:
            entry = None
        return Seal(last=entry.number - 1, head=entry.before) if entry else Seal()

    def entries(self) -> Iterator[Lying]:
        """The entries, line by line."""
        for path in self.files:
            for line in _read(path).decode("utf-8", "replace").splitlines():
                yield Lying(None, line)

    def head(self) -> Entry | None:
        """Files do not say."""
        return None

    def seal(self) -> Seal | None:
        """Files do not say."""
        return None

    def digests(self) -> Iterator[SealedDigest]:
        """The digests, by day."""
        found = [_digest(_read(path), path) for path in self.digest_files]
        by_name = {path.name: sha256(_read(path)) for path in self.files}
        for text, digest in sorted(found, key=lambda each: each[1].day):
            file = by_name.get(Path(digest.file).name)
            if digest.sha256 in by_name.values():  # under whatever name
                file = digest.sha256
            yield SealedDigest(digest.day.isoformat(), text, 1, file)

    def sealed(self, digest: Digest) -> list[str]:  # noqa: ARG002 - the lines are the entries
        """The files are what is verified; there is nothing to hold them against."""
        return []


def _digest(content: bytes, path: Path) -> tuple[str, Digest]:
    try:
        return content.decode(), Digest.model_validate_json(content)
    except ValueError as error:
        raise BadDocumentError(f"{path} holds no digest") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadDocumentError(f"{path} cannot be read: {error.strerror}") from error
