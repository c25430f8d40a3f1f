"""Does a log hold? Its chain, its digests, and the one against the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from tallycast.identity.audit.digest import Digest, Seal, file_of, seal_of, sha256
from tallycast.identity.audit.findings import (
    Finding,
    Lying,
    SealedDigest,
    Walk,
    digest_findings,
)
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallycast.identity.audit.chain import Entry


class Source(Protocol):
    """Where a log and its seals are read: a running platform, or files."""

    def start(self) -> Seal:
        """What the first entry has to follow; `Seal()` for a log from its beginning."""

    def entries(self) -> Iterator[Lying]:
        """The entries, by place."""

    def head(self) -> Entry | None:
        """The entry that the table calls the last, None when it is not known."""

    def seal(self) -> Seal | None:
        """How far the table says that the log is sealed, None when it is not known."""

    def digests(self) -> Iterator[SealedDigest]:
        """The digests, by day."""

    def sealed(self, digest: Digest) -> list[str]:
        """The lines of the file that a digest names; empty when there is none."""


class Report(Produced):
    """What a verification saw.

    Attributes:
        entries: how many lie there; `last` is the number of the last.
        digests: how many seals there are; they reach up to entry `sealed`.
        findings: what is wrong; empty when the log holds.
    """

    tenant: str
    entries: int
    last: int
    digests: int
    sealed: int
    findings: tuple[Finding, ...]


def verify(tenant: str, source: Source) -> Report:
    """Walk the chain and hold it against every digest.

    Args:
        tenant: whose log; it is part of every hash.
        source: where the log and its seals are.
    """
    findings: list[Finding] = []
    digests: list[Digest] = []
    start = source.start()
    for each in digest_findings(tenant, source.digests(), whole=start == Seal()):
        if isinstance(each, Digest):
            digests.append(each)
        else:
            findings.append(each)
    walk = Walk(tenant, start.last, start.head)
    waiting = deque(digests)
    lying: dict[int, str] = {}  # the entries of the digest whose turn it is, by place
    unlike: list[Finding] = []
    count = 0
    for entry in source.entries():
        walk.step(entry)
        count += 1
        while waiting and entry.place is not None and entry.place > waiting[0].last:
            unlike += _differences(source, waiting.popleft(), lying)
            lying = {}
        if waiting and entry.place is not None and entry.place >= waiting[0].first:
            lying[entry.place] = entry.text
    for digest in waiting:
        here = {place: lying[place] for place in lying if place <= digest.last}
        unlike += _differences(source, digest, here)
    known = {each.number for each in walk.findings}
    findings += walk.findings
    findings += [each for each in unlike if each.number not in known and _is_there(each, walk)]
    findings += _of_the_end(source, walk, digests)
    return Report(
        tenant=tenant,
        entries=count,
        last=walk.last,
        digests=len(digests),
        sealed=digests[-1].last if digests else 0,
        findings=tuple(findings),
    )


def _is_there(finding: Finding, walk: Walk) -> bool:
    """Whether the log reaches that far; if not, its end is what there is to say."""
    return finding.number is not None and finding.number <= walk.last


def _differences(source: Source, digest: Digest, lying: Mapping[int, str]) -> list[Finding]:
    """Where the log is not what a digest sealed."""
    texts = [lying[place] for place in sorted(lying)]
    if not texts:
        return []  # all of them are missing, or the source is a file, whose hash was looked at
    if sha256(file_of(texts)) == digest.sha256:
        return []
    lines = source.sealed(digest)
    if sha256(file_of(lines)) != digest.sha256:
        text = "and its file cannot say where"
        return [_rewritten(digest, digest.first, f"differs from what was sealed, {text}")]
    unlike = [
        number for number, line in enumerate(lines, digest.first) if lying.get(number) != line
    ]
    if unlike == list(range(unlike[0], digest.last + 1)) and len(unlike) > 1:
        text = f"from entry {unlike[0]} on differs from what was sealed"
        return [_rewritten(digest, unlike[0], text)]
    return [
        _rewritten(digest, number, f"differs from what was sealed at entry {number}")
        for number in unlike
    ]


def _rewritten(digest: Digest, number: int, text: str) -> Finding:
    day = digest.day.isoformat()
    return Finding(kind="rewritten", number=number, day=day, message=f"the log of {day} {text}")


def _of_the_end(source: Source, walk: Walk, digests: Sequence[Digest]) -> Iterator[Finding]:
    """What lacks at the end, where no later entry shows it."""
    ends = f"the log ends with entry {walk.last}" if walk.last else "the log is empty"
    head, seal = source.head(), source.seal()
    sealed = digests[-1] if digests else None
    if sealed is not None and sealed.last > walk.last:
        text = f"{ends}, and was sealed up to entry {sealed.last} ({sealed.head})"
        yield Finding(
            kind="truncated",
            number=walk.last + 1,
            day=sealed.day.isoformat(),
            message=text,
        )
    if head is not None and head.number > walk.last:
        text = f"{ends}, and its head is entry {head.number}"
        yield Finding(kind="truncated", number=walk.last + 1, message=text)
    elif head is not None and (head.number, head.hash) != (walk.last, walk.before):
        text = f"the head is entry {head.number} ({head.hash[:12]}…), not the last entry"
        yield Finding(kind="head", number=head.number, message=text)
    if seal is not None and seal.last and (sealed is None or seal_of(sealed) != seal):
        day = seal.day.isoformat() if seal.day else None
        text = f"the log was sealed up to entry {seal.last} on {day}, and that digest is not there"
        yield Finding(kind="digest_missing", number=seal.last, day=day, message=text)
