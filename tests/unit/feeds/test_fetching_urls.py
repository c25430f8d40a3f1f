"""Reading an address strictly, and following a Location as a browser would."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import BadUrlError
from tallycast.feeds.fetching.urls import join, parse


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://Example.ORG", "http://example.org/"),
        ("HTTPS://example.org:443/Feed?x=1#part", "https://example.org/Feed?x=1"),
        ("http://example.org:443/", "http://example.org:443/"),
        ("https://example.org./a//b/../c", "https://example.org/a//b/../c"),
        ("https://bücher.example/über?q=ü", "https://xn--bcher-kva.example/%C3%BCber?q=%C3%BC"),
        ("http://my_feeds.example.org/a%20b", "http://my_feeds.example.org/a%20b"),
        ("http://[2606:4700:0:0::1]:80/x", "http://[2606:4700::1]/x"),
        ("http://134744072/", "http://8.8.8.8/"),
        ("http://example.org?x=y", "http://example.org/?x=y"),
        ("http://example.org/?", "http://example.org/?"),
    ],
)
def test_an_address_has_one_canonical_form(url, canonical):
    assert parse(url).url == canonical
    assert parse(canonical).url == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/feed.xml",
        "//example.org/feed.xml",
        "http:example.org",
        "http:/example.org",
        "http://",
        "http:///feed.xml",
        "http://:80/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
        "feed://example.org/",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/\r\nHost: evil",
        "http://example.org/a b",
        " http://example.org/",
        "http://example.org/\x00",
        "http://example.org/\u2028",
        "http://exam\u200bple.org:99999/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:-1/",
        "http://example.org:８０/",  # noqa: RUF001 - full-width digits are no port
        "http://example.org:80:80/",
        "http://127.0.0.1%2eexample.org/",
        "http://exa%6dple.org/",
        "http://-example.org/",
        "http://example..org/",
        "http://.example.org/",
        f"http://{'a' * 64}.org/",
        f"http://{'a.' * 127}org/",
        f"http://example.org/{'a' * 5000}",
        "http://[::1",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.a]/",
        "http://[127.0.0.1]/",
        "http://[::1]x/",
        "http://example.org[::1]/",
        "http://exa℀mple.org/",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url):
    with pytest.raises(BadUrlError):
        parse(url)


@given(st.text())
def test_any_text_is_an_address_or_a_named_error(text):
    for url in (text, f"http://{text}", f"http://example.org/{text}"):
        with suppress(BadUrlError):
            address = parse(url)
            assert parse(address.url) == address
            assert address.url.isascii()
            assert address.url.isprintable()
            assert " " not in address.url


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/new.xml", "https://example.org/new.xml"),
        ("new.xml?a=1#b", "https://example.org/dir/new.xml?a=1"),
        ("//other.example/f", "https://other.example/f"),
        ("http://other.example/a b", "http://other.example/a%20b"),
        (" /padded ", "https://example.org/padded"),
        ("/\u00c3\u00bc", "https://example.org/ü"),  # UTF-8, as h11 hands it over
        ("?page=2", "https://example.org/dir/feed.xml?page=2"),
    ],
)
def test_a_location_is_followed_as_browsers_do(location, url):
    assert join(parse("https://example.org/dir/feed.xml"), location) == url


@given(st.text(st.characters(max_codepoint=255)))
def test_any_location_leads_somewhere_or_to_a_named_error(location):
    with suppress(BadUrlError):
        assert parse(join(parse("https://example.org/dir/feed.xml"), location)).host


@given(st.text(), st.sampled_from(["{}", "http://{}", "http://example.org:{}", "http://[{}]"]))
def test_a_refusal_is_one_printable_line(text, form):
    try:
        parse(form.format(text))
    except BadUrlError as error:
        message = error.message
    else:
        return
    assert message.isprintable()
    assert len(message) < 300
