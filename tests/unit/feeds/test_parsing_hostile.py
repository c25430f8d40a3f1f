from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.feed_generator import feed
from tallycast.feeds.parsing import FeedTooComplexError, Limits, NotAFeedError, cut, parse, tolerant
from tallycast.kernel.errors import PermanentError, TallycastError
from tests.support.shared import needs_shared, real_feed

ITEM = "<item><guid>1</guid><title>One</title></item>"
ENTITY_BOMB = """<!DOCTYPE rss [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>"""


def rss(inside=ITEM, head="<title>Show</title>"):
    return f"<rss version='2.0'><channel>{head}{inside}</channel></rss>".encode()


def nested(depth, tag="a"):
    return f"<{tag}>" * depth + f"</{tag}>" * depth


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty document"),
        (b" \n\t", "empty document"),
        (b"\xef\xbb\xbf", "empty document"),
        (b"<!DOCTYPE html><html><body>Hi</body></html>", "HTML page"),
        (b"\n <HTML><head>", "HTML page"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html xmlns="z"/>', "HTML page"),
        (b"<p>Not found</p>", "HTML page"),
        (b"<!-- x --><html><pre>&lt;rss&gt; <rss></pre></html>", "HTML page"),
        (b"%PDF-1.4\n", "PDF document"),
        (b'{"error": "not found"}', "JSON document"),
        (b"[1, 2]", "JSON document"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0", "image"),
        (b"GIF89a", "image"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image"),
        (b"ID3\x04\x00", "audio file"),
        (b"\xff\xfb\x90\x64", "audio file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio file"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio file"),
        (b"\x00\x00\x00\x20ftypisom", "video file"),
        (b"PK\x03\x04", "ZIP archive"),
        (b"\x1f\x8b\x08", "gzip archive"),
        (b"<opml version='2.0'><body/></opml>", "XML document (opml)"),
        (b"<?xml version='1.0'?><x:envelope xmlns:x='y'/>", "XML document (x:envelope)"),
        (b"<rss version='2.0'/>", "XML document (rss)"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom' xmlns:a='b'><a:x></feed>", None),
        (b"Too many requests", "plain text"),
        (b"abc\x00\x01\x02", "binary data"),
        (b"\x00" * 100, "binary data"),
    ],
)
def test_what_is_no_feed_is_told_by_what_it_is(body, kind):
    if kind is None:
        assert parse(body).episodes == ()
        return
    with pytest.raises(NotAFeedError) as caught:
        parse(body)
    assert caught.value.kind == kind
    assert str(caught.value) == f"not a feed: {kind}"


def test_refusals_are_permanent():
    assert issubclass(NotAFeedError, PermanentError)
    assert issubclass(FeedTooComplexError, PermanentError)


@needs_shared
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("argl-html-response.xml", "not a feed: HTML page"),
        ("epic-web.pdf", "not a feed: PDF document"),
        ("argl-non-well-formed.xml", "not a feed: XML document that is not well-formed"),
    ],
)
def test_real_files_that_are_no_feeds_are_refused_for_the_right_reason(name, message):
    with pytest.raises(NotAFeedError) as caught:
        parse(real_feed(name))
    assert str(caught.value) == message


@pytest.mark.parametrize("depth", [65, 300, 200_000])
@pytest.mark.parametrize("place", ["channel", "item", "root"])
def test_deep_nesting_is_refused_wherever_it_is(depth, place, monkeypatch):
    monkeypatch.setattr(tolerant, "from_feedparser", lambda _: pytest.fail("reached feedparser"))
    deep = nested(depth)
    body = {
        "channel": rss(deep + ITEM),
        "item": rss(f"<item>{deep}</item>"),
        "root": f"<rss><channel/>{deep}</rss>".encode(),
    }[place]
    with pytest.raises(FeedTooComplexError) as caught:
        parse(body)
    assert caught.value.limit == "levels of nesting"


@pytest.mark.parametrize("junk", ["<b>bold", "& <i>", "</x>"])
def test_deep_nesting_in_an_ill_formed_document_never_reaches_feedparser(junk, monkeypatch):
    monkeypatch.setattr(tolerant, "from_feedparser", lambda _: pytest.fail("reached feedparser"))
    with pytest.raises(FeedTooComplexError):
        parse(rss(f"<item><description>{junk}</description>{nested(200_000)}</item>"))


def test_sixty_four_levels_are_read():
    assert parse(rss(f"<item><guid>1</guid>{nested(61)}</item>")).episodes[0].guid == "1"


def test_unclosed_paragraphs_are_not_depth():
    soup = "<p>a<br>" * 300
    (episode,) = parse(
        rss(f"<item><guid>1</guid><description>{soup}</description></item>")
    ).episodes
    assert episode.guid == "1"


@pytest.mark.parametrize(
    "place", ["<title>&d;</title>", '<enclosure url="https://a.example/&d;"/>']
)
@pytest.mark.parametrize("broken", ["", "<b>"])
def test_an_entity_bomb_does_not_go_off(place, broken):
    body = ENTITY_BOMB.encode() + rss(f"<item><guid>1</guid>{place}{broken}</item>")
    feed_read = parse(body)
    assert "lollol" not in repr(feed_read)
    assert "document_type" in {warning.code for warning in feed_read.warnings}


def test_an_external_entity_is_not_fetched(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("confidential")
    doctype = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">]>'
    found = parse(doctype.encode() + rss("<item><guid>1</guid><title>a &x; b</title></item>"))
    assert "confidential" not in repr(found)


def test_a_text_past_every_measure_is_refused():
    with pytest.raises(FeedTooComplexError) as caught:
        parse(rss("<item><title>" + "x" * 11_000_000 + "</title></item>"))
    assert caught.value.limit == "characters in one text"


def test_swarms_of_tags_and_attributes_are_refused():
    limits = replace(Limits(), tags=1000, attributes=1000)
    with pytest.raises(FeedTooComplexError, match="tags"):
        parse(rss("<a/>" * 2000), limits=limits)
    many = " ".join(f'a{number}=""' for number in range(2000))
    with pytest.raises(FeedTooComplexError, match="attributes"):
        parse(rss(f"<a {many}/>"), limits=limits)


def test_an_ill_formed_swarm_is_refused_before_the_slow_road(monkeypatch):
    monkeypatch.setattr(tolerant, "from_feedparser", lambda _: pytest.fail("reached feedparser"))
    with pytest.raises(FeedTooComplexError, match="ill-formed"):
        parse(rss("<b><i></b>" * 500), limits=replace(Limits(), tolerant_tags=100))


def test_more_episodes_than_the_limit_are_left_out_and_told():
    items = "".join(f"<item><guid>{number}</guid></item>" for number in range(10))
    found = parse(rss(items), limits=replace(Limits(), episodes=3))
    assert [episode.guid for episode in found.episodes] == ["0", "1", "2"]
    assert [(one.code, one.count) for one in found.warnings if one.code == "truncated"] == [
        ("truncated", 7)
    ]


def test_long_texts_and_long_lists_are_cut_and_told():
    persons = "".join(f"<p:person>{number}</p:person>" for number in range(30))
    item = (
        '<item xmlns:p="https://podcastindex.org/namespace/1.0"><guid>1</guid>'
        f"<title>{'t' * 1001}</title><description>{'d' * 64_001}</description>{persons}</item>"
    )
    found = parse(rss(item), limits=replace(Limits(), list=10))
    (episode,) = found.episodes
    assert (len(episode.title), len(episode.description), len(episode.persons)) == (
        1000,
        64_000,
        10,
    )
    codes = {warning.code: warning.count for warning in found.warnings}
    assert (codes["text_too_long"], codes["list_too_long"]) == (2, 20)


def safely(body):
    try:
        found = parse(body)
    except TallycastError:
        return None
    assert 0 <= found.quality <= 100
    identities = [(one.identity, one.identity_value) for one in found.episodes]
    assert len(identities) == len(set(identities))
    return found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_our_errors(body):
    safely(body)
    cut(body)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 10_000), st.integers(0, 300))
