"""One request as a route sees it, and what a route gives back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tallycast.identity.audit.chain import Deed
from tallycast.kernel.errors import PermanentError, StaleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import BaseModel

    from tallycast.aws.records import Stored
    from tallycast.identity.model import Principal

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


class IfMatchRequiredError(PermanentError):
    """A change must say which version it changes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks, when, and with which headers.

    Attributes:
        principal: who asks; the tenant comes from here alone.
        request_id: echoed in `x-request-id`, written in logs and in the audit log.
        headers: by lower-case name.
        raw_body: the bytes as they came.
        base_url: scheme, host and stage, to make links with.
    """

    principal: Principal
    request_id: str
    now: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_body: bytes = b""
    base_url: str = ""

    @property
    def tenant(self) -> str:
        """The tenant of who asks."""
        return self.principal.tenant

    def if_match(self, stored: Stored[Any]) -> None:
        """Insist that the caller has seen the version that it is about to change.

        Raises:
            IfMatchRequiredError: there is no `If-Match` header.
            StaleError: it names another version.
        """
        given = self.headers.get("if-match", "").strip()
        if not given:
            raise IfMatchRequiredError(
                "a change needs the header If-Match with the ETag of what it changes; read it first"
            )
        found = _ETAG.fullmatch(given)
        if given != "*" and (found is None or int(found[1]) != stored.version):
            raise StaleError(
                f"{stored.id} is at version {stored.version} by now: read it again", id=stored.id
            )

    def deed(self, action: str, target: str, **details: str | int | bool | None) -> Deed:
        """What this request did, for the audit log."""
        return Deed(
            actor=self.principal.subject,
            action=action,
            target=target,
            request_id=self.request_id,
            details=details,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route gives back, where a bare model does not say enough.

    Attributes:
        body: the model, or text for types other than JSON, or None for no content.
        version: of the thing shown; becomes its ETag.
        location: address of what was created, as a path (`/v1/campaigns/cmp_…`).
    """

    body: BaseModel | str | None
    version: int | None = None
    location: str | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def etag(version: int) -> str:
    """A version as `ETag` and `If-Match` show it."""
    return f'"{version}"'
