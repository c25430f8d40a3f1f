"""The door and what stands behind it: a message is promised only when it lies in the queue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tallycast.aws.bus import EventBus, OutgoingEvent
from tallycast.aws.queues import Delayed, Queue
from tallycast.kernel import keys
from tallycast.kernel.ids import derived_id
from tallycast.kernel.times import to_text
from tallycast.partners.events import SOURCE, HookReceived
from tallycast.partners.hooks.model import HookMessageStatus, Message, message_id
from tallycast.partners.hooks.reading import read
from tallycast.partners.hooks.schemes import Scheme, verify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tallycast.partners.hooks.messages import Bodies, Messages
    from tallycast.partners.hooks.registry import HookRegistry


@dataclass(frozen=True, slots=True)
class Door:
    """Takes messages in: verified, kept, queued, in that order."""

    registry: HookRegistry
    messages: Messages
    bodies: Bodies
    queue: Queue

    def receive(
        self, hook_id: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[Message, bool]:
        """The message, and whether it is new; one that came before changes nothing.

        It is remembered after it was queued: a process that dies in between is asked again by the
        provider, and whoever takes it from the queue knows it by its id.

        Args:
            hook_id: that the provider calls.
            headers: by lower-case name.
            body: as it came.
            now: what the provider's clock is held against.

        Raises:
            HookNotFoundError: there is no such hook.
            SignatureMalformedError: its headers cannot be read.
            SignatureWrongError: nobody who knows a live secret has sent it, or too long ago.
            ServiceUnavailableError: it could not be kept: the provider shall try again.
        """
        hook = self.registry.called(hook_id)
        scheme = hook.document.scheme
        verified = verify(scheme, self.registry.live_keys(hook, now), headers, body, now)
        content_type = headers.get("content-type", "")[:200]
        provider_id = verified.provider_id
        if scheme is Scheme.STRIPE:
            provider_id = read(scheme, content_type, body).provider_id
        found_id = message_id(hook_id, provider_id, hashlib.sha256(body).hexdigest())
        found = self.messages.find(hook.tenant, hook_id, found_id)
        if found is not None:
            return found, False
        message = Message(
            tenant=hook.tenant,
            hook_id=hook_id,
            id=found_id,
            scheme=scheme,
            provider_id=provider_id,
            type=verified.type,
            content_type=content_type,
            size=len(body),
            key=keys.hook_body(hook.tenant, hook_id, found_id),
            received_at=now,
        )
        self.bodies.put(message.key, body)
        self.queue.put([Delayed(message.model_dump_json())])
        self.messages.remember(message)
        return message, True


class Taken(StrEnum):
    """What became of a message of the queue."""

    STORED = "stored"
    QUARANTINED = "quarantined"
    DEDUPLICATED = "deduplicated"


@dataclass(frozen=True, slots=True)
class Taker:
    """The use case of `take_hook`."""

    messages: Messages
    bodies: Bodies
    bus: EventBus

    def take(self, message: Message) -> Taken:
        """Read a message, tell of it, and store how it stands; once, however often it comes.

        Raises:
            ServiceUnavailableError: the platform does not answer: the message has to come again.
        """
        known = self.messages.find(message.tenant, message.hook_id, message.id)
        if known is not None and known.status is not HookMessageStatus.RECEIVED:
            return Taken.DEDUPLICATED
        found = read(message.scheme, message.content_type, self.bodies.get(message.key))
        status = HookMessageStatus.QUARANTINED if found.unreadable else HookMessageStatus.STORED
        settled = message.model_copy(
            update={
                "type": message.type or found.type,
                "status": status,
                "reason": found.unreadable,
            }
        )
        self.bus.put([_told(settled)])
        if not self.messages.settle(settled):
            return Taken.DEDUPLICATED
        return Taken(status.value)


def _told(message: Message) -> OutgoingEvent:
    event = HookReceived(
        event_id=derived_id("evt", "HookReceived", message.id),
        occurred_at=to_text(message.received_at),
        tenant=message.tenant,
        hook_id=message.hook_id,
        message_id=message.id,
        provider_id=message.provider_id,
        scheme=message.scheme.value,
        type=message.type,
        content_type=message.content_type,
        size=message.size,
        key=message.key,
        quarantined=message.reason,
    )
    name = type(event).__name__
    return OutgoingEvent(event.event_id, SOURCE, name, event.model_dump_json())
