"""Which rule of `iab-2.3` should drop a request, from who made it and what it was."""

from __future__ import annotations

# In the order of the rules: a request that is not eligible is no matter for a filter.
_BY_WHAT = {
    "head": "method",
    "not_modified": "not_modified",
    "error": "status",
    "probe": "two_bytes",
    "replay": "delivered_twice",
}
_BY_WHO = {
    "watch": "apple_watch",
    "bot": "bot",
    "blank_agent": "blank_agent",
    "bad_agent": "malformed_agent",
    "data_centre": "data_centre",
    "vpn": "vpn",
    "bad_referrer": "bad_referrer",
    "scraper": "volume",
}
_BY_OUTCOME = {
    "preload": "below_threshold",
    "short": "below_threshold",
    "repeat": "repeat",
    "download": "counted",
}


def expected_rule(who: str, what: str) -> str:
    """The verdict that a request of `who` and `what` in the true waterfall should get.

    Raises:
        KeyError: the truth has no such thing.
    """
    if what in _BY_WHAT:
        return _BY_WHAT[what]
    return _BY_OUTCOME[what] if who == "person" else _BY_WHO[who]
