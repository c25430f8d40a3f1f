"""What a schema says of days and moments is what is read, in bodies and in queries."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from tallycast.kernel.written import FIRST, LAST, Day, Moment

DAY = TypeAdapter(Day)
MOMENT = TypeAdapter(Moment)


class Written(BaseModel):
    day: Day | None = None
    moment: Moment | None = None


def in_a_body(kind, value):
    return kind.validate_json(json.dumps(value), strict=True)


def in_a_query(kind, value):
    return kind.validate_python(value)


READS = [in_a_body, in_a_query]


@pytest.mark.parametrize("read", READS)
@given(day=st.dates(FIRST, LAST))
def test_a_day_is_read_as_it_is_written(read, day):
    assert read(DAY, day.isoformat()) == day
    assert re.fullmatch(DAY.json_schema()["pattern"], day.isoformat())


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "written",
    [
        "0", "0.5", "1700006400", "20261120", "2026-W47-5", "2026-11-31", "1999-12-31",
        "2100-01-02", "9999-12-31", "2026-11-20T00:00:00Z", "\uff12\uff10\uff12\uff16-11-20", " 2026-11-20", "",
        "2026-11-20\n", "2026-11-20\x00", "-2026-11-20",
    ],
)  # fmt: skip
def test_what_is_no_day_is_refused(read, written):
    with pytest.raises(ValidationError):
        read(DAY, written)


def test_a_number_in_a_body_is_no_day_and_no_moment():
    for kind in (DAY, MOMENT):
        with pytest.raises(ValidationError):
            in_a_body(kind, 1_700_006_400)


def test_no_day_outside_of_the_schema_is_read():
    for day in (FIRST - timedelta(days=1), LAST + timedelta(days=1), date.max):
        assert not re.fullmatch(DAY.json_schema()["pattern"], day.isoformat())


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20t12:00:00z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T12:00:00.25+02:00", datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2000-01-01T00:00:00+23:59", datetime(1999, 12, 31, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_it_is_written(read, written, meant):
    assert read(MOMENT, written) == meant
    assert re.fullmatch(MOMENT.json_schema()["pattern"], written)


@given(
    moment=st.datetimes(
        datetime(2000, 1, 1),
        datetime(2099, 12, 31, 23, 59, 59),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
    )
)
def test_a_moment_that_python_writes_is_read(moment):
    assert in_a_body(MOMENT, moment.isoformat()) == moment


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "written",
    [
        "0", "0.5", "1700000000", "1700000000000", "2026-11-20", "2026-11-20T12:00:00",
        "2026-11-20 12:00:00Z", "2026-11-20T12:00Z", "2026-11-20T12:00:00+0200",
        "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59", "2026-11-20T12:00:60Z", "2026-02-30T12:00:00Z",
        "2026-11-20T12:00:00+99:99", "2026-11-20T12:00:00Z\n", "",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(read, written):
    with pytest.raises(ValidationError):
        read(MOMENT, written)


def test_what_is_left_out_stays_out_and_what_was_read_is_written_again():
    made = Written.model_validate_json('{"day": "2026-11-20"}', strict=True)
    assert made == Written(day=date(2026, 11, 20))
    assert Written.model_validate_json(made.model_dump_json(), strict=True) == made
