"""Promo codes and vanity links of campaigns: unique in a tenant, as listeners tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.records import claim, release
from tallycast.kernel.ids import new_id
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.errors import (
    CodeTakenError,
    DatesInvalidError,
    ReferenceUnknownError,
    SlugTakenError,
)
from tallycast.sponsorship.kinds import (
    CAMPAIGNS,
    PROMO_CODE,
    PROMO_CODES,
    VANITY_LINKS,
    VANITY_SLUG,
)
from tallycast.sponsorship.materials import PromoCode, VanityLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.materials import PromoCodeFacts, VanityLinkFacts
    from tallycast.sponsorship.model import Campaign
    from tallycast.sponsorship.shows import Shows

    Seen = Callable[[Stored[Any]], None]


class Codes:
    """Keeps promo codes and vanity links. What they say stands; a wrong one is removed."""

    def __init__(self, desk: Desk, shows: Shows) -> None:
        self.desk = desk
        self.codes = desk.of(PROMO_CODES)
        self.links = desk.of(VANITY_LINKS)
        self._shows = shows

    def add_code(self, act: Act, facts: PromoCodeFacts) -> Stored[PromoCode]:
        """A new promo code.

        Raises:
            CodeTakenError: another one is spelled the same, whatever its case.
            ReferenceUnknownError: its campaign or show is not there.
        """
        campaign = self._campaign(act.tenant, facts.campaign_id, facts.show_id)
        code = _in_order(made(PromoCode, {**facts.model_dump(), "sponsor_id": campaign.sponsor_id}))
        code_id, name = new_id("cod", act.now), code.code.lower()
        taken = CodeTakenError(f"there is a promo code {code.code} already: choose another")
        only = claim(act.tenant, PROMO_CODE, name, owner=code_id, refused=taken)
        return self.desk.add_as(act, PROMO_CODES, code_id, code, "promo_code.create", [only])

    def change_code(
        self, act: Act, code_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[PromoCode]:
        """A promo code with other days or another benefit."""
        before = self.codes.get(act.tenant, code_id)
        seen(before)
        code = _in_order(merged(before.document, changes))
        return self.desk.change(act, PROMO_CODES, before, code, "promo_code.change")

    def remove_code(self, act: Act, code_id: str, seen: Seen) -> None:
        """A promo code gone; its name is free again."""
        before = self.codes.get(act.tenant, code_id)
        seen(before)
        free = release(act.tenant, PROMO_CODE, before.document.code.lower(), owner=code_id)
        self.desk.remove(act, PROMO_CODES, before, "promo_code.remove", free)

    def add_link(self, act: Act, facts: VanityLinkFacts) -> Stored[VanityLink]:
        """A new vanity link.

        Raises:
            SlugTakenError: another one has its slug.
            ReferenceUnknownError: its campaign or show is not there.
        """
        campaign = self._campaign(act.tenant, facts.campaign_id, facts.show_id)
        link = made(VanityLink, {**facts.model_dump(), "sponsor_id": campaign.sponsor_id})
        link_id = new_id("lnk", act.now)
        taken = SlugTakenError(f"there is a vanity link {link.slug} already: choose another")
        only = claim(act.tenant, VANITY_SLUG, link.slug, owner=link_id, refused=taken)
        return self.desk.add_as(act, VANITY_LINKS, link_id, link, "vanity_link.create", [only])

    def change_link(
        self, act: Act, link_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[VanityLink]:
        """A vanity link that leads elsewhere, or nowhere for now."""
        before = self.links.get(act.tenant, link_id)
        seen(before)
        link = merged(before.document, changes)
        return self.desk.change(act, VANITY_LINKS, before, link, "vanity_link.change")

    def remove_link(self, act: Act, link_id: str, seen: Seen) -> None:
        """A vanity link gone; its slug is free again."""
        before = self.links.get(act.tenant, link_id)
        seen(before)
        free = release(act.tenant, VANITY_SLUG, before.document.slug, owner=link_id)
        self.desk.remove(act, VANITY_LINKS, before, "vanity_link.remove", free)

    def _campaign(self, tenant: str, campaign_id: str, show_id: str | None) -> Campaign:
        found = self.desk.of(CAMPAIGNS).find(tenant, campaign_id)
        if found is None:
            raise ReferenceUnknownError(f"campaign_id: there is no campaign {campaign_id}")
        if show_id is not None:
            self._shows.insist(tenant, show_id)
        return found.document


def _in_order(code: PromoCode) -> PromoCode:
    if code.valid_from and code.valid_until and code.valid_until < code.valid_from:
        raise DatesInvalidError("a code is valid until the day it begins, or later")
    return code
