"""Lists are other people's input: what is wrong with one is said, and none of it is taken over."""

import json

import pytest

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.agents import (
    BadAgentListError,
    built_in,
    built_in_documents,
    load_documents,
    load_folder,
)
from tallycast.measurement.lengths import LONGEST_AGENT
from tests.unit.measurement.agents.agent_bundles import a_bundle, a_document, a_list

A_BOMB = r"^(a+)+$"


def kinds(known, *agents):
    return [(agent.kind, agent.name) for agent in known.classify(agents)]


def test_bots_come_before_apps_before_libraries_before_browsers():
    agent = "BadBot GoodApp somelib Mozilla"
    assert kinds(a_list(), agent, agent[7:], agent[15:], agent[23:], "else") == [
        ("bot", "BadBot"),
        ("app", "GoodApp"),
        ("library", "somelib"),
        ("browser", "Mozilla"),
        ("unknown", None),
    ]


def test_of_one_list_the_first_entry_that_matches_wins():
    assert kinds(a_list(apps=a_document("Pod", "Podcast")), "Podcast") == [("app", "Pod")]
    assert kinds(a_list(apps=a_document("Podcast", "Pod")), "Podcast") == [("app", "Podcast")]


def test_a_library_can_be_a_bot_and_bots_have_no_device():
    on_phone, bot, unknown = a_list().classify(["somelib Phone", "lib/1 Phone", "what Phone"])
    assert on_phone[1:] == ("library", "somelib", "Phone", "mobile", False, False)
    assert bot[1:] == ("library", "lib", None, None, True, False)
    assert unknown[1:] == ("unknown", None, "Phone", "mobile", False, False)


def test_an_entry_can_say_in_plain_words_how_it_is_recognised():
    entry = {
        "name": "App",
        "starts": ["App (1.0)/"],
        "holds": [" App+"],
        "equals": ["app"],
        "matches": ["^A[0-9]$"],
    }
    known = a_list(apps=a_document(entry))
    recognised = ["App (1.0)/2", "x App+1", "app", "A7"]
    assert {a.name for a in known.classify(recognised)} == {"App"}
    others = ["an App (1.0)/2", "App 1", "apps", "A77", "App (1x0)/"]
    assert {a.name for a in known.classify(others)} == {None}


def test_a_referrer_is_a_host_with_all_below_it():
    known = a_list()
    players = [
        "https://player.example",
        "http://www.PLAYER.example:80/x",
        "https://player.example?a",
    ]
    assert known.classify_referrers(players) == ["Player"] * 3
    others = [
        "https://notplayer.example/",
        "https://player.example.evil.test/",
        "https://evil.test/?https://player.example/",
        "https://evil.test/player.example/",
        "https://player.example@evil.test/",
        "",
        "https://player.example/\x00",
        "https://player.example/" + "a" * 8000,
        "\ud800",
    ]
    assert known.classify_referrers(others) == [None] * 9


@pytest.mark.parametrize("file", ["bots", "apps", "libraries", "browsers", "devices", "referrers"])
def test_a_bundle_without_one_of_the_lists_is_refused(file):
    with pytest.raises(BadAgentListError, match=rf"^{file}\.json: this list is missing"):
        load_documents(a_bundle(**{file: None}))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"entries": [], "entries": []}', "stands twice"),
        (b"[]", "expected"),
        (b"{}", "expected"),
        (b'{"entries": {}}', "expected"),
        (b'{"entries": []}', "empty"),
        (b'{"entries": ["x"]}', "no. 1.*an entry is an object"),
        (b'{"entries": [{"pattern": "x"}]}', "no. 1.*`name`"),
        (b'{"entries": [{"name": "A\\u0000", "pattern": "x"}]}', "no. 1.*`name`"),
        (b'{"entries": [{"name": "A"}]}', "'A'.*neither"),
        (b'{"entries": [{"name": "A", "pattern": ""}]}', "'A'.*`pattern`"),
        (b'{"entries": [{"name": "A", "pattern": ["x"]}]}', "'A'.*`pattern`"),
        (b'{"entries": [{"name": "A", "starts": "x"}]}', "'A'.*`starts`"),
        (b'{"entries": [{"name": "A", "starts": [""]}]}', "'A'.*`starts`"),
        (b'{"entries": [{"name": "A", "pattern": "x", "category": 3}]}', "'A'.*`category`"),
        (b'{"version": 3, "entries": [{"name": "A", "pattern": "x"}]}', "version"),
        (a_document({"name": "A", "pattern": "x"}, {"name": "A", "pattern": "y"}), "'A'.*name"),
        (a_document({"name": "A", "pattern": "x"}, {"name": "B", "pattern": "x"}), "'A'.*pattern"),
        (a_document("(unclosed"), "unclosed.*wrong"),
        (a_document("a**"), "wrong"),
        (a_document("\ud800"), "`name`"),
        (a_document({"name": "A", "pattern": "\ud800"}), "'A'.*wrong"),
        (a_document(r"(a)\1"), "refers back"),
        (a_document(r"a(?=b)c"), "look-around"),
        (a_document({"name": "A", "pattern": r"^((a+)\2)+$"}), "'A'.*refers back"),
        (a_document(".{900}"), "too large"),
        (a_document({"name": "A", "pattern": "(?:.{30}){30}"}), "'A'.*too large"),
        (a_document({"name": "A", "pattern": "(?:a{1000}){1000}"}), "'A'.*wrong"),
        (a_document({"name": "A", "pattern": "x|"}), "'A'.*match everything"),
        (a_document({"name": "A", "pattern": ".*"}), "'A'.*match everything"),
        (a_document({"name": "A", "pattern": "^."}), "'A'.*match everything"),
        (a_document(*[f"x{n}" for n in range(20_001)]), "more than 20000"),
        (b'{"entries": "' + b"x" * 8_000_000 + b'"}', "larger than"),
    ],
)
def test_a_bad_list_is_refused_by_file_and_entry(body, said):
    with pytest.raises(BadAgentListError, match=f"^bots.json.*{said}") as refused:
        load_documents(a_bundle(bots=body))
    assert isinstance(refused.value, PermanentError)
    assert refused.value.facts["file"] == "bots.json"
    assert "\n" not in refused.value.message


