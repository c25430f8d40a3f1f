import json
from datetime import UTC, datetime

import pytest

from tallycast.feeds.items import EpisodeItem
from tallycast.measurement.counting.episodes import Audio, audio_of, merged

SHOW_KEY = "shk_" + "k" * 43


def an_episode(**facts):
    document = {"enclosure": {"url": "https://cdn.example/a/one.mp3", "bytes": 28_800_000}}
    document |= facts.pop("document", {})
    item = {
        "tenant": "acme", "show_id": "show_1", "feed_id": "feed_1", "episode_id": "ep_1",
        "identity": "guid:1", "fingerprint": "f", "published": "2026-11-01T06:00:00.000Z",
        "duration_seconds": 1800, "first_seen": "2026-11-02T00:00:00.000Z", "imported": False,
        "document": json.dumps(document),
    }  # fmt: skip
    return EpisodeItem.model_validate(item | facts)


def test_an_episode_is_known_by_the_address_behind_every_prefix():
    url = f"https://t.example/e/{SHOW_KEY}/https/dts.podtrac.com/redirect.mp3/cdn.example/a/one.mp3?x=1"
    [audio] = audio_of(an_episode(document={"enclosure": {"url": url, "bytes": 28_800_000}}))
    assert audio == Audio(
        media="cdn.example/a/one.mp3",
        episode_id="ep_1",
        show_id="show_1",
        released_at=datetime(2026, 11, 1, 6, tzinfo=UTC),
        duration_seconds=1800,
        length_bytes=28_800_000,
    )


def test_an_episode_that_a_program_answers_with_is_known_by_what_its_query_names():
    url = f"https://t.example/e/{SHOW_KEY}/https/cdn.example/play?token=x&id=5"
    [audio] = audio_of(an_episode(document={"enclosure": {"url": url}}))
    assert audio.media == "cdn.example/play?id=5"
    [audio] = audio_of(an_episode(document={"enclosure": {"url": "https://a.example/?f=a/b.m3u8"}}))
    assert audio.media == "a.example/?f=a/b.m3u8"
    [audio] = audio_of(an_episode(document={"enclosure": {"url": "https://A.example/Folge ß.mp3"}}))
    assert audio.media == "a.example/Folge%20%C3%9F.mp3"


def test_an_undated_episode_is_taken_to_be_released_when_it_was_first_seen():
    [audio] = audio_of(an_episode(published=None))
    assert audio.released_at == datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("size", [0, 1, 123, 1_000_000, None])
def test_a_length_that_cannot_be_true_is_none(size):
    enclosure = {"url": "https://cdn.example/a/one.mp3", "bytes": size}
    [audio] = audio_of(an_episode(document={"enclosure": enclosure}))
    assert audio.length_bytes is None


def test_alternate_enclosures_are_the_same_episode():
    alternate = {
        "type": "audio/opus", "bytes": 9_000_000, "bitrate": 40_000.0,
        "sources": [{"uri": "https://cdn.example/a/one.opus"}, {"uri": "ipfs://x"}],
    }  # fmt: skip
    found = list(audio_of(an_episode(document={"alternate_enclosures": [alternate]})))
    assert [(a.media, a.bitrate_bps) for a in found][:2] == [
        ("cdn.example/a/one.mp3", None),
        ("cdn.example/a/one.opus", 40_000),
    ]


def test_a_stream_is_known_by_its_playlists_folder():
    enclosure = {"url": "https://cdn.example/a/hls/index.M3U8"}
    [audio] = audio_of(an_episode(document={"enclosure": enclosure}))
    assert audio.media == "cdn.example/a/hls"


def test_an_address_that_a_feed_has_left_keeps_its_episode():
    old = Audio("cdn.example/old.mp3", "ep_1", "show_1")
    stale = Audio("cdn.example/new.mp3", "ep_0", "show_1")
    new = Audio("cdn.example/new.mp3", "ep_1", "show_1", length_bytes=5)
    assert merged([old, stale], [new]) == [new, old]
