"""Any queue of ours: messages ten a call, each with its delay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import ServiceUnavailableError, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

LONGEST_DELAY: Final = timedelta(seconds=900)  # SQS delays no longer
_BATCH: Final = 10
_TRIES: Final = 3
_DEPTH: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message's text, and for how long nobody is to see it: at most `LONGEST_DELAY`."""

    body: str
    delay: timedelta = timedelta()


class Queue:
    """One queue."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, messages: Sequence[Delayed]) -> None:
        """Send all of them.

        Raises:
            ServiceUnavailableError: some could not be sent after three tries.
        """
        for start in range(0, len(messages), _BATCH):
            self._put(messages[start : start + _BATCH])

    def depth(self) -> int:
        """Messages in the queue, roughly; those to be seen later, too."""
        with translated("read the depth of a queue"):
            found = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=list(_DEPTH)
            )
        return sum(int(found["Attributes"][name]) for name in _DEPTH)

    def _put(self, messages: Sequence[Delayed]) -> None:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(number),
                "MessageBody": each.body,
                "DelaySeconds": math.ceil(
                    min(max(each.delay, timedelta()), LONGEST_DELAY).total_seconds()
                ),
            }
            for number, each in enumerate(messages)
        ]
        for _ in range(_TRIES):
            with translated("send messages"):
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            failed = {failure["Id"] for failure in answer.get("Failed", [])}
            entries = [entry for entry in entries if entry["Id"] in failed]
            if not entries:
                return
        raise ServiceUnavailableError("a queue refuses messages", refused=len(entries))