def test_the_entry_to_blame_is_named_in_whichever_list_it_stands():
    for file in ("apps", "devices", "referrers"):
        with pytest.raises(BadAgentListError) as refused:
            load_documents(
                a_bundle(**{file: a_document("fine", {"name": "Worse", "pattern": "["})})
            )
        assert refused.value.facts == {"file": f"{file}.json", "entry": "Worse"}


def test_a_pattern_that_would_hold_python_up_for_ages_is_answered():
    known = a_list(bots=a_document({"name": "Bomb", "pattern": A_BOMB}))
    longest = "a" * (LONGEST_AGENT - 1)
    assert kinds(known, longest + "!", longest) == [("unknown", None), ("bot", "Bomb")]


def test_look_around_at_the_ends_works_within_a_list():
    known = a_list(
        bots=a_document(
            {"name": "Bot", "pattern": r"(?i)^(?!.*cubot).*bot|spider(?!-)|crawl(?=er)"}
        ),
        apps=a_document({"name": "After", "pattern": "(?<!x)CUBOT"}),
    )
    assert kinds(
        known, "SomeBot/1", "Android CUBOT", "xCUBOT", "spider", "spider-man", "crawler"
    ) == [
        ("bot", "Bot"),
        ("app", "After"),
        ("unknown", None),
        ("bot", "Bot"),
        ("unknown", None),
        ("bot", "Bot"),
    ]


def test_versions_are_those_given_else_those_stated_else_the_digest():
    documents = a_bundle(apps=a_document("App", version="2026-11-01"))
    known = load_documents(documents, versions={"bots.json": "v7"})
    assert known.versions["bots.json"] == "v7"
    assert known.versions["apps.json"] == "2026-11-01"
    assert len(known.versions["devices.json"]) == 12
    assert set(known.versions) == set(documents)


def test_the_digest_changes_with_every_list_and_only_with_content():
    first = a_list().digest
    assert a_list().digest == first
    assert load_documents(a_bundle(), versions={"bots.json": "v7"}).digest == first
    changed = {
        a_list(**{file: a_document("other")}).digest
        for file in ("bots", "apps", "devices", "referrers")
    }
    assert len(changed - {first}) == 4
    prefixed = {**a_bundle(), "prefixes.json": b'[{"prefixpattern": "Pfx.example/p"}]'}
    assert load_documents(prefixed).prefix_hosts == {"pfx.example"}
    assert load_documents(prefixed).digest != first


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"[3]", b'[{"prefixpattern": " "}]', b'[{"prefixpattern": 3}]', b"nothing"],
)
def test_prefixes_that_cannot_be_read_are_refused(body):
    with pytest.raises(BadAgentListError, match=r"^prefixes\.json"):
        load_documents({**a_bundle(), "prefixes.json": body})


def test_a_folder_and_a_bundle_of_the_same_bytes_are_the_same_list(tmp_path):
    for file, body in a_bundle().items():
        (tmp_path / file).write_bytes(body)
    (tmp_path / "rss-ua.json").write_text("whatever else lies there")
    assert load_folder(tmp_path).digest == a_list().digest


def test_a_folder_that_is_none_or_has_no_lists_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadAgentListError, match=r"^bots\.json: this list is missing"):
            load_folder(path)
    (tmp_path / "bots.json").mkdir()
    with pytest.raises(BadAgentListError, match=r"^bots\.json: cannot be read"):
        load_folder(tmp_path)


def test_one_list_of_the_built_in_bundle_can_be_replaced():
    documents = {**built_in_documents(), "bots.json": a_document("OnlyThisBot")}
    known = load_documents(documents)
    assert kinds(known, "OnlyThisBot", "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)") == [
        ("bot", "OnlyThisBot"),
        ("app", "Overcast"),
    ]
    assert known.digest != built_in().digest
    assert json.loads(documents["apps.json"])["version"] == known.versions["apps.json"]
