"""Take conversions in: each once, whatever tells of it, and with nobody's address."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final, Literal

from tallycast.attribution.kinds import CONVERSIONS
from tallycast.attribution.model import Conversion, ConversionFacts
from tallycast.aws.records import AlreadyExistsError, Records, Stored, owner_of
from tallycast.kernel.ids import derived_id
from tallycast.kernel.times import to_millis
from tallycast.measurement.privacy.keys import KeyMissingError, month_of
from tallycast.sponsorship.errors import ReferenceUnknownError
from tallycast.sponsorship.kinds import PROMO_CODE, PROMO_CODES, SPONSORS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.attribution.model import ConversionEvent
    from tallycast.measurement.privacy.keys import KeyRing
    from tallycast.measurement.privacy.store import KeyStore
    from tallycast.sponsorship.materials import PromoCode

MOST_EVENTS: Final = 100
AHEAD: Final = timedelta(minutes=5)  # how far a sender's clock may be ahead of ours

Status = Literal["recorded", "known"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one event.

    Attributes:
        status: `recorded` now, or `known` from an earlier telling, which stands.
        differs: a known one was told with other facts before.
    """

    stored: Stored[Conversion]
    status: Status
    differs: bool = False


class Conversions:
    """A tenant's conversions. The id follows from sponsor, kind and order (or event)."""

    def __init__(self, table: Table, keys: KeyStore, retention_months: int) -> None:
        self.records = Records(table, CONVERSIONS)
        self._table = table
        self._keys = keys
        self._retention_months = retention_months

    def take(
        self,
        tenant: str,
        sponsor_id: str,
        events: Sequence[ConversionEvent],
        *,
        told_by: str,
        now: datetime,
    ) -> list[Taken]:
        """Record what is new of a batch, in its order.

        When it ends in the middle, the same batch sent again records the rest: what was
        recorded is known by then.

        Raises:
            ReferenceUnknownError: there is no such sponsor; nothing was recorded.
            ServiceUnavailableError: send the batch again.
        """
        if Records(self._table, SPONSORS).find(tenant, sponsor_id) is None:
            raise ReferenceUnknownError(f"sponsor_id: there is no sponsor {sponsor_id}")
        ring = self._ring(events, now)
        proofs = self._proofs(tenant, sponsor_id, events)
        return [
            self._record(tenant, _kept(each, sponsor_id, told_by, ring, proofs), now)
            for each in events
        ]

    def _record(self, tenant: str, conversion: Conversion, now: datetime) -> Taken:
        record_id = conversion_id(tenant, conversion)
        try:
            self.records.put(self.records.creation(tenant, record_id, conversion, now))
        except AlreadyExistsError:
            known = self.records.get(tenant, record_id)
            return Taken(known, "known", differs=_told(known.document) != _told(conversion))
        at = to_millis(now)
        return Taken(Stored(tenant, record_id, conversion, 1, at, at), "recorded")

    def _ring(self, events: Sequence[ConversionEvent], now: datetime) -> KeyRing | None:
        months = {month_of(each.occurred_at) for each in events if each.ip is not None}
        return self._keys.ring_for(months, now, self._retention_months) if months else None

    def _proofs(
        self, tenant: str, sponsor_id: str, events: Sequence[ConversionEvent]
    ) -> dict[str, Stored[PromoCode]]:
        """The sponsor's promo codes that events name, by their lower-case form."""
        names = {each.discount_code.lower() for each in events if each.discount_code}
        owners = {name: owner_of(self._table, tenant, PROMO_CODE, name) for name in sorted(names)}
        codes = Records(self._table, PROMO_CODES).many(
            tenant, [owner for owner in owners.values() if owner]
        )
        return {
            name: codes[owner]
            for name, owner in owners.items()
            if owner in codes and codes[owner].document.sponsor_id == sponsor_id
        }


def conversion_id(tenant: str, conversion: Conversion) -> str:
    """One id for all tellings of one conversion.

    An order and an event of the same name are two things, and so are a signup and a purchase that
    bear one order's number.
    """
    by = "order" if conversion.order_number else "event"
    return derived_id("cnv", tenant, conversion.sponsor_id, conversion.kind, by, conversion.name)


def is_ahead(event: ConversionEvent, now: datetime) -> bool:
    """Whether an event is told before it happens."""
    return event.occurred_at > now + AHEAD


def _kept(
    event: ConversionEvent,
    sponsor_id: str,
    told_by: str,
    ring: KeyRing | None,
    proofs: dict[str, Stored[PromoCode]],
) -> Conversion:
    facts = {name: getattr(event, name) for name in ConversionFacts.model_fields}
    facts |= {"sponsor_id": sponsor_id, "told_by": told_by}
    code = proofs.get((event.discount_code or "").lower())
    if code is not None and _is_valid(code.document, event):
        facts |= {"campaign_id": code.document.campaign_id, "code_id": code.id, "evidence": "code"}
    if event.ip is not None and ring is not None:
        # What is so old that its month has no key any more can be matched with nothing.
        with suppress(KeyMissingError):
            facts |= ring.pseudonym(event.ip, event.occurred_at)._asdict()
    return Conversion(**facts)


def _is_valid(code: PromoCode, event: ConversionEvent) -> bool:
    day = event.occurred_at.astimezone(UTC).date()
    begun = code.valid_from is None or code.valid_from <= day
    return begun and (code.valid_until is None or day <= code.valid_until)


def _told(conversion: Conversion) -> ConversionFacts:
    """What the sender said of it; `event_id` may be another for each telling of an order."""
    facts = {name: getattr(conversion, name) for name in ConversionFacts.model_fields}
    return ConversionFacts(**(facts | {"event_id": None}))
