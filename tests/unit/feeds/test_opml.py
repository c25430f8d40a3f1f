"""OPML in and out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.opml import LARGEST, NotOpmlError, Outline, read_opml, write_opml

NOW = datetime(2026, 11, 22, tzinfo=UTC)
texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=("Cs", "Cc")),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() == text)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=10, unique_by=lambda pair: pair[0]))
def test_what_is_written_is_read_again(pairs):
    outlines = tuple(Outline(url, title) for url, title in pairs)
    assert read_opml(write_opml(outlines, title="mine", created=NOW)) == outlines


def test_folders_any_case_and_duplicates_are_read():
    found = read_opml(
        b"""
        <?xml version="1.0"?><OPML version="1.1"><body>
          <outline text="News"><outline type="rss" XMLURL=" https://a.example/1 " text="One"/></outline>
          <outline xmlUrl="https://a.example/1" title="again"/>
          <outline text="no feed here"/><outline xmlUrl="https://b.example/2"/>
        </body></OPML>"""
    )
    assert found == (Outline("https://a.example/1", "One"), Outline("https://b.example/2", None))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not OPML"),
        (b"hello", "not OPML"),
        (b"<html><body/></html>", "the root is <html>"),
        (b"<opml><body/></opml>", "names no feed"),
        (b" " * (LARGEST + 1), "larger than 5 MB"),
        (b"\x00\xff\xfe", "not OPML"),
    ],
)
def test_what_is_no_subscription_list_is_refused_with_the_reason(data, why):
    with pytest.raises(NotOpmlError, match=why):
        read_opml(data)


def test_an_entity_bomb_does_not_go_off():
    bomb = b"""<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
    <!ENTITY c SYSTEM "file:///etc/passwd">]><opml><body>
    <outline xmlUrl="https://a.example/&b;&b;"/><outline xmlUrl="x">&c;</outline></body></opml>"""
    try:
        found = read_opml(bomb)
    except NotOpmlError:
        return
    assert all("root:" not in outline.url for outline in found)
