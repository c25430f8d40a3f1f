"""The queue of polls to be made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.aws.errors import ServiceUnavailableError, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from tallycast.feeds.feed import PollMessage

_BATCH = 10  # SQS takes no more in one call
_TRIES = 3
LONGEST_DELAY = 900  # seconds; SQS delays no longer


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message and how many seconds it is to lie in the queue before anybody sees it."""

    message: PollMessage
    seconds: int = 0


class PollQueue:
    """Send poll messages, ten a call and several calls at once."""

    def __init__(self, client: SQSClient, url: str, *, threads: int = 8) -> None:
        self._client = client
        self._url = url
        self._threads = threads

    def send(self, messages: Sequence[Delayed]) -> int:
        """Send all messages; returns how many calls it took.

        Raises:
            ServiceUnavailableError: some could not be sent after three tries. Sending all of
                them again does no harm: a poll that was made voids its copies.
        """
        batches = [messages[at : at + _BATCH] for at in range(0, len(messages), _BATCH)]
        if len(batches) == 1:
            return self._send(batches[0])
        with ThreadPoolExecutor(self._threads) as pool:
            return sum(pool.map(self._send, batches))

    def depth(self) -> int:
        """Messages waiting, roughly (SQS says no more)."""
        with translated("read the depth of the poll queue"):
            found = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def _send(self, messages: Sequence[Delayed]) -> int:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(number),
                "MessageBody": delayed.message.model_dump_json(),
                "DelaySeconds": min(max(delayed.seconds, 0), LONGEST_DELAY),
            }
            for number, delayed in enumerate(messages)
        ]
        for calls in range(1, _TRIES + 1):
            with translated("send poll messages"):
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            failed = {failure["Id"] for failure in answer.get("Failed", [])}
            if not failed:
                return calls
            entries = [entry for entry in entries if entry["Id"] in failed]
        raise ServiceUnavailableError("the poll queue refuses messages", refused=len(entries))
