"""What the sample events of the redirect and of show keys lead to."""

import json
import re

from tests.support.measuring import (
    HIT_AT,
    HITS,
    SHOW_KEY,
    a_hit,
    objects,
    redirects_log,
    registry,
    track,
)
from tests.support.outcomes import outcome
from tests.support.scene import SHOW, TENANT


def ran(scene, case):
    """The answer to a sample event, and the container it was made in."""
    return scene.run(case)


def managed(scene, case):
    return ran(scene, f"manage_measurement/{case}")[0]


# ── show keys ──


@outcome("manage_measurement/register_tracking")
def a_show_key_is_made_and_with_it_the_keys_of_addresses(scene):
    made = managed(scene, "register_tracking")
    url = scene.environments["manage_measurement"]["TRACKING_URL"]
    assert made["prefix"] == f"{url}/e/{made['show_key']}/"
    assert re.fullmatch(r"shk_[A-Za-z0-9_-]{43}", made["show_key"])
    assert len(scene.platform.stacks.privacy.scan()["Items"]) == 3 + 1


@outcome("manage_measurement/show_tracking")
def how_a_show_is_tracked_is_shown_without_its_secrets(scene):
    track(scene)
    tracking = managed(scene, "show_tracking")["tracking"]
    assert (tracking["show_id"], tracking["state"], len(tracking["keys"])) == (SHOW, "active", 1)
    assert tracking["hosts"] == ("audio.example.com", "dts.podtrac.com")
    assert SHOW_KEY not in json.dumps(tracking)
    assert "secrets" not in tracking


@outcome("manage_measurement/rotate_secret")
def a_secret_is_rotated(scene):
    track(scene)
    before = managed(scene, "sign")["url"]
    managed(scene, "rotate_secret")
    assert managed(scene, "sign")["url"] != before


@outcome("manage_measurement/disable_tracking")
def a_show_is_no_longer_recorded(scene):
    track(scene)
    assert managed(scene, "disable_tracking")["tracking"]["state"] == "disabled"


@outcome("manage_measurement/enable_tracking")
def a_show_is_recorded_again(scene):
    track(scene)
    managed(scene, "disable_tracking")
    assert managed(scene, "enable_tracking")["tracking"]["state"] == "active"


@outcome("manage_measurement/sign")
def a_signed_address_is_redirected_to_although_the_feed_does_not_name_its_host(scene):
    track(scene)
    url = managed(scene, "sign")["url"]
    base = scene.environments["manage_measurement"]["TRACKING_URL"]
    path, _, query = url.removeprefix(base).partition("?")
    event = scene.event("track_download/head") | {"rawPath": path, "rawQueryString": query}
    with scene.function("track_download") as redirect:
        answer = redirect(event)
    assert answer["headers"]["location"] == "https://new.example.com/1.mp3"


@outcome("manage_measurement/ban_host")
def a_banned_host_is_refused(scene):
    assert managed(scene, "ban_host") == {"banned": True}


@outcome("manage_measurement/ban_key")
def a_banned_key_is_refused(scene):
    track(scene)
    assert managed(scene, "ban_key") == {"banned": True}
    assert ran(scene, "track_download/episode")[0]["statusCode"] == 403


@outcome("manage_measurement/lift_ban")
def a_ban_is_lifted(scene):
    managed(scene, "ban_host")
    assert managed(scene, "lift_ban") == {"banned": False}


@outcome("manage_measurement/switch")
def recording_is_switched_off_for_everybody(scene):
    track(scene)
    assert managed(scene, "switch") == {"recording": "off", "redirecting": None}
    answer, made = ran(scene, "track_download/episode")
    assert (answer["statusCode"], made.lines) == (302, [])


# ── the redirect ──


def asked(scene, case):
    """What a listener is answered, and the lines that the log has of it."""
    track(scene)
    answer, made = ran(scene, f"track_download/{case}")
    return answer, made.lines


