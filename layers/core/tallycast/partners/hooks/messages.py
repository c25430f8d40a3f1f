"""Messages in the deliveries table, and their bodies in the hooks bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.times import to_text
from tallycast.partners.hooks.model import (
    KEPT,
    HookMessageNotFoundError,
    HookMessageStatus,
    Message,
)
from tallycast.partners.lists import newest_first

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A part of a list; `cursor` goes on behind it, None at the end."""

    items: tuple[Message, ...]
    cursor: str | None


class Messages:
    """What came to hooks."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, tenant: str, hook_id: str, message_id: str) -> Message | None:
        """One message, read consistently."""
        key = keys.hook_message(tenant, hook_id, message_id)
        with translated(f"read message {message_id}"):
            found = self._table.get_item(Key=key, ConsistentRead=True)
        return _message(found["Item"]) if "Item" in found else None

    def get(self, tenant: str, hook_id: str, message_id: str) -> Message:
        """One message.

        Raises:
            HookMessageNotFoundError: the hook has none of this id.
        """
        found = self.find(tenant, hook_id, message_id)
        if found is None:
            raise HookMessageNotFoundError(f"no message {message_id} here", id=message_id)
        return found

    def remember(self, message: Message) -> None:
        """That a message came and is queued, unless more than that is known already."""
        self._put(message, Attr("pk").not_exists())

    def settle(self, message: Message) -> bool:
        """That a message is stored or in quarantine; False when that was known already."""
        waiting = Attr("status").eq(HookMessageStatus.RECEIVED.value)
        return self._put(message, Attr("pk").not_exists() | waiting)

    def page(
        self,
        tenant: str,
        hook_id: str,
        status: HookMessageStatus | None = None,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> MessagePage:
        """Messages of a hook, the newest first."""
        items, following = newest_first(
            self._table,
            keys.hook_messages(tenant, hook_id, status.value if status else ""),
            by_status=status is not None,
            limit=limit,
            cursor=cursor,
        )
        return MessagePage(tuple(map(_message, items)), following)

    def _put(self, message: Message, condition: ConditionBase) -> bool:
        try:
            with translated(f"write message {message.id}"):
                self._table.put_item(Item=_item(message), ConditionExpression=condition)
        except ConditionFailedError:
            return False
        return True


class Bodies:
    """Bodies of messages, as they came."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        """Keep a body; the same one again changes nothing."""
        with translated("keep a message"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """A body again."""
        with translated("read a message"):
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()


def _item(message: Message) -> dict[str, Any]:
    status = message.status.value
    return {
        **keys.hook_message(message.tenant, message.hook_id, message.id),
        "kind": "hook_message",
        "tenant": message.tenant,
        "status": status,
        "document": message.model_dump_json(),
        "list_key": keys.hook_messages(message.tenant, message.hook_id),
        "status_key": keys.hook_messages(message.tenant, message.hook_id, status),
        "list_sort": f"{to_text(message.received_at)}#{message.id}",
        "expires_at": int((message.received_at + KEPT).timestamp()),
    }


def _message(item: dict[str, Any]) -> Message:
    return Message.model_validate_json(str(item["document"]))
