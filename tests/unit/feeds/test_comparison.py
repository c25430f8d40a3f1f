import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.comparison import diff, fingerprint
from tallycast.feeds.model import (
    AlternateEnclosure,
    Enclosure,
    Episode,
    Link,
    ParsedFeed,
    Person,
    Show,
    Source,
    Value,
    ValueRecipient,
)
from tallycast.feeds.parsing import parse
from tests.support.shared import needs_shared, paired_feed


def an_episode(guid="one", **fields):
    enclosure = Enclosure(f"https://media.example/{guid}.mp3?token=1", "audio/mpeg", 10)
    return Episode(**{"identity": "guid", "identity_value": guid, "guid": guid, "title": guid,
                      "enclosure": enclosure} | fields)  # fmt: skip


def a_feed(*episodes):
    return ParsedFeed("rss", Show(title="A show"), episodes)


def moved_to(episode, url):
    return replace(episode, enclosure=replace(episode.enclosure, url=url))


@needs_shared
def test_two_weeks_of_intercepted_bring_four_episodes_and_recreate_none():
    old, new = (parse(paired_feed(f"2018-{day}-Intercepted.xml")) for day in ("01-20", "02-03"))
    found = diff(old, new)
    assert (found.common, len(found.new), found.gone) == (43, 4, ())
    assert found.new == tuple(one.guid for one in new.episodes[:4])
    # All 43 addresses changed from http to https: an update of the same file at the same place.
    assert len(found.updated) == 43
    assert found.moved == ()


@needs_shared
def test_a_day_of_ndr_brings_one_episode_and_takes_one():
    old, new = (parse(paired_feed(f"2024-03-{day}-ndr.xml")) for day in (13, 14))
    found = diff(old, new)
    assert (found.common, len(found.new), len(found.gone)) == (1, 1, 1)


def test_a_feed_compared_with_itself_has_no_news():
    feed = a_feed(an_episode("a"), an_episode("b"))
    found = diff(feed, feed)
    assert (found.common, found.new, found.updated, found.gone, found.moved) == (2, (), (), (), ())


def test_changes_are_told_in_the_order_of_the_document():
    old = a_feed(an_episode("c"), an_episode("b"), an_episode("x"), an_episode("y"))
    new = a_feed(
        an_episode("n2"), an_episode("n1"), an_episode("c", title="C"), an_episode("b", title="B")
    )
    found = diff(old, new)
    assert (found.new, found.updated, found.gone) == (("n2", "n1"), ("c", "b"), ("x", "y"))


def test_a_rotated_token_is_no_update():
    one = an_episode()
    assert fingerprint(one) == fingerprint(moved_to(one, "https://media.example/one.mp3?token=2"))


def test_another_file_of_the_same_program_is_an_update():
    one = moved_to(an_episode(), "https://media.example/play?token=1&id=5")
    assert fingerprint(one) == fingerprint(moved_to(one, "https://media.example/play?id=5&token=2"))
    assert fingerprint(one) != fingerprint(moved_to(one, "https://media.example/play?token=1&id=6"))


def test_another_host_is_an_update_and_a_move():
    one = an_episode()
    found = diff(a_feed(one), a_feed(moved_to(one, "https://elsewhere.example/one.mp3")))
    assert (found.updated, found.moved) == (("one",), ("one",))


def test_a_new_prefix_is_an_update_but_no_move():
    one = an_episode()
    found = diff(a_feed(one), a_feed(moved_to(one, "https://op3.dev/e/media.example/one.mp3")))
    assert (found.updated, found.moved) == (("one",), ())


def test_the_same_value_under_another_rule_is_another_episode():
    by_title = an_episode("same", identity="title")
    found = diff(a_feed(an_episode("same")), a_feed(by_title))
    assert (found.common, found.new, found.gone) == (0, ("same",), ("same",))


@given(st.text(), st.text(), st.text(), st.text())
def test_texts_never_run_together(title, subtitle, other_title, other_subtitle):
    one = an_episode(title=title, subtitle=subtitle)
    other = an_episode(title=other_title, subtitle=other_subtitle)
    same = (title, subtitle) == (other_title, other_subtitle)
    assert (fingerprint(one) == fingerprint(other)) is same


def test_every_kind_of_field_counts():
    one = an_episode()
    changes = {
        "published": datetime(2024, 1, 1, tzinfo=UTC),
        "duration_seconds": 1,
        "explicit": True,
        "episode": 1.5,
        "persons": (Person("A"),),
        "keywords": ("a",),
    }
    found = {fingerprint(replace(one, **{name: value})) for name, value in changes.items()}
    assert len(found | {fingerprint(one)}) == len(changes) + 1


def test_nothing_is_told_from_what_looks_like_nothing():
    one = an_episode(subtitle=None, persons=(Person("A"),))
    others = [
        an_episode(subtitle="", persons=(Person("A"),)),
        an_episode(subtitle="None", persons=(Person("A"),)),
        an_episode(subtitle=None, persons=(Person("A", href="None"),)),
        an_episode(subtitle=None, persons=(Person("A"), Person("A"))),
        an_episode(subtitle=None, persons=(), keywords=("A",)),
        an_episode(subtitle=None, persons=(Person("A"),), duration_seconds=0),
    ]
    assert len({fingerprint(episode) for episode in [one, *others]}) == 1 + len(others)


@given(st.text(), st.text(), st.text(), st.text())
def test_texts_inside_never_run_together_either(name, role, other_name, other_role):
    one = an_episode(persons=(Person(name, role),))
    other = an_episode(persons=(Person(other_name, other_role),))
    same = (name, role) == (other_name, other_role)
    assert (fingerprint(one) == fingerprint(other)) is same


def test_a_rotated_token_of_another_source_is_no_update():
    def with_source(uri):
        return an_episode(alternate_enclosures=(AlternateEnclosure("a", sources=(Source(uri),)),))

    one = with_source("https://media.example/one.opus?token=1")
    assert fingerprint(one) == fingerprint(with_source("https://media.example/one.opus?token=2"))
    assert fingerprint(one) != fingerprint(with_source("https://media.example/two.opus?token=1"))


def test_a_fingerprint_never_changes():
    """Every kind of value an episode can hold: a change here re-publishes every episode."""
    episode = an_episode(
        title="\u00e9t\u00e9 \U0001f399",
        published=datetime(2024, 1, 1, 12, 30, tzinfo=UTC),
        duration_seconds=61,
        episode=1.5,
        explicit=True,
        keywords=("a", "b"),
        persons=(Person("\u00c5", img="https://a.example/a.png"),),
        chapters_link=Link("https://a.example/c.json"),
        alternate_enclosures=(AlternateEnclosure("a", 1, 2.5, sources=(Source("https://a.b/c"),)),),
        value=(Value("lightning", "keysend", recipients=(ValueRecipient("x", split=99.0),)),),
    )
    assert fingerprint(episode) == "579fc89082ba34eb38e80ae08fe09aa8"


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "from tallycast.feeds.comparison import fingerprint\n"
        "from tallycast.feeds.model import Episode, Person\n"
        "print(fingerprint(Episode('guid', 'a', title='é', persons=(Person('A'),))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    here = fingerprint(Episode("guid", "a", title="é", persons=(Person("A"),)))
    assert done.stdout.strip() == here
    assert len(here) == 32
