"""E-mail addresses have one spelling each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.identity.addresses import one_spelling


@pytest.mark.parametrize(
    ("given_as", "known_as"),
    [
        ("Ann@Example.COM ", "ann@example.com"),
        ("a.b+c@mail.example.co.uk", "a.b+c@mail.example.co.uk"),
        ("zoë@example.com", "zoë@example.com"),
    ],
)
def test_an_address_is_known_in_lower_case(given_as, known_as):
    assert one_spelling(given_as) == known_as


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@localhost",
        "ann@exa mple.com",
        "ann@b@example.com",
        "ann@example.com\nbcc: x@example.com",
        "ann\r@example.com",
        "Ann <ann@example.com>",
        "a" * 65 + "@example.com",
    ],
)
def test_what_could_not_be_an_address_is_none(text):
    with pytest.raises(ValueError, match="no e-mail address"):
        one_spelling(text)


@given(st.emails())
def test_spelling_twice_changes_nothing(address):
    try:
        known = one_spelling(address)
    except ValueError:
        return
    assert one_spelling(known) == known