def refused(scene, case, status):
    answer, lines = asked(scene, case)
    assert answer["statusCode"] == status
    assert "location" not in answer["headers"]
    assert [line["kind"] for line in lines] == ["refused"]


@outcome("track_download/episode")
def a_listener_is_redirected_and_recorded_without_an_address(scene):
    answer, [hit] = asked(scene, "episode")
    assert answer["statusCode"] == 302
    destination = "https://audio.example.com/daily/episode%201.mp3?source=rss&t=1795348800"
    assert answer["headers"]["location"] == destination
    assert (hit["kind"], hit["tenant"], hit["show_id"]) == ("hit", TENANT, SHOW)
    assert (hit["url"], hit["country"], hit["asn"]) == (destination, "DE", 3320)
    assert (hit["ip_key"], hit["range_start"], hit["range_end"]) == ("2026-11", 0, 1)
    assert not re.search(r"198\.51\.100|203\.0\.113", json.dumps(hit))


@outcome("track_download/prefixed")
def a_listener_is_sent_on_through_another_prefix(scene):
    answer, [hit] = asked(scene, "prefixed")
    onward = "https://dts.podtrac.com/redirect.mp3/audio.example.com/daily/episode%201.mp3"
    assert answer["headers"]["location"] == onward
    assert hit["url"] == onward


@outcome("track_download/head")
def a_head_request_is_recorded_as_one(scene):
    answer, [hit] = asked(scene, "head")
    assert (answer["statusCode"], hit["method"]) == (302, "HEAD")


@outcome("track_download/forged_edge")
def who_cannot_prove_to_be_the_edge_is_not_believed(scene):
    answer, [hit] = asked(scene, "forged_edge")
    assert answer["statusCode"] == 302
    assert not {"country", "region", "asn"} & set(hit)


@outcome("track_download/preflight")
def a_player_in_a_browser_may_ask(scene):
    answer, lines = asked(scene, "preflight")
    assert (answer["statusCode"], lines) == (204, [])
    assert answer["headers"]["access-control-allow-origin"] == "*"


@outcome("track_download/foreign_host")
def nobody_is_sent_to_a_host_that_the_show_does_not_have(scene):
    refused(scene, "foreign_host", 403)


@outcome("track_download/user_info")
def an_address_that_hides_its_host_is_refused(scene):
    refused(scene, "user_info", 400)


@outcome("track_download/unknown_key")
def an_unknown_key_is_refused(scene):
    refused(scene, "unknown_key", 404)


@outcome("track_download/post")
def nothing_is_posted_here(scene):
    refused(scene, "post", 405)


@outcome("learn_hosts/batch_with_poison")
def hosts_are_learned_and_the_poison_goes_back_alone(scene):
    answer, _ = ran(scene, "learn_hosts/batch_with_poison")
    *_, poison = scene.event("learn_hosts/batch_with_poison")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison["messageId"]}]}
    made = registry(scene).register(TENANT, SHOW)
    assert made.hosts == ("audio.example.com", "dts.podtrac.com")


@outcome("replay_hits/an_hour")
def hits_of_an_hour_are_recovered_from_the_log(scene):
    with redirects_log(scene, "START", a_hit(1), a_hit(2), '{"v":1,"kind":"refused"}'):
        answer, _ = ran(scene, "replay_hits/an_hour")
    assert (answer["hits"], answer["objects"], answer["through"]) == (2, 1, True)
    [key] = objects(scene, "IntakeBucket")
    assert key.startswith("hits/replayed/2026/11/22/")
    assert HITS.partition("/")[0] == key.partition("/")[0]


@outcome("replay_hits/continuation")
def a_replay_goes_on_where_it_was_left(scene):
    late = HIT_AT.replace(minute=40)
    with redirects_log(scene, a_hit(1), at=late):
        answer, _ = ran(scene, "replay_hits/continuation")
    assert (answer["hits"], answer["objects"], answer["through"]) == (1201, 7, True)
