"""The data-quality score of a feed: 100 less what its warnings weigh, never below 0.

Each kind of warning has a weight. A warning about the whole document costs its weight; a warning
about items costs a quarter of it as soon as it occurs and the rest by the share of items
concerned. More warnings never raise the score, and the order of warnings does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.feeds.model import FeedWarning

# What breaks readers or identity weighs most; what we can repair weighs little.
DOCUMENT_WEIGHTS = {
    "ill_formed": 30.0,
    "wrong_encoding": 15.0,
    "bare_ampersand": 10.0,
    "undefined_entity": 10.0,
    "unbound_prefix": 10.0,
    "control_characters": 10.0,
    "text_before_document": 10.0,
    "text_after_document": 10.0,
    "white_space_before_declaration": 5.0,
    "document_type": 3.0,
    "wrong_namespace": 5.0,
    "show_without_title": 10.0,
    "truncated": 10.0,
    "category_empty": 2.0,
    "ttl_unreadable": 1.0,
}
ITEM_WEIGHTS = {
    "item_without_identity": 30.0,
    "guid_missing": 20.0,
    "guid_reused": 20.0,
    "enclosure_reused": 15.0,
    "duplicate_guid": 10.0,
    "duplicate_item": 10.0,
    "date_missing": 10.0,
    "date_unreadable": 10.0,
    "enclosure_missing": 10.0,
    "enclosure_without_url": 10.0,
    "title_missing": 10.0,
    "duration_unreadable": 5.0,
    "enclosure_length_missing": 5.0,
    "enclosure_length_unreadable": 5.0,
    "relative_url": 5.0,
    "several_enclosures": 3.0,
}
# Everything else is about one field of one item.
OTHER_WEIGHT = 2.0
FIRST_SHARE = 0.25


def quality(warnings: Iterable[FeedWarning], items: int) -> float:
    """The score of a feed with so many items, 0 to 100, to one decimal."""
    return round(max(0.0, 100.0 - sum(_cost(warning, items) for warning in warnings)), 1)


def _cost(warning: FeedWarning, items: int) -> float:
    if weight := DOCUMENT_WEIGHTS.get(warning.code):
        return weight
    share = min(1.0, warning.count / max(items, 1))
    return ITEM_WEIGHTS.get(warning.code, OTHER_WEIGHT) * (FIRST_SHARE + (1 - FIRST_SHARE) * share)
