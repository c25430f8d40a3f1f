"""What this room knows of shows and episodes: that they are there, and when they came out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallycast.feeds.store import FeedStore, ShowNotFoundError
from tallycast.kernel.times import from_text
from tallycast.measurement.tenancy import MeasurementSettingsStore
from tallycast.sponsorship.errors import ReferenceUnknownError
from tallycast.sponsorship.windows import Episode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.feeds.items import ShowItem
    from tallycast.measurement.tenancy import MeasurementSettings

_PAGE: Final = 100


class Shows:
    """Reads shows and episodes of the feeds room, with the tenant's time zones."""

    def __init__(self, table: Table) -> None:
        self._store = FeedStore(table)
        self._settings = MeasurementSettingsStore(table)

    def settings(self, tenant: str) -> MeasurementSettings:
        """How the tenant's downloads are counted."""
        return self._settings.get(tenant)

    def show(self, tenant: str, show_id: str) -> ShowItem:
        """A show.

        Raises:
            ShowNotFoundError: the tenant has none of this id.
        """
        found = self._store.show(tenant, show_id)
        if found is None:
            raise ShowNotFoundError(f"no show {show_id} here", show_id=show_id)
        return found

    def insist(self, tenant: str, show_id: str) -> None:
        """Insist that a show named in a body is there.

        Raises:
            ReferenceUnknownError: it is not.
        """
        if self._store.show(tenant, show_id) is None:
            raise ReferenceUnknownError(f"show_id: there is no show {show_id}", show_id=show_id)

    def episode(self, tenant: str, show_id: str, episode_id: str) -> Episode:
        """An episode named in a body.

        Raises:
            ReferenceUnknownError: the show has none of this id.
        """
        found = self._store.episode(tenant, show_id, episode_id)
        if found is None:
            raise ReferenceUnknownError(
                f"episode_id: {show_id} has no episode {episode_id}", episode_id=episode_id
            )
        return _episode(found.brief(), self.settings(tenant).zone_of(show_id))

    def episodes(
        self, tenant: str, show_id: str, zone: str, *, until: date | None = None
    ) -> Iterator[Episode]:
        """A show's episodes, those released last first; up to a day, if one is given."""
        # Local days are at most one day off UTC's; what is beyond `until` is passed over below.
        cursor = None if until is None else (until + timedelta(days=2)).isoformat()
        while True:
            page = self._store.episodes(tenant, show_id, limit=_PAGE, after=cursor)
            for brief in page:
                if brief.get("published") is None:
                    continue  # without a date nobody can say which window it is in
                episode = _episode(brief, zone)
                if until is None or episode.released_on <= until:
                    yield episode
            if len(page) < _PAGE:
                return
            cursor = str(page[-1]["sort"])

    def released(
        self, tenant: str, show_id: str, zone: str, first: date, last: date
    ) -> list[Episode]:
        """A show's episodes released from one day to another, both included, in order."""
        found: list[Episode] = []
        for episode in self.episodes(tenant, show_id, zone, until=last):
            if episode.released_on < first:
                break
            found.append(episode)
        return found[::-1]


def local_day(moment: datetime, zone: str) -> date:
    """The day of a moment in a time zone."""
    return moment.astimezone(UTC).astimezone(ZoneInfo(zone)).date()


def _episode(brief: dict[str, Any], zone: str) -> Episode:
    released = from_text(brief.get("published") or brief["first_seen"])
    return Episode(str(brief["episode_id"]), brief.get("title"), local_day(released, zone))
