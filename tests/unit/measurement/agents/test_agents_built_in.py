"""The list that ships with the package: how much it knows, and how far it agrees with others."""

import csv
import json
import re
from functools import cache
from pathlib import Path

import pytest

from tallycast.feeds.identity import PREFIX_HOSTS
from tallycast.measurement.agents import built_in, built_in_documents, load_folder
from tallycast.measurement.agents.documents import AGENT_FILES, REFERRERS
from tests.support.shared import FIXTURES, ROOT
from tests.unit.measurement.agents.agent_bundles import KINDS, LISTS

DAY = FIXTURES / "logs" / "download-requests-2022-09-20.csv"
PAGE = ROOT / "docs" / "user-agents.md"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
needs_lists = pytest.mark.skipif(
    not (LISTS.is_dir() and DAY.is_file()),
    reason="the shared lists are not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)


@cache
def own_entries(file):
    return json.loads(built_in_documents()[file])["entries"]


def test_the_built_in_list_knows_the_trade():
    counts = {kind: len(set(names)) for kind, names in built_in().names.items()}
    assert counts == {"bot": 179, "app": 202, "library": 56, "browser": 20}
    assert len(own_entries(REFERRERS)) == 97
    assert len([e for e in own_entries("libraries.json") if e.get("category") == "bot"]) == 38
    assert built_in().prefix_hosts == PREFIX_HOSTS


def test_the_built_in_list_says_which_state_it_is_in():
    assert set(built_in().versions.values()) == {
        json.loads(built_in_documents()["bots.json"])["version"]
    }
    assert re.fullmatch("[0-9a-f]{16}", built_in().digest)


@pytest.mark.parametrize(
    ("agent", "kind", "name", "category", "is_bot"),
    [
        ("Podcasts/1650.20 CFNetwork/1333.0.4 Darwin/21.5.0", "app", "Apple Podcasts", "mobile", False),
        ("%E6%92%AD%E5%AE%A2/1709 CFNetwork/1390 Darwin/22.0.0", "app", "Apple Podcasts", "mobile", False),
        ("AirPodcasts/1430.46 CFNetwork/1121 Darwin/19.0", "app", "Apple Podcasts", "smart_speaker", False),
        ("Spotify/8.9.10 Android/34 (Pixel 8)", "app", "Spotify", "mobile", False),
        ("Spotify/1.0", "bot", "Spotify feed fetcher", None, True),
        ("Overcast/3.0 (+http://overcast.fm/; iOS podcast app)", "app", "Overcast", "mobile", False),
        ("Overcast/1.0 Podcast Sync (12 subscribers; +http://overcast.fm/)", "bot", "Overcast feed parser", None, True),
        ("Pocket Casts/1.0 (Pocket Casts Feed Parser; +http://pocketcasts.com/)", "bot", "Pocket Casts feed parser", None, True),
        ("AntennaPod/3.4.0", "app", "AntennaPod", None, False),
        ("AmazonMusic/24.1 iPad7,3 CFNetwork/1335 Darwin/21.6.0", "app", "Amazon Music", "tablet", False),
        ("Sonos/70.3 (ZPS1)", "app", "Sonos", "smart_speaker", False),
        ("Roku/DVP-9.10 (519.10E04111A)", "app", "Roku", "smart_tv", False),
        ("Echo/1.0(APNG)", "app", "Alexa-enabled device", "smart_speaker", False),
        ("AppleCoreMedia/1.0.0.19G82 (iPhone; U; CPU OS 15_6 like Mac OS X)", "library", "AppleCoreMedia", "mobile", False),
        ("AppleCoreMedia/1.0.0.20K71 (Apple TV; U; CPU OS 16_1 like Mac OS X)", "library", "AppleCoreMedia", "smart_tv", False),
        ("Dalvik/2.1.0 (Linux; U; Android 11; SM-A515F)", "library", "Dalvik", "mobile", False),
        ("stagefright/1.2 (Linux;Android 9)", "library", "Android media player", "mobile", False),
        ("python-requests/2.31.0", "library", "Python requests", None, True),
        ("curl/8.4.0", "library", "curl", None, True),
        ("Wget/1.21.3", "library", "Wget", None, True),
        ("Go-http-client/2.0", "library", "Go HTTP client", None, True),
        ("okhttp/4.9.1", "library", "okhttp", None, True),
        (f"{WINDOWS} Chrome/129.0.0.0 Safari/537.36", "browser", "Chrome", "computer", False),
        (f"{WINDOWS} Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0", "browser", "Edge", "computer", False),
        (f"{WINDOWS} Chrome/129.0.0.0 Safari/537.36 OPR/114.0", "browser", "Opera", "computer", False),
        (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "browser", "Safari", "mobile", False),
        (f"{IPHONE} CriOS/129.0 Mobile/15E148 Safari/604.1", "browser", "Chrome", "mobile", False),
        (f"{IPHONE} Mobile/15E148", "browser", "Apple WebView", "mobile", False),
        (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]", "app", "Facebook", "mobile", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "browser", "Firefox", "computer", False),
        ("Mozilla/5.0 (X11; GNU/Linux) AppleWebKit/601.1 (KHTML, like Gecko) Tesla QtCarBrowser Safari/601.1", "app", "Tesla", "auto", False),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "Googlebot", None, True),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)", "bot", "OpenAI", None, True),
        ("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "bot", "UptimeRobot", None, True),
        (f"{WINDOWS} HeadlessChrome/129.0.0.0 Safari/537.36", "bot", "Headless browser", None, True),
        ("ELB-HealthChecker/2.0", "bot", "AWS health check", None, True),
        ("iTMS", "bot", "Apple iTMS", None, True),
        ("SomeUnheardOf-Bot/1.0 (+https://bot.example/)", "bot", "Self-identified bot", None, True),
        ("NewCrawler (contact@example.org)", "bot", "Self-identified bot", None, True),
        ("Mozilla/5.0", "bot", "Bare Mozilla", None, True),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0 Mobile Safari/537.36", "browser", "Chrome", "mobile", False),
        ("Tweetbot/53300 CFNetwork/1335.0.3 Darwin/21.6.0", "unknown", None, "mobile", False),
        ("UnheardOfPlayer/1.0 CFNetwork/1335.0.3 Darwin/21.6.0", "unknown", None, "mobile", False),
    ],
)  # fmt: skip
def test_a_well_known_agent_is_known(agent, kind, name, category, is_bot):
    [answer] = built_in().classify([agent])
    assert (answer.kind, answer.name, answer.category, answer.is_bot) == (
        kind,
        name,
        category,
        is_bot,
    )


