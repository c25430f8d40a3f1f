"""What can be wrong with what somebody asks of this room; each says what to do."""

from __future__ import annotations

from tallycast.kernel.errors import ConflictError, DeniedError, InvalidError, NotFoundError


class SponsorNotFoundError(NotFoundError):
    """The tenant has no such sponsor."""


class AgencyNotFoundError(NotFoundError):
    """The tenant has no such agency."""


class NoteNotFoundError(NotFoundError):
    """The sponsor has no such note."""


class OrderNotFoundError(NotFoundError):
    """The tenant has no such insertion order."""


class CampaignNotFoundError(NotFoundError):
    """The tenant has no such campaign."""


class SpotNotFoundError(NotFoundError):
    """The tenant has no such spot."""


class PromoCodeNotFoundError(NotFoundError):
    """The tenant has no such promo code."""


class VanityLinkNotFoundError(NotFoundError):
    """The tenant has no such vanity link."""


class CreativeNotFoundError(NotFoundError):
    """The tenant has no such creative."""


class RateNotFoundError(NotFoundError):
    """The rate card has no such line."""


class ReferenceUnknownError(InvalidError):
    """What is named in the body does not exist: a sponsor, a show, an episode, an order."""


class PlacementInvalidError(InvalidError):
    """A spot is in an episode, or in a show from one day to another; not both, not neither."""


class DatesInvalidError(InvalidError):
    """The days make no sense together."""


class CurrencyDiffersError(InvalidError):
    """A price is in another currency than the order it belongs to."""


class MoneyHiddenError(DeniedError):
    """Who does not see prices cannot set them."""


class OrderNumberTakenError(ConflictError):
    """Another order of the tenant has this number."""


class OrderSignedError(ConflictError):
    """The order is signed, or void: its terms stand as they are."""


class OrderInUseError(ConflictError):
    """Campaigns run under this order."""


class CodeTakenError(ConflictError):
    """Another promo code of the tenant is spelled the same."""


class SlugTakenError(ConflictError):
    """Another vanity link of the tenant has this slug."""


class RateTakenError(ConflictError):
    """The rate card has a line for this show, position, length and day."""


class TransitionRefusedError(ConflictError):
    """A campaign does not go from where it stands to there."""


class CampaignNotReadyError(ConflictError):
    """The step is one that a campaign can take, but not yet; the message says what it lacks."""


class CampaignClosedError(ConflictError):
    """The campaign is over, or as it stands this part of it cannot change any more."""


class PositionTakenError(ConflictError):
    """Another campaign has this position of this episode."""


class CompetitorBookedError(ConflictError):
    """A competitor is in the same episode, and one of the two was promised that it would not be."""


class CategoryExclusiveError(ConflictError):
    """A category was promised to one sponsor alone for these days."""


class ShowFullError(ConflictError):
    """A show has more bookings than it can hold at a time."""


class TooManyPartsError(ConflictError):
    """A campaign has as many spots or creatives as it can have."""


class CreativeStatusError(ConflictError):
    """A creative does not go from where it stands to there."""
