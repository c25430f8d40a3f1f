"""Who is in the cast: how often, and how each kind behaves."""

from __future__ import annotations

from typing import NamedTuple

ACTORS = 20_000


class Role(NamedTuple):
    """One kind of actor.

    Attributes:
        share: of `ACTORS` actors.
        who: what a perfect judge would call its requests; `person` is no noise.
        human: whether what it gets is heard by somebody.
        agents_of: from which list it takes its user agent.
        network_of: the one kind of network that it uses; None for a person's changing ones.
        own_style: how it asks, whatever its app does.
        subs: fewest and most shows that it follows.
        p_new, p_old: the chance that it takes a new episode, or one of the back catalogue.
        scrapes: takes 87 files in 14 minutes instead.
    """

    role: str
    share: int
    who: str
    human: bool = True
    agents_of: str = "listener"
    network_of: str | None = None
    own_style: str | None = None
    subs: tuple[int, int] = (1, 4)
    p_new: float = 0.6
    p_old: float = 0.02
    scrapes: bool = False


ROLES = (
    Role("listener", 18119, "person"),
    Role("visitor", 600, "person", agents_of="browser", own_style="preload", p_new=0.4),
    Role("relayed", 280, "person", agents_of="browser", network_of="relay"),
    Role("vpn", 280, "vpn", network_of="vpn"),
    Role("blank", 100, "blank_agent", agents_of="blank"),
    Role("garbled", 80, "bad_agent", human=False, agents_of="garbled", p_new=0.5),
    Role("spammer", 80, "bad_referrer", human=False, agents_of="browser", p_new=0.5),
    Role("crawler", 260, "bot", human=False, agents_of="bot", network_of="bot", subs=(3, 12),
         p_new=0.8, p_old=0.1),
    Role("fetcher", 200, "data_centre", human=False, network_of="data_centre", subs=(2, 8)),
    Role("scraper", 1, "scraper", human=False, network_of="rack", own_style="watch", scrapes=True),
)  # fmt: skip

# Referrers of browsers, of a hundred; None: none sent.
REFERRERS: dict[str | None, int] = {
    None: 34,
    "https://shows.example.com/": 30,
    "https://podcasts.apple.com/": 10,
    "https://www.google.com/": 14,
    "https://www.facebook.com/": 6,
    "https://overcast.fm/": 6,
}
# No page has such an address.
BAD_REFERRERS: dict[str | None, int] = {
    "not a url at all": 40,
    "<script>alert(1)</script>": 30,
    "https://shows.example.com/{{episode}}": 30,
}
