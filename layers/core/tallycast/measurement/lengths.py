"""How long the texts of a request may be, in characters.

Said once, for those who redirect and write hits, those who read logs, and those who judge.
"""

from __future__ import annotations

from typing import Final

LONGEST_URL: Final = 4096
"""Of an address, scheme included; also in bytes. The redirect refuses what is longer with its
query, intake what is longer without; so whatever was redirected can be counted."""

LONGEST_AGENT: Final = 1024
"""Of a user agent that a player sends: those of real browsers and in-app views have about 600."""

LONGEST_KEPT: Final = 2048
"""What is kept of a user agent or referrer: more than `LONGEST_AGENT`, so that a cut one still is
too long to be one."""
