"""What a file is called, however feeds and logs write its address."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallycast.feeds.files import aliases, file_key, file_parameters, media_of

SHOW_KEY = "shk_" + "k" * 43
OURS = f"https://t.example/e/{SHOW_KEY}/https"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://M.example/play?id=5", "m.example/play?id=5"),
        ("https://m.example/play?token=x&ID=5&utm_source=a#t", "m.example/play?id=5"),
        ("https://m.example/play?id=5&amp;ep=2", "m.example/play?ep=2&id=5"),
        ("https://m.example/play?id=" + "%D0%B6" * 100, "m.example/play?id=" + "%D0%B6" * 100),
        ("https://m.example/play?id=" + "ж" * 334, "m.example/play"),
        ("https://m.example/get.php?file=b.mp3&file=a.mp3", "m.example/get.php?file=a.mp3&file=b.mp3"),
        ("https://m.example?episode=7", "m.example/?episode=7"),
        ("https://op3.dev/e/m.example/play?id=5", "m.example/play?id=5"),
        ("https://drive.example/uc?export=download&id=1aB_c-D", "drive.example/uc?id=1aB_c-D"),
        ("https://s.example/play/2/https%3A%2F%2Fm.example%2Fplay%3Fid%3D5?x=1", "m.example/play?id=5"),
        # An address within the query of an encoded address is not where that one leads.
        (
            "https://s.example/play/2/https%3A%2F%2Fm.example%2Fa.mp3%3Ffeed%3Dhttps%3A%2F%2Fn.example%2Frss",
            "m.example/a.mp3",
        ),
        ("https://s.example/play/2/https%3A%2F%2Fm.example%2F%E4.mp3", "m.example/%E4.mp3"),
        ("https://m.example/x/ftp://n.example/a.mp3", "m.example/x/ftp://n.example/a.mp3"),
        ("https://s.example/p/https%3A%2F%2Fm.example/Who%3F%20%231.mp3", "m.example/Who%3F%20%231.mp3"),
        # The path names the file: whatever the query says, it is no other.
        ("https://m.example/a.mp3?id=5", "m.example/a.mp3"),
        ("https://m.example/a%2Emp%33?id=5", "m.example/a.mp3"),
        ("https://m.example/a.mp3 ?id=5", "m.example/a.mp3"),
        ("https://m.example/live/index.m3u8?id=5", "m.example/live/index.m3u8"),
        # No parameter that is known to name files.
        ("https://m.example/play?src=web&token=5", "m.example/play"),
        ("https://m.example/play?id=", "m.example/play"),
        ("https://m.example/play#?id=5", "m.example/play"),
        ("https://m.example/play?valid=5", "m.example/play"),
        ("https://m.example/play?\u0131d=5", "m.example/play"),
        ("https://m.example/play?id=" + "x" * 2001, "m.example/play"),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_path_or_else_by_what_its_query_names(url, key):
    assert file_key(url) == key
    assert file_parameters(url) == key.partition("?")[2]


@pytest.mark.parametrize(
    "query",
    [
        "id=203.0.113.7", "id=ip-203.0.113.7", "id=2001%3Adb8%3A%3A7", "guid=anna%40mail.example",
        "guid=anna@mail.example", "id=anna%2540mail.example", "id=anna@mail.example.mp3",
        "id=198-51-100-7", "id=ip-198-51-100-7", "id=198%252E51%252E100%252E7", "id=203.0.113.7.mp3",
        "id=anna_@mail.example", "id=anna@mail.xn--p1ai", "id=ip.203.0.113.7",
        "file=ip-2001:db8::7.mp3", "id=ip-2001:db8::7", "id=[2001:db8::7]:443", "id=203.0.113.7:443", "id=user-203.0.113.7",
    ],
)  # fmt: skip
def test_who_asks_is_no_part_of_a_files_name(query):
    assert file_key(f"https://m.example/play?{query}") == "m.example/play"


@pytest.mark.parametrize(
    "value",
    [
        "Live@Home-1.mp3", "@show_1.mp3", "20.11.24.1%20Show.mp3", "show-v1.2.3.1-final.mp3", "20-11-24-1",
        "10:30", "A::Show", "Show%2010::20.mp3", "/Live@Home-1.mp3", "300.1.2.3",
    ],
)  # fmt: skip
def test_names_that_only_look_like_somebody_name_files(value):
    assert file_key(f"https://m.example/get?file={value}") == f"m.example/get?file={value}"


@pytest.mark.parametrize("mark", ["?", "%3F", "%3f", "%253F", "%23", "%26", "%3B"])
@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("https%3A%2F%2Fs3.example%2Fa.mp3", "https://s3.example/a.mp3"),
        ("https%253A%252F%252Fs3.example%252Fa", "https://s3.example/a"),
        ("https%3A%2F%2Fuser%3Apw%40s3.example%2Fa", "https://s3.example/a"),
        ("a.mp3", "a.mp3"),
        ("5", "5"),
        ("s3%3A%2F%2Fkey%3Asecret%40bucket%2Fa", "s3://bucket/a"),
    ],
)
def test_a_query_within_a_value_is_no_part_of_a_files_name(before, kept, mark):
    asked = f"https://m.example/get?file={before}{mark}sig=SECRET"
    assert file_key(asked) == f"m.example/get?file={kept}"


@pytest.mark.parametrize("mark", ["%26", "%26amp%3B", "%26amp;", "&amp;", "%2526amp%253B"])
def test_an_ampersand_that_html_encoded_begins_a_query_as_well(mark):
    assert file_key(f"https://m.example/get?id=5{mark}sig=SECRET") == "m.example/get?id=5"


@pytest.mark.parametrize(
    "start", ["Who%3F%20R%26B%20%23", "https://c.example/R%26B%20%23", "C%23%20%26amp%3B%20"]
)
def test_marks_in_a_title_are_no_query(start):
    names = [f"m.example/get.php?file={start}{number}.mp3" for number in range(3)]
    again = [f"https://{name.replace('%', '%25')}" for name in names]
    assert [file_key(f"https://{name}") for name in names] == names
    assert [file_key(url) for url in again] == names


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://m.example/a.mp3;jsessionid=4F2A", "m.example/a.mp3"),
        ("https://m.example/play;JSESSIONID=4F2A?id=5", "m.example/play?id=5"),
        ("https://m.example/x;sid=1;v=2/a.mp3", "m.example/x;v=2/a.mp3"),
        ("https://m.example/a.mp3%3FPolicy%3DX%26Signature%3DS", "m.example/a.mp3"),
        ("https://s.example/p/https%3A%2F%2Fm.example/a.mp3%3FSignature%3DS", "m.example/a.mp3"),
        ("https://s.example/p/https%3A%2F%2Fm.example/play%3Fid%3D5%26sig%3DS", "m.example/play?id=5"),
        ("https://op3.dev/e/anna:pw@m.example/a.mp3", "m.example/a.mp3"),
        ("https://anna:pw@op3.dev/e/m.example/a.mp3", "m.example/a.mp3"),
        ("https://op3.dev./e/m.example/a.mp3", "m.example/a.mp3"),
        ("https://op3.dev/e/anna@mail.example/m.example/a.mp3", "m.example/a.mp3"),
    ],
)  # fmt: skip
def test_sessions_signatures_and_passwords_are_no_part_of_a_files_name(url, key):
    assert file_key(url) == key
    assert file_key(key) == key


@pytest.mark.parametrize(
    ("feed", "log"),
    [
        ("https://m.example/Folge ß 1.mp3", "https://m.example/Folge%20%c3%9f%201.mp3"),
        ("https://m.example/R&B (it's).mp3", "https://m.example/R%26B%20%28it%27s%29.mp3"),
        ("https://m.example/100% fun.mp3", "https://m.example/100%25%20fun.mp3"),
        ("https://m.example/~a-b.mp3", "https://m.example/%7Ea%2db.mp3"),
        ("https://Müsli.example/a.mp3", "https://xn--msli-0ra.example:443/a.mp3"),
        ("https://m%C3%BCsli.example/a.mp3", "https://xn--msli-0ra.example/a.mp3"),
        ("https://op3.dev/e/müsli.example/a.mp3", "https://xn--msli-0ra.example/a.mp3"),
        ("https://i❤.example/a.mp3", "https://xn--i-7iq.example/a.mp3"),
        ("https://müsli.example。/a.mp3", "https://xn--msli-0ra.example/a.mp3"),
        ("https://mü_sli.example/a.mp3", "https://m%C3%BC_sli.example/a.mp3"),
        ("http://m.example:80/a.mp3", "https://m.example./a.mp3"),
        ("http://m.example:/a.mp3", "https://m.example.:443/a.mp3"),
        ("https://[2001:DB8::1]/a.mp3", "https://[2001:db8::1]:443/a.mp3"),
        (
            "https://m.example/get?file=a b/c==.mp3",
            "https://m.example/get?file=a%20b%2Fc%3D%3D.mp3",
        ),
        ("https://m.example/a.mp3", f"{OURS}/%7E{'s' * 22}/m.example/a.mp3"),
        ("https://op3.dev/e/m.example/a.mp3", "https://op3.dev/e/m%2Eexample/a.mp3"),
    ],
)
def test_a_file_has_one_key_however_its_address_is_spelled(feed, log):
    assert file_key(feed) == file_key(log)
    assert file_key(feed).isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://m.example/a%2Fb.mp3", "https://m.example/a/b.mp3"),
        ("https://m.example/a%2541.mp3", "https://m.example/a%41.mp3"),
        ("https://m.example/a+b.mp3", "https://m.example/a%20b.mp3"),
        ("https://m.example/A.mp3", "https://m.example/a.mp3"),
        ("https://m.example:8080/a.mp3", "https://m.example/a.mp3"),
        ("https://m.example/get?id=a%26b", "https://m.example/get?id=a&b"),
        ("https://evil%2Fm.example/a.mp3", "https://m.example/a.mp3"),
        ("https://m\uff0fx.example/a.mp3", "https://m/x.example/a.mp3"),
        ("https://a\uff20m.example/a.mp3", "https://m.example/a.mp3"),
        ("https://❤.example\uff1a80/a.mp3", "https://❤.example/a.mp3"),
    ],
)
def test_files_that_are_others_have_other_keys(one, other):
    assert file_key(one) != file_key(other)


HOSTS = [
    "m.example",
    "müsli.example.:443",
    "[2001:db8::1]",
    "m.example:80:80",
    "m..example..",
    "op3.dev",
]
PIECES = [
    "/", "play", ".mp3", "%2Emp3", "get.php", "e/", "m%2Eexample/", "https://", "%68ttps://",
    "https%3A%2F%2F", "%3Fid=1", "n.example%2Fa", "ß", "%zz", " ", "?", "id=", "ID=5", "file=", "a.mp3",
    "&", "amp;ep=", ";", "=", "%26", "%3F", "%25", "%32%35", "41", ";sid=", "@", "\x1f", "#", "%",
]  # fmt: skip
PLAUSIBLE_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]+)?|\[[0-9a-f:]+\]")


@given(st.sampled_from(HOSTS), st.lists(st.sampled_from(PIECES), max_size=10))
@example("m.example", ["play", "?", "ID=5", "%3F", "file="])
def test_a_files_key_is_its_own_key(host, pieces):
    key = file_key(f"https://{host}/{''.join(pieces)}")
    authority = key.partition("/")[0]
    if PLAUSIBLE_HOST.fullmatch(authority):
        assert file_key(key) == key
        assert "#" not in key
        assert key.isascii()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["id", "ID", "file", "amp;ep", "token", "", "x-id"]),
            st.text("a5=?/.;& %\x1fmp3", max_size=6),
        ),
        max_size=6,
    )
)
def test_the_order_of_parameters_does_not_matter(parameters):
    pairs = [f"{name}={value}" for name, value in parameters]
    one, other = ("&".join(each) for each in (pairs, reversed(pairs)))
    assert file_key(f"https://m.example/play?{one}") == file_key(f"https://m.example/play?{other}")


@pytest.mark.parametrize(
    "text",
    [
        ".:", ":", "x/", "%25", "%2532", "%253", "%3F.......", "%26x", "@a.b", "1.2.", "a::", "@", "@a.", "1.", ":a", "%25%32%35", "%3F", ";sid=", "https://", "&id=",
        "&id=1%26", "op3.dev/e/", "a.example/", "https%3A%2F%2F", ".mp3%3F",
    ],
)  # fmt: skip
def test_no_text_is_too_long_to_have_a_key(text):
    """What takes time that grows with the square of the length would not come to an end here."""
    value = (text * 16_000)[:15_900]
    for start, rest in (
        ("", text * 20_000),
        ("m.example/", text * 20_000),
        ("op3.dev/e/", text * 20_000),
        ("m.example/play?", "&".join([f"id={value}", f"id={value}5", f"id={value}a.mp3"] * 20)),
    ):
        assert "#" not in file_key(f"https://{start}{rest}")


@given(st.text(max_size=2000))
def test_no_text_is_too_strange_to_have_a_key(text):
    assert "#" not in file_key(text)
    assert file_key("https://m.example/" + text).isascii() or "://" in text or "%" in text


def test_a_stream_is_called_by_its_playlists_folder():
    assert media_of("https://m.example/live/index.M3U8?x=1") == "m.example/live"
    assert media_of("https://m.example/?f=a/b.m3u8") == "m.example/?f=a/b.m3u8"
    assert media_of("https://m.example/live/a.mp3") == "m.example/live/a.mp3"


def test_a_file_that_is_not_known_is_the_known_one_with_most_of_its_parameters():
    known = ["m/play", "m/play?id=2", "m/play?ep=1&id=2", "m/get?id=1", "m/get?item=1", "n/play"]
    asked = {
        "m/play?id=3": "m/play",
        "m/play?id=2&item=web": "m/play?id=2",
        "m/play?ep=1&id=2&item=web": "m/play?ep=1&id=2",
        "m/get?id=1&item=1": "m/get?id=1",
    }
    unknown = ["m/get?id=9", "m/get", "o/play?id=2", "m/play.mp3"]
    assert aliases([*asked, *unknown], known) == asked
