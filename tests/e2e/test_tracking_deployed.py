"""From a listener at the redirect's address to a counted download, on the deployed platform."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.e2e.conftest import EDGE_SECRET
from tests.e2e.listening import Players
from tests.e2e.measuring import Measured, all_taken_in
from tests.support.cloud import call, wait_until
from tests.support.origin import feed, item

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

EPISODES = 9
AUDIO = "audio.example.com"
NEW_AUDIO = "new-audio.example.com"
APPS = ("Overcast/3.0 (+http://overcast.fm/; iOS podcast app)", "Castro 2022.12/1180")
SECONDS = 30


@dataclass
class Show:
    """A show that is polled and has a show key, and what its listeners do."""

    key: str
    show_id: str
    episodes: dict[str, str]  # media → episode id
    measured: Measured
    players: Players
    sent: Counter[str]  # requests that must be recorded, by media
    began: datetime

    def path(self, number: int, *, key: str | None = None, host: str = AUDIO) -> str:
        return f"/e/{key or self.key}/https/{host}/ep/{number}.mp3"

    def hit(self, number: int, viewer: str | None = "203.0.113.1", **more: str):
        """A request that is redirected and recorded."""
        said = self.players.ask(self.path(number), viewer, **more)
        assert said.status == 302, said
        self.sent[media(number)] += 1
        return said

    def recorded(self) -> Counter[str]:
        """Rows of requests in the lake, by media."""
        rows = self.measured.rows("requests", "media")
        return Counter(name for (name,) in rows)

    def all_recorded(self) -> None:
        wait_until(lambda: self.recorded() == self.sent, SECONDS, f"{self.sent} in the lake")

    def waterfall(self, of: int | str) -> dict[str, int]:
        """What the requests of an episode came to, after a count of all that was sent."""
        self.all_recorded()
        all_taken_in(self.measured.cloud)  # rows are there before their days are marked as due
        self.measured.count_due()
        return self.counted(of)

    def counted(self, of: int | str) -> dict[str, int]:
        """The waterfall of an episode, by its number or its file, since the test began."""
        episode = self.episodes[of if isinstance(of, str) else media(of)]
        scope = {"scope": "episode", "id": episode}
        found: Counter[str] = Counter()
        downloads = 0
        for card in self.measured.cards(self.began.date(), datetime.now(UTC).date(), **scope):
            found.update(card["waterfall"])
            downloads += card["downloads"]
        assert found["counted"] == downloads
        return dict(found)


def media(number: int, host: str = AUDIO) -> str:
    return f"{host}/ep/{number}.mp3"


def played(number: int) -> str:
    """A file that a program answers with."""
    return f"{AUDIO}/play?id={number}"


@pytest.fixture(scope="module")
def show(steady, new_tenant, host):
    tenant = new_tenant(steady, "tracked")
    files = [*map(media, range(1, EPISODES + 1)), *map(played, (101, 102))]
    items = [item(number, host=AUDIO) for number in range(1, EPISODES + 1)]
    items += [
        item(number, host=AUDIO).replace(media(number), f"{played(number)}&amp;token=feed")
        for number in (101, 102)
    ]
    added = tenant.add(host.put(f"/{tenant.name}/feed.xml", feed(items)))
    polled = tenant.polled([added], added.created_at)[0]
    began = datetime.now(UTC)
    measured = Measured(steady, tenant.name)
    made = measured.ask("track", action="register", show_id=polled.show_id)
    assert made["hosts"] == [AUDIO]
    assert made["prefix"] == f"{steady.outputs['TrackingUrl']}/e/{made['show_key']}/"
    episodes = {}
    for stored in tenant.episodes(polled):
        document = stored["document"]
        [name] = [each for each in files if each in document]
        episodes[name] = stored["episode_id"]
    shown = Show(
        key=made["show_key"],
        show_id=polled.show_id,
        episodes=episodes,
        measured=measured,
        players=Players(steady, EDGE_SECRET),
        sent=Counter(),
        began=began,
    )
    shown.tenant, shown.feed = tenant, polled
    return shown


# ── the redirect ──


def test_a_listener_is_sent_on_and_nothing_is_kept_on_the_way(show):
    said = show.hit(1)
    assert said.location == "https://audio.example.com/ep/1.mp3"
    assert said.headers["cache-control"] == "private, no-cache"
    assert said.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in said.headers


def test_method_range_and_query_go_the_same_way(show):
    said = show.players.ask(show.path(1) + "?a=1&b=%20x&&c", "203.0.113.1", range="bytes=0-1")
    show.sent[media(1)] += 1
    assert (said.status, said.location) == (
        302, "https://audio.example.com/ep/1.mp3?a=1&b=%20x&&c",
    )  # fmt: skip
    head = show.hit(1, method="HEAD")
    assert (head.location, head.body) == ("https://audio.example.com/ep/1.mp3", "")
    assert show.players.ask(show.path(1), method="OPTIONS").status == 204
    assert show.players.ask(show.path(1), method="POST").status == 405
    show.all_recorded()
    rows = show.measured.rows("requests", "method, status, range_start, range_end, source")
    assert rows == [
        ("GET", 302, 0, 1, "prefix"),
        ("GET", 302, None, None, "prefix"),
        ("HEAD", 302, None, None, "prefix"),
    ]
    assert show.waterfall(1) == {"counted": 1, "two_bytes": 1, "method": 1}


def test_a_stranger_leads_nobody_anywhere(show):
    stranger = "shk_" + "x" * 43
    asked = {
        show.path(1, host="evil.example"): 403,
        show.path(1, key=stranger): 404,
        f"/e/{show.key}/https/user@{AUDIO}/ep/1.mp3": 400,
        f"/e/{show.key}/https/{AUDIO}%0d%0aX-Evil:1/ep/1.mp3": 400,
        f"/e/{show.key}/ftp/{AUDIO}/ep/1.mp3": 400,
        "/": 404,
        f"/e/{show.key}/https/{AUDIO}/{'x' * 5000}": 414,
    }
    said = {path: show.players.ask(path) for path in asked}
    assert {path: answer.status for path, answer in said.items()} == asked
    assert all(answer.location is None for answer in said.values())


def test_a_signed_address_leads_where_the_feed_does_not(show):
    url = "https://elsewhere.example/ep/1.mp3"
    signed = show.measured.ask("sign", show_id=show.show_id, show_key=show.key, url=url)["url"]
    path = "/e/" + signed.partition("/e/")[2]
    assert show.players.ask(path).location == url
    show.sent["elsewhere.example/ep/1.mp3"] += 1
    assert show.players.ask(path.replace("elsewhere", "nowhere")).status == 403


# ── from the redirect to the count ──


def test_hits_of_an_episode_come_to_exactly_its_downloads(show):
    for viewer in range(1, 6):
        for _ in range(viewer):
            show.hit(2, f"198.51.100.{viewer}", user_agent=APPS[0])
    show.hit(2, "198.51.100.1", user_agent=APPS[1])  # another app behind the same address
    show.hit(2, "2001:db8:1:2::1", user_agent=APPS[0])
    show.hit(2, "2001:db8:1:2:ffff::9", user_agent=APPS[0])  # the same /64
    show.hit(2, "2001:db8:1:3::1", user_agent=APPS[0])
    show.hit(2, "198.51.100.9", user_agent="Googlebot/2.1")
    show.hit(2, "198.51.100.9", method="HEAD")
    assert show.waterfall(2) == {"counted": 8, "repeat": 11, "bot": 1, "method": 1}
    rows = show.measured.rows("requests", "media, ip_hash, request_id")
    of_episode = [row for row in rows if row[0] == media(2)]
    assert len({hashed for _, hashed, _ in of_episode}) == 8
    assert len({request for *_, request in of_episode}) == 21


def test_episodes_that_only_their_query_names_are_counted_apart(show):
    for number, viewers in ((101, 3), (102, 2)):
        for viewer in range(viewers):
            file = f"{AUDIO}/play?token={viewer}&id={number}"
            said = show.players.ask(f"/e/{show.key}/https/{file}", f"198.51.100.{viewer}")
            assert (said.status, said.location) == (302, f"https://{file}")
            show.sent[played(number)] += 1
    assert show.waterfall(played(101)) == {"counted": 3}
    assert show.counted(played(102)) == {"counted": 2}


def test_a_viewer_is_believed_only_with_the_secret_of_the_edge(show):
    for number in range(3):
        show.hit(3, f"198.51.100.{number}", edge="a guess")
        show.hit(3, None)
    assert show.waterfall(3) == {"counted": 1, "repeat": 5}
    for number in range(3):
        show.hit(3, f"198.51.100.{number}", cloudfront_viewer_country="SE")
    assert show.waterfall(3) == {"counted": 4, "repeat": 5}


def test_what_the_edge_says_of_a_viewer_is_kept_and_the_address_is_not(show):
    show.hit(
        4, "198.51.100.77", cloudfront_viewer_country="SE", cloudfront_viewer_asn="64500",
        referer="https://player.example/x", x_playback_session_id="s-1",
    )  # fmt: skip
    show.all_recorded()
    columns = "country, asn, referrer, session, show_id, ip_hash"
    rows = show.measured.rows("requests", f"{columns}, media")
    [(*facts, hashed, _)] = [row for row in rows if row[-1] == media(4)]
    assert facts == ["SE", 64500, "https://player.example/x", "s-1", show.show_id]
    assert len(hashed) >= 16
    stored = [*show.measured.objects("requests").values()]
    assert not any(b"198.51.100" in body for body in stored)


# ── policy ──


def test_a_host_that_appears_in_the_feed_is_learned(show, host):
    assert show.players.ask(show.path(1, host=NEW_AUDIO)).status == 403
    items = [item(number, host=AUDIO) for number in range(1, EPISODES + 1)]
    items.insert(0, item(99, host=NEW_AUDIO))
    host.put(f"/{show.tenant.name}/feed.xml", feed(items))
    show.tenant.poll_again(show.feed)

    def learned() -> bool:
        answer = show.measured.ask("track", action="show", show_id=show.show_id)
        return NEW_AUDIO in answer["tracking"]["hosts"]

    wait_until(learned, SECONDS, f"{NEW_AUDIO} among the hosts")
    show.players.forget()
    assert show.players.ask(show.path(99, host=NEW_AUDIO)).status == 302
    show.sent[media(99, NEW_AUDIO)] += 1


def test_a_banned_key_and_a_banned_host_are_refused_until_it_is_lifted(show):
    key = show.measured.ask("track", action="register", show_id=show.show_id)["show_key"]
    for ban in ({"show_key": key}, {"host": AUDIO}):
        show.measured.ask("ban", **ban)
        show.players.forget()
        assert show.players.ask(show.path(5, key=key)).status == 403
        show.measured.ask("ban", **ban, lift=True)
        show.players.forget()
        assert show.players.ask(show.path(5, key=key)).status == 302
        show.sent[media(5)] += 1
    assert show.waterfall(5) == {"counted": 1, "repeat": 1}


def test_a_disabled_show_is_redirected_and_not_recorded(show):
    show.hit(6)
    show.measured.ask("track", action="disable", show_id=show.show_id)
    show.players.forget()
    assert show.players.ask(show.path(6), "203.0.113.6").status == 302
    show.measured.ask("track", action="enable", show_id=show.show_id)
    show.players.forget()
    show.hit(6, "203.0.113.7")
    assert show.waterfall(6) == {"counted": 2}


def test_the_switches_stop_recording_and_redirecting(show):
    try:
        show.measured.ask("switch", recording="off")
        show.players.forget()
        assert show.players.ask(show.path(7), "203.0.113.6").status == 302
        show.measured.ask("switch", recording="on", redirecting="off")
        show.players.forget()
        assert show.players.ask(show.path(7), "203.0.113.6").status == 503
    finally:
        show.measured.ask("switch", recording="on", redirecting="on")
        show.players.forget()
    show.hit(7)
    assert show.waterfall(7) == {"counted": 1}


# ── when something fails ──


def replayed(show: Show) -> dict[str, int]:
    """Recover every hit since the module began."""
    span = {"since": show.began.isoformat(), "until": datetime.now(UTC).isoformat()}
    answer, failed = call(show.measured.cloud, "ReplayHits", span)
    assert not failed, answer
    assert answer["through"] is True
    return answer


def test_a_table_that_refuses_stops_no_listener_and_the_replay_recovers_the_hit(show):
    show.hit(8)  # a container that knows the keys of the months
    key = show.measured.ask("track", action="register", show_id=show.show_id)["show_key"]
    cloud = show.measured.cloud
    cloud.refuse("dynamodb", 30)
    try:
        said = show.players.ask(show.path(8, key=key), "203.0.113.8")
    finally:
        cloud.refuse("dynamodb", 0)
    assert (said.status, said.location) == (302, "https://audio.example.com/ep/8.mp3")
    before = show.sent.copy()
    assert show.waterfall(8) == {"counted": 1}
    answer = replayed(show)
    assert (answer["hits"], answer["resolved"]) >= (show.sent.total() + 1, 1)
    show.sent = Counter({name: 2 * number for name, number in before.items()})
    show.sent[media(8)] += 1
    assert show.waterfall(8) == {"counted": 2, "delivered_twice": 1}


def test_a_replay_counts_nothing_twice(show):
    """Runs last: the replay before it has delivered every hit of this module a second time."""
    if show.counted(2).get("delivered_twice") is None:
        pytest.skip("looks at what the other tests of this module left; run them together")
    twice = {"counted": 8, "repeat": 11, "bot": 2, "method": 2, "delivered_twice": 19}
    assert show.counted(2) == twice
    replayed(show)
    assert show.waterfall(2) == twice
