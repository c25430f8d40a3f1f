"""Creatives and their approval: draft → submitted → approved or rejected, and back to draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_millis
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.desk import again
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    CreativeStatusError,
    TooManyPartsError,
)
from tallycast.sponsorship.kinds import CAMPAIGNS, CREATIVES
from tallycast.sponsorship.materials import Comment, Creative, CreativeStatus
from tallycast.sponsorship.model import MOST_CREATIVES, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.campaigns import Campaigns
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.materials import CreativeFacts

    Seen = Callable[[Stored[Any]], None]

# From where, to where; a text that changes is a draft again.
APPROVAL: Final[frozenset[tuple[CreativeStatus, CreativeStatus]]] = frozenset(
    {
        ("draft", "submitted"),
        ("submitted", "approved"),
        ("submitted", "rejected"),
        ("submitted", "draft"),
        ("rejected", "draft"),
        ("approved", "draft"),
    }
)
_OVER: Final = frozenset({Status.RECONCILED, Status.CANCELLED})
_MOST_COMMENTS: Final = 200


class Creatives:
    """Keeps creatives."""

    def __init__(self, desk: Desk, campaigns: Campaigns) -> None:
        self.desk = desk
        self.records = desk.of(CREATIVES)
        self._campaigns = campaigns

    def add(self, act: Act, campaign_id: str, facts: CreativeFacts) -> Stored[Creative]:
        """A new creative in draft.

        Raises:
            CampaignClosedError: the campaign is over.
            TooManyPartsError: it has too many creatives.
        """
        creative_id = new_id("cre", act.now)

        def work() -> Stored[Creative]:
            before = self._campaigns.records.get(act.tenant, campaign_id)
            campaign = before.document
            if campaign.status in _OVER:
                raise CampaignClosedError(f"the campaign is {campaign.status.value}")
            if len(campaign.creative_ids) >= MOST_CREATIVES:
                raise TooManyPartsError(f"a campaign has at most {MOST_CREATIVES} creatives")
            fields = {"campaign_id": campaign_id, "sponsor_id": campaign.sponsor_id}
            creative = made(Creative, {**facts.model_dump(), **fields})
            ids = (*campaign.creative_ids, creative_id)
            named = campaign.model_copy(update={"creative_ids": ids})
            with_it = self.desk.of(CAMPAIGNS).replacement(before, named, act.now)
            return self.desk.add_as(
                act, CREATIVES, creative_id, creative, "creative.create", [with_it]
            )

        return again(work)

    def change(
        self, act: Act, creative_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Creative]:
        """A creative with some facts changed; whatever it was before, it is a draft then.

        Raises:
            CreativeStatusError: it waits for approval: take it back first.
        """
        before = self.records.get(act.tenant, creative_id)
        seen(before)
        if before.document.status == "submitted":
            raise CreativeStatusError("it waits for approval: take it back to draft first")
        creative = merged(before.document, {**changes, "status": "draft"})
        return self.desk.change(act, CREATIVES, before, creative, "creative.change")

    def move(
        self, act: Act, creative_id: str, to: CreativeStatus, text: str | None = None
    ) -> Stored[Creative]:
        """A creative one step on, with a comment if there is one.

        Raises:
            CreativeStatusError: nothing leads from where it stands to there.
        """

        def work() -> Stored[Creative]:
            before = self.records.get(act.tenant, creative_id)
            status = before.document.status
            if (status, to) not in APPROVAL:
                onward = sorted(later for earlier, later in APPROVAL if earlier == status)
                raise CreativeStatusError(
                    f"a creative that is {status} cannot become {to}; it can become "
                    + ", ".join(onward)
                )
            creative = before.document.model_copy(update={"status": to})
            if text is not None:
                creative = _commented(act, creative, creative_id, text)
            return self.desk.change(
                act, CREATIVES, before, creative, f"creative.{to}", came_from=status
            )

        return again(work)

    def comment(self, act: Act, creative_id: str, text: str) -> Stored[Creative]:
        """A creative with a further comment; the newest 200 are kept."""

        def work() -> Stored[Creative]:
            before = self.records.get(act.tenant, creative_id)
            creative = _commented(act, before.document, creative_id, text)
            return self.desk.change(act, CREATIVES, before, creative, "creative.comment")

        return again(work)


def _commented(act: Act, creative: Creative, creative_id: str, text: str) -> Creative:
    by = act.deed("creative.comment", creative_id).actor
    comment = Comment(at=to_millis(act.now), by=by, text=text)
    return creative.model_copy(update={"comments": (*creative.comments, comment)[-_MOST_COMMENTS:]})
