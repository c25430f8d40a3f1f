"""Who is no listener: robots, machines in data centres, impossible volumes (IAB v2.3 §5.5).

What hangs on the user agent alone is decided once per distinct user agent, in Python; what hangs
on the row is an SQL condition; volume is counted per IP and reporting day.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from tallycast.kernel.schema import Produced
from tallycast.measurement.lengths import LONGEST_AGENT

if TYPE_CHECKING:
    from collections.abc import Sequence

# Control characters, halves of characters, private ones and none at all.
_NO_TEXT: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
# What no program calls itself: a character lost in conversion, a template, a script.
_TRICK: Final = re.compile(r"\ufffd|\$\{|\{\{|%\{|<script", re.IGNORECASE)
SAFE_FOR: Final = timedelta(days=90)

# A referrer is the address of a page (or of an app): it cannot hold these.
_NO_ADDRESS = r"[\x00-\x20<>\"{}|\\^`]"

_HOST = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?([^/:?#]+)"

CONDITIONS: Final[dict[str, str]] = {
    "data_centre": "network = 'data_centre'",
    "vpn": "network = 'vpn'",
    "bad_referrer": f"referrer <> '' AND regexp_matches(referrer, '{_NO_ADDRESS}')",
}


class SafeIp(Produced):
    """An IP that many people share (a carrier, a university), by its hash.

    Attributes:
        ip_hash: the IP's hash under the key of the month, as in the requests.
        validated: the day somebody checked it; after 90 days it protects no longer
            (IAB v2.3 §5.5 asks for re-validation).
    """

    ip_hash: str
    validated: date

    def holds_on(self, day: date) -> bool:
        """Whether it still protects on `day`."""
        return self.validated <= day < self.validated + SAFE_FOR


def is_bad_referrer(referrer: str | None, bad_hosts: Sequence[str] = ()) -> bool:
    """A referrer that can be no address, or a page of a host that is known for false requests."""
    text = referrer or ""
    if re.search(_NO_ADDRESS, text):
        return True
    found = re.match(_HOST, text.lower())
    return found is not None and found[1] in {bare_host(host) for host in bad_hosts}


def bare_host(host: str) -> str:
    """A host as it is compared: in lower case, without `www.` and a dot at its end."""
    return host.strip().lower().removesuffix(".").removeprefix("www.")


def bad_referrer_sql(bad_hosts: Sequence[str]) -> str:
    """`is_bad_referrer` as SQL."""
    if not bad_hosts:
        return CONDITIONS["bad_referrer"]
    hosts = ", ".join("'" + bare_host(host).replace("'", "''") + "'" for host in sorted(bad_hosts))
    return f"""referrer <> '' AND (regexp_matches(referrer, '{_NO_ADDRESS}')
        OR regexp_extract(lower(referrer), '{_HOST}', 1) IN ({hosts}))"""


def is_blank(user_agent: str | None) -> bool:
    """No user agent at all, or one that says nothing (`-`, `null`)."""
    return (user_agent or "").strip().lower() in {"", "-", "null", "(null)", "none", "undefined"}


def is_malformed(user_agent: str | None) -> bool:
    """A user agent no player sends: control characters, over-long, without a letter, a template."""
    text = user_agent or ""
    if is_blank(text):
        return False
    return (
        len(text) > LONGEST_AGENT
        or not any(letter.isalpha() for letter in text)
        or (not text.isprintable() and any(unicodedata.category(s) in _NO_TEXT for s in text))
        or _TRICK.search(text) is not None
    )


def is_apple_watch(user_agent: str | None) -> bool:
    """An Apple Watch: what it asks for, the phone has downloaded already (IAB v2.3 §5.5)."""
    text = user_agent or ""
    return (text.startswith("atc/") and "watchOS" in text) or "(null)/(null) watchOS" in text


def agent_faults(
    user_agent: str | None, kind: str, *, is_bot: bool, is_watch: bool, library_bots: bool
) -> frozenset[str]:
    """The rules that drop every request of this user agent.

    Args:
        user_agent: as sent; None or empty when there was none.
        kind: of AGENTS: `bot`, `app`, `library`, `browser`, `unknown` or `blank`.
        is_bot: of AGENTS.
        is_watch: of AGENTS.
        library_bots: whether libraries that only robots use count as robots.
    """
    faults = set()
    if is_blank(user_agent) or kind == "blank":
        faults.add("blank_agent")
    if kind == "bot" or (is_bot and library_bots):
        faults.add("bot")
    if is_malformed(user_agent):
        faults.add("malformed_agent")
    if is_watch or is_apple_watch(user_agent):
        faults.add("apple_watch")
    return frozenset(faults)


def is_unrealistic(
    episodes: int, requests: int, most_episodes: int | None, most_requests: int | None
) -> bool:
    """More of one IP in a reporting day than listeners behind it can want."""
    return (most_episodes is not None and episodes > most_episodes) or (
        most_requests is not None and requests > most_requests
    )
