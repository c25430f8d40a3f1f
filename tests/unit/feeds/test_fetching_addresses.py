"""Which addresses are public, in every notation a host can be written in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import BadUrlError, BlockedAddressError
from tallycast.feeds.fetching.addresses import inside, is_never_opened, number_form
from tallycast.feeds.fetching.deadline import Deadline
from tallycast.feeds.fetching.guard import admitted
from tallycast.feeds.fetching.urls import parse

INSIDE_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INSIDE_V6 = [
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def addresses_in(block: str) -> st.SearchStrategy[int]:
    network = IPv6Network(block) if ":" in block else IPv4Network(block)
    return st.integers(int(network.network_address), int(network.broadcast_address))


inside_v4 = st.sampled_from(INSIDE_V4).flatmap(addresses_in).map(IPv4Address)
inside_v6 = st.sampled_from(INSIDE_V6).flatmap(addresses_in).map(IPv6Address)
any_v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
public_v4 = any_v4.filter(lambda ip: inside(ip) is None)


@st.composite
def notations(draw: st.DrawFn, addresses: st.SearchStrategy[IPv4Address]) -> str:
    """An IPv4 address as some C library or browser would read it back."""
    number = int(draw(addresses))
    parts = draw(st.integers(1, 4))
    leading = [number >> 8 * (3 - place) & 0xFF for place in range(parts - 1)]
    last = number & (1 << 8 * (5 - parts)) - 1
    bases = st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}", "000{:o}", "0x000{:x}"])
    dot = draw(st.sampled_from([".", "。", "．"]))  # noqa: RUF001 - dots of other scripts
    end = draw(st.sampled_from(["", "."]))
    return dot.join(draw(bases).format(part) for part in [*leading, last]) + end


def admit(host: str) -> tuple[str, ...]:
    def never(name: str, port: int) -> list[str]:
        raise AssertionError(f"{name} was looked up, though it is an address")

    return admitted(parse(f"http://{host}/feed.xml"), (), never, Deadline(10, lambda: 0.0))


@given(notations(inside_v4))
def test_an_inside_ipv4_address_is_refused_in_every_notation(host):
    with pytest.raises(BlockedAddressError):
        admit(host)


@given(notations(any_v4))
def test_every_notation_is_read_as_the_address_it_means_or_refused(host):
    literal = parse(f"http://{host}/").literal
    assert literal is not None
    assert parse(f"http://{literal}/").host == str(literal)


@given(public_v4.flatmap(lambda ip: st.tuples(st.just(ip), notations(st.just(ip)))))
def test_a_public_ipv4_address_passes_and_is_the_one_connected_to(pair):
    address, host = pair
    assert admit(host) == (str(address),)


@given(inside_v6)
def test_an_inside_ipv6_address_is_refused(address):
    for text in (address.compressed, address.exploded):
        with pytest.raises(BlockedAddressError):
            admit(f"[{text}]")


@given(inside_v4)
def test_no_ipv6_form_carries_an_inside_ipv4_address_through(address):
    v4 = int(address)
    for carrier in (
        v4,  # compatible
        0xFFFF << 32 | v4,  # mapped
        0xFFFF << 48 | v4,  # translated
        0x64FF9B << 96 | v4,  # NAT64
        0x64FF9B0001 << 80 | v4,  # NAT64 of a local network
        0x2002 << 112 | v4 << 80 | 1,  # 6to4
        0x20010000 << 96 | v4 ^ 0xFFFFFFFF,  # Teredo
    ):
        assert inside(IPv6Address(carrier)), IPv6Address(carrier)


@given(public_v4)
def test_nat64_leads_to_the_public_ipv4_web(address):
    assert inside(IPv6Address(0x64FF9B << 96 | int(address))) is None


@given(st.one_of(any_v4, st.integers(0, 2**128 - 1).map(IPv6Address), inside_v6))
def test_what_passes_is_global_by_the_standard_library_too(address):
    if inside(address) is None and address not in IPv6Network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "151.101.1.1", "2606:4700::6810:84e5", "2a00:1450:4001::1"]
)
def test_well_known_public_addresses_are_public(address):
    assert inside(ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "link-local"),
        ("fd00:ec2::254", "private"),
        ("100.100.100.200", "carrier-grade NAT"),
        ("168.63.129.16", "metadata"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("2001:0:4136:e378::1", "Teredo"),
        ("255.255.255.255", "reserved"),
    ],
)
def test_a_refusal_names_the_kind_of_address(address, kind):
    assert inside(ip_address(address)) == kind


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1"])
def test_metadata_addresses_can_never_be_opened(address):
    assert is_never_opened(ip_address(address))


@pytest.mark.parametrize(
    "host", ["256.0.0.1", "1.2.3.4.5", "4294967296", "0x100000000", "09.1.1.1", "1..2", "a.1"]
)
def test_a_host_that_ends_in_a_number_and_is_no_address_is_no_host(host):
    with pytest.raises(BadUrlError):
        parse(f"http://{host}/")


def test_a_name_is_not_a_number():
    assert number_form("1and1.example") is None
    assert number_form("0xample") is None