def test_a_damaged_feed_raises_nothing_but_our_errors(junk, position, length):
    body = feed(2)
    at = position % len(body)
    damaged = body[:at] + junk + body[at + length :]
    safely(damaged)
    cut(damaged)


FRAGMENTS = st.sampled_from([
    "<item>", "</item>", "<rss>", "</rss>", "<channel>", "</channel>", "<![CDATA[", "]]>", "<!--", "-->",
    "<?xml version='1.0' encoding='hex'?>", "<title>", "</title>", "&nbsp;", "&", "&#0;", "&#xFFFFFFFF;",
    "\x00", "<guid>1</guid>", "<enclosure url='http://[x'/>", "<link>/a</link>", "xml:base='http://['",
    "<itunes:duration>", "<feed>", "<entry>", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "<!DOCTYPE rss [", "]>", "<podcast:value>", "<psc:chapters>", "x", " ", "\ufeff", "é", "<",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=25), st.booleans())
def test_any_heap_of_tags_raises_nothing_but_our_errors(fragments, wrapped):
    text = "".join(fragments)
    safely(rss(text) if wrapped else text.encode("utf-8", "replace"))
    cut(rss(text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_wide_encodings_and_marks_are_read(encoding):
    body = "<?xml version='1.0'?>" + rss("<item><guid>1</guid><title>é</title></item>").decode()
    assert parse(body.encode(encoding)).episodes[0].title == "é"
