"""The user agents of the generated listening: apps, browsers, speakers, bots, and none at all.

Product tokens are those that the apps really send, so that any sensible list knows them; versions
vary from listener to listener. `style` is how an app asks for audio (`habits.py`).
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

Style = Literal["download", "stream", "web", "speaker", "crawl", "probe", "watch"]

_IOS = ("17_5_1", "17_6_1", "18_1", "18_3_2", "18_5", "26_0")
_IOS_BUILDS = ("21F90", "21G93", "22B83", "22D82", "22F76", "23A341")
_DARWIN = (
    "CFNetwork/1494.0.7 Darwin/23.4.0",
    "CFNetwork/1498.700.2 Darwin/23.6.0",
    "CFNetwork/1568.200.51 Darwin/24.1.0",
    "CFNetwork/1568.300.101 Darwin/24.2.0",
    "CFNetwork/3826.400.120 Darwin/24.3.0",
    "CFNetwork/3860.200.71 Darwin/25.1.0",
)
_ANDROID = ("11", "12", "13", "14", "15")
_PHONES = ("SM-S911B", "SM-A546B", "SM-G991U", "Pixel 7", "Pixel 8", "M2101K6G", "XQ-BC52", "FP4")
_CHROME = ("126", "128", "131", "134", "137")
_LANGUAGES = ("en_us", "en_gb", "de_de", "fr_fr", "sv_se", "pt_br")


class Family(NamedTuple):
    """One app or client: its share of the listeners, its style, its user agents.

    `weight` is relative to the others of the same role; `agents` differ in version and device.
    """

    name: str
    style: Style
    weight: int
    agents: tuple[str, ...]


def _each(pattern: str, *choices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pattern.format(*chosen) for chosen in product(*choices))


def _exo(app: str, versions: tuple[str, ...]) -> tuple[str, ...]:
    return _each(app + "/{} (Linux;Android {}) {}", versions, _ANDROID, (
        "ExoPlayerLib/2.18.1", "ExoPlayerLib/2.19.1", "AndroidXMedia3/1.2.1",
    ))  # fmt: skip


_APPLE_CORE = tuple(
    f"AppleCoreMedia/1.0.0.{build} ({device}; U; CPU OS {os} like Mac OS X; {language})"
    for (os, build), device, language in product(
        zip(_IOS, _IOS_BUILDS, strict=True), ("iPhone", "iPad"), _LANGUAGES
    )
)
_SAFARI_PHONE = _each(
    "Mozilla/5.0 (iPhone; CPU iPhone OS {} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/{} Mobile/15E148 Safari/604.1",
    _IOS,
    ("17.5", "18.1", "18.5"),
)
_CHROME_DESK = _each(
    "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"),
    _CHROME,
)
_CHROME_PHONE = _each(
    "Mozilla/5.0 (Linux; Android {}; {}) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{}.0.0.0 Mobile Safari/537.36",
    _ANDROID,
    _PHONES[:4],
    _CHROME,
)

# What people listen with. An Apple Watch is not here: it goes with some of the Apple families.
LISTENERS: tuple[Family, ...] = (
    Family("Apple Podcasts", "download", 240, _each("Podcasts/{} {}", (
        "1650.20", "1667.3", "4025.510.1", "4028.700.11"), _DARWIN)),
    Family("AppleCoreMedia", "stream", 130, _APPLE_CORE),
    Family("Spotify", "stream", 160, _each(
        "Spotify/{} {}", ("8.9.42", "8.9.96", "9.0.18", "9.0.50"), (
            "iOS/17.5.1 (iPhone14,5)", "iOS/18.1 (iPhone15,2)", "iOS/18.5 (iPhone16,1)",
            "Android/33 (SM-G991U)", "Android/34 (SM-S911B)", "Android/34 (Pixel 8)",
        ))),
    Family("Overcast", "download", 55, _each(
        "Overcast/{} (+http://overcast.fm/; iOS podcast app)", (
            "3.0", "2024.7", "2024.10", "2025.2"))),
    Family("Pocket Casts", "download", 50, ("Pocket Casts",)),
    Family("AntennaPod", "download", 34, _each("AntennaPod/{}", (
        "3.3.2", "3.4.0", "3.5.0", "3.6.1", "3.7.0"))),
    Family("CastBox", "stream", 28, _exo("CastBox", ("11.9.1-241015", "12.1.0-250220"))),
    Family("Podcast Addict", "download", 34, _each(
        "PodcastAddict/v5 - Dalvik/2.1.0 (Linux; U; Android {}; {} Build/TQ3A.230805.001)",
        _ANDROID, _PHONES)),
    Family("Amazon Music", "stream", 24, _each("AmazonMusic/{} {}", (
        "24.12.0", "25.2.1"), ("iPhone16,1 CFNetwork", "Dalvik Android"))),
    Family("iHeartRadio", "stream", 14, _each("iHeartRadio/{} (Android {}; {})", (
        "10.41.0", "10.48.0"), _ANDROID, _PHONES[:3])),
    Family("Castro", "download", 12, _each("Castro {}", ("2024.5/1420", "2025.1/1477"))),
    Family("Player FM", "download", 12, _each("Player FM/{} {}", ("5.9.0", "6.2.1"), _DARWIN[:3])),
    Family("Podbean", "stream", 14, _each("Podbean/{} (http://podbean.com)", (
        "Android App 9.5.2", "iOS App 5.9.1"))),
    Family("Downcast", "download", 6, _each(
        "Downcast/2.11.{} (iPhone; iOS 17.{}; Scale/3.00)", ("2", "4"), ("4", "5", "6"))),
    Family("Podcast Republic", "download", 8, _each(
        "PodcastRepublic/18.0 (Linux; U; Android {};{})", _ANDROID, ("panther", "shiba"))),
    Family("gPodder", "download", 4, _each("gPodder/3.11.{} (+http://gpodder.org/) Linux", (
        "1", "3", "4"))),
    Family("iTunes", "download", 7, _each("iTunes/12.{} (Windows; Microsoft Windows 10 x64)", (
        "12.4", "13.1"))),
    Family("Deezer", "stream", 9, _each("Deezer/{} (Android; {}; Mobile; fr) samsung SM-G950F", (
        "8.0.20", "8.0.31"), _ANDROID)),
    Family("Audible", "stream", 6, _each("Audible/{} (iPhone; iOS 18.{})", ("4.20", "4.28"), (
        "1", "5"))),
    Family("Stitcher", "stream", 5, _each("Stitcher/{}", ("11.5.0", "12.0.1"))),
    Family("TuneIn", "stream", 6, _each("TuneIn Radio/{}; iPhone16,1; iOS/18.{}", (
        "27.3", "28.1"), ("1", "5"))),
    Family("Safari", "web", 40, _SAFARI_PHONE),
    Family("Chrome", "web", 50, _CHROME_DESK + _CHROME_PHONE),
    Family("Firefox", "web", 16, _each("Mozilla/5.0 ({}; rv:{}.0) Gecko/20100101 Firefox/{}.0", (
        "Windows NT 10.0; Win64; x64", "X11; Linux x86_64"), ("128", ), ("128", )) + _each(
        "Mozilla/5.0 ({}; rv:137.0) Gecko/20100101 Firefox/137.0", (
            "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15"))),
    Family("Edge", "web", 12, _each(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/{}.0.0.0 Safari/537.36 Edg/131.0.0.0", _CHROME)),
    Family("Alexa", "speaker", 14, _each("AlexaMediaPlayer/2.1.{}.0 (Linux;Android {}) ExoPlayerLib"
        "/1.5.9", ("4676", "4731", "4792"), ("5.1.1", "7.1.2"))),
    Family("Sonos", "speaker", 9, _each("Linux UPnP/1.0 Sonos/{} (ZPS{})", (
        "80.1-55014", "83.1-61210"), ("9", "17", "23"))),
    Family("HomePod", "speaker", 6, _each("AirPodcasts/{} {}", ("4022.700.8", "4025.510.1"),
        _DARWIN[2:4])),
)  # fmt: skip

# A watch takes again what its phone has taken already.
WATCHES = (
    "atc/1.0 watchOS/10.6 model/Watch6,2 hwp/t8301 build/21U577 (6; dt:233)",
    "atc/1.0 watchOS/11.3 model/Watch7,3 hwp/t8310 build/22S555 (6; dt:258)",
    "atc/1.0 watchOS/11.5 model/Watch6,14 hwp/t8301 build/22T572 (6; dt:247)",
    "(null)/(null) watchOS/9.6.3 model/Watch5,4 hwp/t8006 build/20U502",
)

# Programs that say what they are.
BOTS: tuple[str, ...] = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "PodscanBot/1.1.0 Ubuntu/22.04 (Linux) +https://podscan.fm",
    "python-requests/2.32.3",
    "Python/3.12 aiohttp/3.9.5",
    "Go-http-client/2.0",
    "Wget/1.21.4",
)

# What a broken client sends in the place of a user agent: not one letter.
GARBLED: tuple[str, ...] = ("1.0", "()", "0000-00-00", "-;-;-", "(7)")

# A listener whose app or proxy sends none: an empty header, and no header at all.
BLANK: tuple[str, ...] = ("", "-")
