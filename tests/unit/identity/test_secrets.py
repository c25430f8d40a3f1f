"""Secrets of our own."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.identity.secrets import (
    API_KEY_PREFIX,
    INVITATION_PREFIX,
    RANDOM_BYTES,
    hash_of,
    is_secret,
    matches,
    new_secret,
    preview,
)


def test_a_secret_holds_256_random_bits_behind_a_prefix_that_names_its_kind():
    assert RANDOM_BYTES >= 32
    made = {new_secret(API_KEY_PREFIX) for _ in range(1000)}
    assert len(made) == 1000
    for secret in made:
        assert secret.startswith("tc_live_")
        assert len(base64.urlsafe_b64decode(secret.removeprefix("tc_live_") + "=")) == 32


@given(st.binary(min_size=32, max_size=32))
def test_only_the_secret_itself_matches_its_hash(entropy):
    secret = new_secret(INVITATION_PREFIX, entropy)
    kept = hash_of(secret)
    assert matches(secret, kept)
    assert not matches(secret[:-1], kept)
    assert not matches(secret.upper() + "x", kept)
    assert secret not in kept


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_of_one_kind_is_none_of_another(entropy):
    assert is_secret(new_secret(API_KEY_PREFIX, entropy), API_KEY_PREFIX)
    assert not is_secret(new_secret(API_KEY_PREFIX, entropy), INVITATION_PREFIX)


@pytest.mark.parametrize(
    "text", ["", "tc_live_", "tc_live_" + "a" * 42, "tc_live_" + "a" * 44, "tc_live_" + "ä" * 43]
)
def test_what_has_another_shape_is_not_looked_up(text):
    assert not is_secret(text, API_KEY_PREFIX)


def test_a_preview_shows_four_characters():
    assert preview(new_secret(API_KEY_PREFIX, b"\0" * 32), API_KEY_PREFIX) == "tc_live_AAAA…"
