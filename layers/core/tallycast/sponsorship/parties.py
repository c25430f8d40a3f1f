"""Sponsors, their agencies, and the history of the relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.times import to_millis
from tallycast.sponsorship.buyers import Agency, Note, Sponsor
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.errors import NoteNotFoundError, ReferenceUnknownError
from tallycast.sponsorship.kinds import AGENCIES, NOTES, SPONSORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.buyers import AgencyFacts, NoteFacts, SponsorFacts
    from tallycast.sponsorship.desk import Act, Desk

    Seen = Callable[[Stored[Any]], None]


class Parties:
    """Keeps sponsors, agencies and notes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.sponsors = desk.of(SPONSORS)
        self.agencies = desk.of(AGENCIES)
        self.notes = desk.of(NOTES)

    def add_sponsor(self, act: Act, facts: SponsorFacts) -> Stored[Sponsor]:
        """A new sponsor.

        Raises:
            ReferenceUnknownError: its agency is not there.
        """
        self._insist_on_agency(act.tenant, facts.agency_id)
        sponsor = made(Sponsor, facts.model_dump())
        return self.desk.add(act, SPONSORS, "spo", sponsor, "sponsor.create")

    def change_sponsor(
        self, act: Act, sponsor_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Sponsor]:
        """A sponsor with some facts changed; campaigns keep the category they were made with."""
        before = self.sponsors.get(act.tenant, sponsor_id)
        seen(before)
        sponsor = merged(before.document, changes)
        self._insist_on_agency(act.tenant, sponsor.agency_id)
        return self.desk.change(act, SPONSORS, before, sponsor, "sponsor.change")

    def add_agency(self, act: Act, facts: AgencyFacts) -> Stored[Agency]:
        """A new agency."""
        agency = made(Agency, facts.model_dump())
        return self.desk.add(act, AGENCIES, "agy", agency, "agency.create")

    def change_agency(
        self, act: Act, agency_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Agency]:
        """An agency with some facts changed."""
        before = self.agencies.get(act.tenant, agency_id)
        seen(before)
        agency = merged(before.document, changes)
        return self.desk.change(act, AGENCIES, before, agency, "agency.change")

    def add_note(
        self, act: Act, sponsor_id: str, facts: NoteFacts, happened_at: datetime | None
    ) -> Stored[Note]:
        """A new event in the history of a sponsor; it happened now unless it says when."""
        self.sponsors.get(act.tenant, sponsor_id)
        author = act.deed("sponsor.note", sponsor_id).actor
        note = Note(
            **facts.model_dump(),
            sponsor_id=sponsor_id,
            happened_at=to_millis(happened_at or act.now),
            author=author,
        )
        return self.desk.add(act, NOTES, "not", note, "sponsor_note.create")

    def remove_note(self, act: Act, sponsor_id: str, note_id: str) -> None:
        """A note gone.

        Raises:
            NoteNotFoundError: the sponsor has none of this id.
        """
        before = self.notes.get(act.tenant, note_id)
        if before.document.sponsor_id != sponsor_id:
            raise NoteNotFoundError(f"no sponsor_note {note_id} here", id=note_id)
        self.desk.remove(act, NOTES, before, "sponsor_note.remove")

    def _insist_on_agency(self, tenant: str, agency_id: str | None) -> None:
        if agency_id is not None and self.agencies.find(tenant, agency_id) is None:
            raise ReferenceUnknownError(f"agency_id: there is no agency {agency_id}")
