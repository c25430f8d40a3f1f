"""Ask for exports, look how far they are, and fetch their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.analytics.exports.links import KEY_BYTES, is_open
from tallycast.analytics.exports.model import (
    ENDED,
    EXPORTS,
    Export,
    ExportLinkInvalidError,
    ExportMessage,
    ExportNotFoundError,
    ExportNotReadyError,
    TooManyExportsError,
    object_key,
)
from tallycast.aws.errors import translated
from tallycast.aws.records import AlreadyExistsError, Records
from tallycast.identity.audit.chain import Deed
from tallycast.identity.model import Role
from tallycast.kernel.errors import TallycastError
from tallycast.kernel.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

    from tallycast.analytics.exports.model import Wanted
    from tallycast.aws.records import Page, Stored
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.model import Principal

MOST_WAITING: Final = 10
_URL_SECONDS: Final = 60  # S3 is asked right after the redirect


@dataclass(frozen=True, slots=True)
class Exports:
    """A tenant's exports, as the API has them."""

    table: Table
    trail: AuditTrail
    sqs: SQSClient
    queue_url: str
    s3: S3Client
    bucket: str
    entropy: Callable[[int], bytes]

    def ask(
        self, principal: Principal, wanted: Wanted, *, request_key: str, request_id: str,
        now: datetime,
    ) -> Stored[Export]:  # fmt: skip
        """Have a table exported.

        The id follows from who asks, the request's key and what is wanted. When the queue refused
        the message, the same request comes again, finds the export and sends the message again.

        Raises:
            TooManyExportsError: too many wait already.
            ServiceUnavailableError: the export cannot be written or queued now; ask again.
        """
        tenant = principal.tenant
        export_id = derived_id(
            "exp", tenant, principal.subject, request_key, wanted.model_dump_json()
        )
        found = self._records.find(tenant, export_id)
        if found is None:
            self._check_room(tenant)
            export = Export(
                wanted=wanted,
                asked_by=principal.subject,
                asked_at=now,
                link_key=self.entropy(KEY_BYTES).hex(),
            )
            deed = Deed(
                actor=principal.subject,
                action="export.create",
                target=export_id,
                request_id=request_id,
                details={"table": wanted.table, "format": wanted.format},
            )
            try:
                write = self._records.creation(tenant, export_id, export, now)
                self.trail.commit(tenant, [write], deed, now)
            except AlreadyExistsError:
                pass  # the same request, at the same moment
            found = self._records.get(tenant, export_id)
        message = ExportMessage(tenant=tenant, export_id=export_id)
        with translated("queue an export"):
            self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=message.model_dump_json())
        return found

    def get(self, principal: Principal, export_id: str) -> Stored[Export]:
        """One export. A partner system sees its own alone.

        Raises:
            ExportNotFoundError: there is none of this id that the caller may see.
        """
        found = self._records.get(principal.tenant, export_id)
        if not _may_see(principal, found):
            raise ExportNotFoundError(f"no export {export_id} here", id=export_id)
        return found

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Export]:
        """The exports that the caller may see, newest first."""
        return self._records.page(
            principal.tenant,
            limit=limit,
            cursor=cursor,
            keep=lambda stored: _may_see(principal, stored),
            newest_first=True,
        )

    def file_url(
        self, tenant: str, export_id: str, *, expires: int, signature: str, now: datetime
    ) -> str:
        """A fresh address of S3 for whoever has a link to an export's file.

        Raises:
            ExportLinkInvalidError: the link has expired or is none of ours.
            ExportNotReadyError: the file is not there any more.
        """
        found = self._linked(tenant, export_id)
        if found is None or not is_open(
            tenant, export_id, found.document.link_key, expires=expires, given=signature, now=now
        ):
            raise ExportLinkInvalidError(
                "this link has expired or is not whole: read the export again for a new one"
            )
        export = found.document
        if export.state != "done" or export.expires_at is None or export.expires_at <= now:
            raise ExportNotReadyError(f"{export_id} has no file (any more): ask for a new export")
        with translated(f"make an address of {export_id}"):
            return self.s3.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self.bucket,
                    "Key": object_key(tenant, export_id, export.wanted.format),
                    "ResponseContentDisposition": f'attachment; filename="{export.file_name}"',
                },
                ExpiresIn=_URL_SECONDS,
            )

    def _linked(self, tenant: str, export_id: str) -> Stored[Export] | None:
        """The export that a link names, which may be anything."""
        try:
            return self._records.find(tenant, export_id)
        except TallycastError as error:
            if error.code == "BadTenantError":
                return None
            raise

    def _check_room(self, tenant: str) -> None:
        newest = self._records.page(tenant, limit=2 * MOST_WAITING, newest_first=True).items
        waiting = sum(stored.document.state not in ENDED for stored in newest)
        if waiting >= MOST_WAITING:
            raise TooManyExportsError(
                f"{waiting} exports are still being made: wait for them, then ask again"
            )

    @property
    def _records(self) -> Records[Export]:
        return Records(self.table, EXPORTS)


def _may_see(principal: Principal, stored: Stored[Export]) -> bool:
    return principal.role is not Role.PARTNER or stored.document.asked_by == principal.subject