@pytest.mark.parametrize(
    ("agent", "is_watch"),
    [
        ("atc/1.0 watchOS/9.0 model/Watch6,7 hwp/t8301 build/20R361 (6; dt:261)", True),
        ("(null)/(null) watchOS/8.5 model/Watch5,2 hwp/t8006 build/19T242", True),
        ("Podcasts (null)/(null) watchOS/8.5", True),
        ("atc/1.0", False),
        ("atc/1.0 iOS/16", False),
        ("Overcast/2.0 watchOS/9.0", False),
        ("xatc/1.0 watchOS/9.0", False),
    ],
)
def test_an_apple_watch_that_repeats_the_phone_is_marked(agent, is_watch):
    [answer] = built_in().classify([agent])
    assert answer.is_watch is is_watch
    assert answer.is_bot or not is_watch


def test_apples_media_library_is_no_proof_of_its_podcast_app():
    [answer] = built_in().classify(
        ["AppleCoreMedia/1.0.0.19G82 (iPhone; U; CPU OS 15_6_1 like Mac OS X)"]
    )
    assert (answer.kind, answer.name) == ("library", "AppleCoreMedia")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://podcasts.apple.com/us/podcast/x/id1", "Apple Podcasts"),
        ("https://embed.podcasts.apple.com/", "Apple Podcasts"),
        ("https://open.spotify.com/episode/1", "Spotify"),
        ("https://podcasters.spotify.com/pod/show/x", "Spotify for Creators"),
        ("https://podcasts.google.com/feed/x", "Google Podcasts"),
        ("https://www.google.co.uk/", "Google"),
        ("https://music.amazon.de/podcasts/x", "Amazon Music"),
        ("https://music.youtube.com/watch?v=1", "YouTube Music"),
        ("https://m.youtube.com/watch?v=1", "YouTube"),
        ("https://www.buzzsprout.com/1/2", "Buzzsprout"),
        ("https://t.co/x", "X"),
        ("https://notspotify.com/", None),
        ("https://example.com/?u=https://open.spotify.com/", None),
    ],
)
def test_a_web_player_is_known_by_its_address(url, name):
    assert built_in().referrer_name(url) == name


@pytest.mark.parametrize("file", AGENT_FILES)
def test_every_entry_can_be_reached_by_its_own_words(file):
    """No entry stands wholly in the shadow of an earlier one."""
    in_shadow = []
    for entry in own_entries(file):
        words = [f"{text}1.0" if text[-1] in "/ " else text for text in entry.get("starts", [])]
        words += entry.get("equals", []) + [f"Mozilla/5.0 ({t}1) x" for t in entry.get("holds", [])]
        answers = built_in().classify(words)
        own = [a for a in answers if (a.kind, a.name) == (KINDS[file], entry["name"])]
        if words and not own:
            in_shadow.append(entry["name"])
    assert in_shadow == []


def normal(name):
    """A name without case, spaces and punctuation."""
    return re.sub(r"[\W_]", "", name.casefold()) if name else None


@needs_lists
def test_on_a_real_day_the_built_in_list_agrees_with_the_working_groups():
    with DAY.open(newline="") as lines:
        agents = [row["user_agent"] for row in csv.DictReader(lines)]
    pairs = list(zip(load_folder(LISTS).classify(agents), built_in().classify(agents), strict=True))
    agreed = {
        "bot": sum(a.is_bot == b.is_bot for a, b in pairs),
        "kind": sum(a.kind == b.kind for a, b in pairs),
        "name": sum(normal(a.name) == normal(b.name) for a, b in pairs),
        "bot, kind and name": sum(
            (a.is_bot, a.kind, normal(a.name)) == (b.is_bot, b.kind, normal(b.name))
            for a, b in pairs
        ),
        "category of device": sum(a.category == b.category for a, b in pairs),
    }
    assert agreed == {
        "bot": 606,
        "kind": 606,
        "name": 606,
        "bot, kind and name": 606,
        "category of device": 603,
    }
    assert min(agreed.values()) / len(pairs) >= 0.97


@needs_lists
def test_the_page_says_how_many_of_the_working_groups_examples_are_known():
    said = PAGE.read_text()
    theirs = load_folder(LISTS)
    for file in AGENT_FILES:
        entries = json.loads((LISTS / file).read_bytes())["entries"]
        agents = [agent for entry in entries for agent in entry.get("examples", [])]
        pairs = list(zip(theirs.classify(agents), built_in().classify(agents), strict=True))
        known = sum(b.kind != "unknown" for _, b in pairs)
        same_bot = sum(a.is_bot == b.is_bot for a, b in pairs)
        same_kind = sum(a.kind == b.kind for a, b in pairs)
        named = sum(a.kind == b.kind and normal(a.name) == normal(b.name) for a, b in pairs)
        assert (
            f"| {Path(file).stem} | {len(pairs)} | {known} | {same_kind} | {named} | {same_bot} |"
            in said
        )
