"""Retry-After in every form, and none of them trusted beyond seven days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import http_date, retry_after

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
WEEK = 7 * 86400.0
SECONDS_1977, SECONDS_2076 = 220924800, 3345062400
moments = st.integers(SECONDS_1977, SECONDS_2076 - 1).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
FORMS = {
    "imf": lambda moment: format_datetime(moment, usegmt=True),
    "rfc850": lambda moment: f"{moment:%A, %d-%b-%y %H:%M:%S} GMT",
    "asctime": lambda moment: f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S} {moment.year:04d}",
}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("  120\t", 120.0),
        ("0", 0.0),
        ("000000000000000000000000000007", 7.0),
        (str(10**8), WEEK),
        ("9" * 100_000, WEEK),
        ("Wed, 04 Mar 2026 05:07:07 GMT", 60.0),
        ("Wednesday, 04-Mar-26 05:07:07 GMT", 60.0),
        ("Wed Mar  4 05:07:07 2026", 60.0),
        ("Wed, 04 Mar 2026 05:07:60 GMT", 112.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", WEEK),
    ],
)
def test_a_usable_value_is_seconds_from_now(value, seconds):
    assert retry_after.parse(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "-1", "+5", "1.5", "1e3", "0x10", "soon", "120 seconds", "١٢٠", "１２０", "²",  # noqa: RUF001
        "Wed, 32 Mar 2026 05:07:07 GMT", "Wed, 04 Foo 2026 05:07:07 GMT", "2026-03-04T05:06:07Z",
        "Wed, 04 Mar 2026 25:07:07 GMT", "Wed, 04 Mar 2026 05:07:07 CEST", "Wed, 04 Mar 0000 05:07:07 GMT",
    ],
)  # fmt: skip
def test_garbage_is_ignored(value):
    assert retry_after.parse(value, NOW) is None


@given(st.text())
def test_any_text_is_nothing_or_between_now_and_a_week(value):
    seconds = retry_after.parse(value, NOW)
    assert seconds is None or 0 <= seconds <= WEEK


@given(st.integers(min_value=0), st.sampled_from(["", "0", "000"]))
def test_whole_seconds_mean_themselves_up_to_a_week(seconds, zeros):
    assert retry_after.parse(f"{zeros}{seconds}", NOW) == min(float(seconds), WEEK)


@given(st.integers(0, int(WEEK)), st.sampled_from(sorted(FORMS)))
def test_a_date_means_the_seconds_until_then(seconds, form):
    text = FORMS[form](NOW + timedelta(seconds=seconds))
    assert retry_after.parse(text, NOW) == seconds


@given(moments, st.sampled_from(sorted(FORMS)))
def test_every_form_of_date_is_read_back(moment, form):
    # Two digits reach 50 years ahead and 49 back.
    assert http_date.parse(FORMS[form](moment), NOW) == moment
