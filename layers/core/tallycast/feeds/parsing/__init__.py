"""Parsing: from the bytes of a feed to its normal form, by whichever road they need.

`parse` reads a whole document. `cut` takes one apart without parsing it, so that a document that
changed in a few items needs only those read (`parse_items`).
"""

from tallycast.feeds.parsing.cut import CutDocument, cut, inherited_digest, parse_items
from tallycast.feeds.parsing.document import parse
from tallycast.feeds.parsing.errors import FeedTooComplexError, NotAFeedError
from tallycast.feeds.parsing.json_form import to_json
from tallycast.feeds.parsing.limits import Limits

__all__ = [
    "CutDocument",
    "FeedTooComplexError",
    "Limits",
    "NotAFeedError",
    "cut",
    "inherited_digest",
    "parse",
    "parse_items",
    "to_json",
]
