"""What is wrong with a log, and where: rules over entries and digests as they lie there.

Everything is read as text first: what somebody tampered with need not be an entry any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ValidationError

from tallycast.identity.audit.chain import GENESIS, hash_of
from tallycast.identity.audit.digest import Digest, sha256
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal[
    "unreadable",
    "changed",
    "missing",
    "inserted",
    "reordered",
    "unlinked",
    "truncated",
    "rewritten",
    "head",
    "digest_changed",
    "digest_missing",
    "digest_unlinked",
    "digest_replaced",
    "file_changed",
]


class Finding(Produced):
    """One thing that is wrong.

    Attributes:
        kind: what was done, as far as can be told.
        number: of the first entry concerned.
        day: of the digest concerned.
        message: one line for a person.
    """

    kind: Kind
    number: int | None = None
    day: str | None = None
    message: str


NO_PLACE: Final = 0


@dataclass(frozen=True, slots=True)
class Lying:
    """An entry as it lies there, as text.

    Attributes:
        place: the number in its key; `NO_PLACE` for a key that no entry has, None in a file.
    """

    place: int | None
    text: str


@dataclass(frozen=True, slots=True)
class SealedDigest:
    """A digest as it lies there.

    Attributes:
        day: from its key.
        text: the oldest version of the object.
        versions: how many versions there are, a deletion counted as one.
        file_sha256: of the file that it names, None when there is no such file.
    """

    day: str
    text: str
    versions: int
    file_sha256: str | None


class Walk:
    """Walks along a chain, entry by entry, and keeps what it finds.

    Args:
        tenant: whose chain.
        last: number of the entry before the first of the walk.
        before: its hash; None when that is not known.
    """

    def __init__(self, tenant: str, last: int = 0, before: str | None = GENESIS) -> None:
        self._tenant = tenant
        self._missing: dict[int, Finding] = {}
        self._found: list[Finding] = []
        self.last = last
        self.before = before

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, by the number of the entry."""
        return sorted([*self._missing.values(), *self._found], key=lambda each: each.number or 0)

    def step(self, lying: Lying) -> None:
        """Look at the next entry."""
        entry = _read(lying.text)
        if entry is None:
            number = self.last + 1 if lying.place is None else lying.place
            self._say("unreadable", number, f"what lies at place {number} is no entry")
            self.last, self.before = max(self.last, number), None
            return
        number = int(entry["number"])
        if lying.place == NO_PLACE:
            self._say("inserted", number, f"an entry {number} lies where no entry has its place")
            return
        if lying.place is not None and lying.place != number:
            self._say(
                "reordered",
                lying.place,
                f"entry {number} lies at the place of entry {lying.place}",
            )
            self.last, self.before = max(self.last, lying.place), None
            return
        if number <= self.last:
            self._step_back(number)
            return
        for gone in range(self.last + 1, number):
            self._missing[gone] = Finding(
                kind="missing", number=gone, message=f"entry {gone} is not there"
            )
        self._check(entry, number, follows=number == self.last + 1)
        self.last, self.before = number, str(entry["hash"])

    def _step_back(self, number: int) -> None:
        if self._missing.pop(number, None):
            text = f"entry {number} stands behind entry {self.last}"
            self._say("reordered", number, text)
        else:
            text = f"entry {number} stands there once more, behind entry {self.last}"
            self._say("inserted", number, text)

    def _check(self, entry: dict[str, Any], number: int, *, follows: bool) -> None:
        said = [entry[name] for name in ("at", "deed", "before")]
        if hash_of(self._tenant, number, *said) != entry["hash"]:
            self._say("changed", number, f"entry {number} is not what its hash was made of")
        elif follows and self.before is not None and entry["before"] != self.before:
            text = f"entry {number} does not follow entry {number - 1} as that stands there"
            self._say("unlinked", number, f"{text}: one of the two was replaced")

    def _say(self, kind: Kind, number: int, message: str) -> None:
        self._found.append(Finding(kind=kind, number=number, message=message))


def _read(text: str) -> dict[str, Any] | None:
    """The entry as JSON; None when it lacks something that every entry has."""
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("number"), int):
        return None
    texts = all(isinstance(entry.get(name), str) for name in ("at", "before", "hash"))
    return entry if texts and isinstance(entry.get("deed"), dict) else None


def digest_findings(
    tenant: str, digests: Iterable[SealedDigest], *, whole: bool = True
) -> Iterator[Finding | Digest]:
    """Every digest that can be read, in order, and before it what is wrong with it.

    Args:
        tenant: whose.
        digests: by day.
        whole: whether the first one of them is the first of the log.
    """
    last, previous = (0, GENESIS) if whole else (-1, "")  # -1 and "": not known
    for sealed in digests:
        yield from _handling(sealed)
        try:
            digest = Digest.model_validate_json(sealed.text)
        except ValidationError:
            yield _of_day("digest_changed", sealed.day, "is none")
            last, previous = -1, ""
            continue
        if (digest.tenant, digest.day.isoformat()) != (tenant, sealed.day):
            yield _of_day("digest_changed", sealed.day, "speaks of another day or tenant")
        if previous and digest.previous != previous:
            yield _of_day("digest_unlinked", sealed.day, "does not follow the one before it")
        if last >= 0 and digest.first != last + 1:
            text = f"begins with entry {digest.first}, and the one before ends with entry {last}"
            yield _of_day("digest_missing", sealed.day, text)
        if digest.count != digest.last - digest.first + 1:
            yield _of_day("digest_changed", sealed.day, "counts other entries than it names")
        if sealed.file_sha256 != digest.sha256:
            said = "is not the one that was sealed" if sealed.file_sha256 else "is not there"
            yield Finding(
                kind="file_changed",
                day=sealed.day,
                number=digest.first,
                message=f"the file of {sealed.day} ({digest.file}) {said}",
            )
        yield digest
        last, previous = digest.last, sha256(sealed.text.encode())


def _handling(sealed: SealedDigest) -> Iterator[Finding]:
    if sealed.versions > 1:
        text = f"was written or deleted {sealed.versions - 1} times since; the oldest one holds"
        yield _of_day("digest_replaced", sealed.day, text)


def _of_day(kind: Kind, day: str, message: str) -> Finding:
    return Finding(kind=kind, day=day, message=f"the digest of {day} {message}")
