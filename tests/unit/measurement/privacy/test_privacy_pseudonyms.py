"""What stands for an address: one household one hash, and none without its month's key."""

import hmac
import ipaddress
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.privacy import (
    AddressError,
    KeyMissingError,
    KeyRing,
    month_before,
    month_of,
    months_around,
    packed,
)
from tests.support.template import ROOT

OCTOBER, NOVEMBER, DECEMBER = b"o" * 32, b"n" * 32, b"d" * 32
RING = KeyRing({"2026-10": OCTOBER, "2026-11": NOVEMBER, "2026-12": DECEMBER})
NOON = datetime(2026, 11, 15, 12, tzinfo=UTC)


def test_an_ipv4_address_is_its_four_bytes():
    assert packed("203.0.113.7") == bytes([203, 0, 113, 7])


def test_an_ipv6_address_is_its_first_64_bits():
    assert packed("2001:db8:12:34:a:b:c:d") == bytes.fromhex("20010db800120034")
    assert packed("2001:db8:12:34::1") == packed("2001:0DB8:0012:0034:ffff:ffff:ffff:ffff")
    assert packed("2001:db8:12:35::1") != packed("2001:db8:12:34::1")


@pytest.mark.parametrize("written", ["::ffff:203.0.113.7", "::FFFF:cb00:7107", "0::ffff:cb00:7107"])
def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address(written):
    assert packed(written) == packed("203.0.113.7")


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", ":", "localhost", "203.0.113", "203.0.113.7.1", "203.0.113.256", "203.0.113.07"),
        *(" 203.0.113.7", "203.0.113.7\n", "203.0.113.7:80", "203.0.113.7\x00", "0x7f.0.0.1"),
        *("[2001:db8::1]", "fe80::1%eth0", "2001:db8:::1", "2001:db8::g", "::ffff:1.2.3"),
        *("٢٠٣.0.113.7", "\ud800"),
    ],
)
def test_what_is_no_address_is_refused_and_never_repeated_in_the_message(text):
    with pytest.raises(AddressError) as caught:
        packed(text)
    if len(text) > 3:
        assert text.strip() not in str(caught.value)


@given(st.ip_addresses())
def test_every_address_is_packed_as_the_standard_library_reads_it(address):
    mapped = getattr(address, "ipv4_mapped", None)
    whole = (mapped or address).packed
    assert packed(str(address)) == (whole if len(whole) == 4 else whole[:8])


def test_the_hash_is_hmac_sha_256_of_the_domain_and_the_bytes():
    """Golden: whoever holds the key can make the same hash with any tool."""
    four = hmac.digest(NOVEMBER, b"tallycast ip4\0" + bytes([203, 0, 113, 7]), "sha256")
    six = hmac.digest(NOVEMBER, b"tallycast ip6/64\0" + bytes.fromhex("20010db800120034"), "sha256")
    assert RING.pseudonym("203.0.113.7", NOON).ip_hash == four[:16].hex()
    assert RING.pseudonym("2001:db8:12:34::9", NOON).ip_hash == six[:16].hex()
    assert RING.pseudonym("203.0.113.7", NOON).ip_hash == "fb9e08e838ed9894abcf0717bf2a0123"


@given(st.ip_addresses(), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_every_hash_is_that_of_the_hmac_module(address, current, previous):
    ring = KeyRing({"2026-11": current, "2026-10": previous})
    found = ring.pseudonym(str(address), NOON)
    identity = packed(str(address))
    domain = b"tallycast ip4\0" if len(identity) == 4 else b"tallycast ip6/64\0"
    assert found.ip_key == "2026-11"
    assert found.ip_hash == hmac.digest(current, domain + identity, "sha256").hex()[:32]
    assert found.ip_hash_previous == hmac.digest(previous, domain + identity, "sha256").hex()[:32]


def test_the_same_bytes_as_ipv4_and_as_ipv6_have_different_hashes():
    four = RING.pseudonym("32.1.13.184", NOON)
    six = RING.pseudonym("2001:db8::", NOON)
    assert packed("2001:db8::")[:4] == packed("32.1.13.184")
    assert four.ip_hash != six.ip_hash


def test_a_household_can_be_followed_over_the_end_of_a_month_by_one_step():
    ip = "2001:db8:12:34::9"
    last = RING.pseudonym(ip, datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC))
    first = RING.pseudonym(ip, datetime(2026, 12, 1, tzinfo=UTC))
    assert (last.ip_key, first.ip_key) == ("2026-11", "2026-12")
    assert first.ip_hash != last.ip_hash
    assert first.ip_hash_previous == last.ip_hash
    assert first.ip_hash_previous != last.ip_hash_previous


def test_the_month_is_that_of_utc_whatever_zone_the_time_has():
    there = timezone(timedelta(hours=-5))
    evening = datetime(2026, 11, 30, 20, tzinfo=there)  # 1 December, 01:00 UTC
    assert RING.pseudonym("203.0.113.7", evening).ip_key == "2026-12"
    assert RING.pseudonym("203.0.113.7", datetime(2026, 11, 30, 20)).ip_key == "2026-11"


def test_without_the_months_key_or_the_one_before_there_is_no_hash():
    with pytest.raises(KeyMissingError, match="2026-09"):
        RING.pseudonym("203.0.113.7", datetime(2026, 10, 5))
    with pytest.raises(KeyMissingError, match="2027-01"):
        RING.pseudonym("203.0.113.7", datetime(2027, 1, 5))


def test_two_ephemeral_rings_share_nothing_and_one_agrees_with_itself():
    one, other = KeyRing.ephemeral(), KeyRing.ephemeral()
    hashes = [ring.pseudonym("203.0.113.7", NOON).ip_hash for ring in (one, one, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert one.pseudonym("203.0.113.7", datetime(1999, 1, 1)).ip_key == "1999-01"


def test_a_ring_never_shows_its_keys():
    shown = f"{RING!r} {RING} {KeyRing.from_secret(b's' * 32)!r}"
    assert "2026-11" in shown
    for key in (OCTOBER, NOVEMBER, DECEMBER, b"s" * 32):
        assert key.decode() not in shown
        assert key.hex() not in shown


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="2026-11"):
        KeyRing({"2026-11": bytes(size)})


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="too short"):
        KeyRing.from_secret(b"short")


def test_months_go_over_the_end_of_the_year():
    assert month_before("2026-01") == "2025-12"
    assert month_before("2025-12", -1) == "2026-01"
    assert month_before("2026-11", 13) == "2025-10"
    assert months_around(datetime(2026, 12, 31, 23, tzinfo=UTC)) == [
        "2026-11",
        "2026-12",
        "2027-01",
    ]


@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.integers(-500, 500))
def test_going_back_and_forth_by_months_ends_where_it_began(moment, count):
    month = month_of(moment)
    assert month_before(month_before(month, count), -count) == month


def test_hashing_needs_the_standard_library_alone():
    """The function on the listener's way imports it while the listener waits."""
    code = "import sys; sys.path.insert(0, 'layers/core'); import tallycast.measurement.privacy"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_addresses_of_one_64_meet_whatever_way_they_are_written():
    network = ipaddress.ip_network("2001:db8:0:ff::/64")
    hashes = {RING.pseudonym(str(network[n]), NOON).ip_hash for n in (0, 1, 2**63, 2**64 - 1)}
    assert len(hashes) == 1
