from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.parsing.dates import read_date
from tallycast.feeds.parsing.values import read_duration, read_flag, read_number, read_whole

EARLIEST = datetime(1990, 1, 1)
LATEST = datetime(2099, 1, 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("59", 59), (" 3723 ", 3723), ("2614.831", 2615), ("12,4", 12), ("1:05", 65),
        ("90:15", 5415), ("01:02:03", 3723), ("1:2:3", 3723), ("00:10:03.7", 603),
    ],
)  # fmt: skip
def test_a_duration_is_read_in_each_of_its_forms(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "about an hour",
        "-5",
        "1:2:3:4",
        ":30",
        "1h 5m",
        "nan",
        "1e3",
        "9" * 5000,
        "3600000",
        "١٢",
    ],
)
def test_a_text_that_tells_no_time_is_no_duration(text):
    assert read_duration(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 10 Feb 2016 17:11:48 +0000",
        "Wed, 10 Feb 2016 17:11:48 GMT",
        "wed, 10 feb 2016 17:11:48 z",
        "10 Feb 2016 17:11:48 UT",
        "Fri, 10 February 16 17:11:48 UTC",
        "Wed, 10 Feb 2016 12:11:48 EST",
        "Wed, 10 Feb 2016 12:11:48 -0500 (EST)",
        "Wed, 10 Feb 2016 18:11:48 GMT+1",
        "Wed, 10-Feb-2016 17:11:48",
        "mié, 10 Feb 2016 18:11:48 +0100",
        "2016-02-10T17:11:48Z",
        "2016-02-10T18:11:48.123+01:00",
        "2016-02-10 17:11:48",
        "20160210T171148Z",
        "2016/02/10 17:11:48",
        "February 10, 2016 5:11:48 PM",
        "Wed Feb 10 17:11:48 2016",
        "1455124308",
        "1455124308000",
    ],
)
def test_one_moment_is_read_in_a_dozen_forms(text):
    assert read_date(text) == datetime(2016, 2, 10, 17, 11, 48, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Wed, 10 Feb 2016 17:11 GMT", datetime(2016, 2, 10, 17, 11, tzinfo=UTC)),
        ("10 Feb 2016", datetime(2016, 2, 10, tzinfo=UTC)),
        ("2016-02", datetime(2016, 2, 1, tzinfo=UTC)),
        ("2016", datetime(2016, 1, 1, tzinfo=UTC)),
        ("Wed, 10 Feb 2016 24:00:00 GMT", datetime(2016, 2, 11, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1 Jan 70 00:00:01 GMT", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("1 Jan 69 00:00:00 GMT", datetime(2069, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_a_date_leaves_out_is_taken_at_its_start(text, moment):
    assert read_date(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "Mi, 10 Dez 2016 17:11:48 +0100", "Wed, 31 Feb 2016 10:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 +0000", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-10:00",
        "Wed, 10 Feb 2016 25:00:00 GMT", "Wed, 10 Feb 2016 17:11:48 XYZ", "10.02.2016",
        "Wed, 10 Feb 2016 17:11:48 +9999",
    ],
)  # fmt: skip
def test_a_text_that_is_no_date_stays_without_one(text):
    assert read_date(text) is None


@given(
    st.datetimes(min_value=EARLIEST, max_value=LATEST),
    st.integers(-14, 14),
)
def test_any_moment_survives_being_written_as_mail_or_iso(moment, hours):
    from datetime import timedelta, timezone
    from email.utils import format_datetime

    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    assert read_date(format_datetime(aware)) == aware
    assert read_date(aware.isoformat()) == aware


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text):
    moment = read_date(text)
    assert moment is None or moment.tzinfo is UTC
    assert (read_duration(text) or 0) >= 0
    assert (read_number(text) or 0) >= 0
    assert isinstance(read_whole(text), int | None)


@pytest.mark.parametrize(
    ("text", "flag"),
    [("yes", True), (" True ", True), ("explicit", True), ("no", False), ("CLEAN", False), ("false", False),
     ("maybe", None), ("", None), (None, None)],
)  # fmt: skip
def test_yes_and_no_have_many_words(text, flag):
    assert read_flag(text) is flag


def test_whole_numbers_may_be_written_with_a_fraction_of_nothing():
    assert (read_whole("2"), read_whole("2.0"), read_whole("2.5"), read_whole("-1")) == (
        2,
        2,
        None,
        None,
    )
    assert read_number("1.4519000000059605") == pytest.approx(1.4519)
