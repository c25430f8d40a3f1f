"""Where an address is and what stands behind it."""

import ipaddress
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.networks import KINDS, UNKNOWN, Network, Networks, built_in
from tallycast.measurement.networks.building import base_table, kinds_table
from tallycast.measurement.networks.lookup import built_in_kinds, built_in_places
from tallycast.measurement.networks.readers import (
    BadListError,
    kinds_by_asn,
    located_ranges,
    ranges_of_kind,
    ranges_with_kinds,
    relay_ranges,
)
from tallycast.measurement.privacy import AddressError
from tests.support.shared import FIXTURES
from tests.support.template import ROOT

PLACES = b"""start,end,country,asn
203.0.113.0,203.0.113.127,DE,3320
203.0.113.128,203.0.113.255,FR,AS3215
198.51.100.0,198.51.100.255,US,13335
192.0.2.0,192.0.2.255,US,16509
2001:db8::,2001:db8:0:ff:ffff:ffff:ffff:ffff,DE,3320
2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,-,
"""
SYSTEMS = {3320: "household", 3215: "household", 13335: "relay", 16509: "data_centre"}


def networks(*lists, systems=SYSTEMS):
    return Networks(base_table(located_ranges(PLACES)), kinds_table(lists), systems)


def kind(found, ip):
    return found.look_up(ip).network


def test_a_range_holds_its_first_and_its_last_address_and_not_their_neighbours():
    found = networks()
    assert found.look_up("203.0.113.0") == Network("DE", None, 3320, "household")
    assert found.look_up("203.0.113.127") == Network("DE", None, 3320, "household")
    assert found.look_up("203.0.113.128") == Network("FR", None, 3215, "household")
    assert found.look_up("203.0.113.255").country == "FR"
    assert found.look_up("203.0.112.255") == UNKNOWN
    assert found.look_up("203.0.114.0") == UNKNOWN
    assert found.look_up("0.0.0.1") == UNKNOWN
    assert found.look_up("255.255.255.255") == UNKNOWN


def test_a_system_as_a_whole_has_a_kind_where_no_address_is_known():
    assert networks().kinds_of([16509, 13335, 64500]) == ["data_centre", "relay", "unknown"]


def test_where_exits_are_listed_a_relays_other_addresses_are_a_data_centres():
    exits = relay_ranges(b"198.51.100.0/25,DE,DE-BE,Berlin\n")
    found = Networks(
        base_table(located_ranges(PLACES)), kinds_table([exits]), SYSTEMS, exits_listed=True
    )
    assert kind(found, "198.51.100.1") == "relay"
    assert kind(found, "198.51.100.200") == "data_centre"
    # Of whom only the system is known may be at an exit: a listener is not dropped for a bot.
    assert found.kinds_of([13335, 16509]) == ["relay", "data_centre"]


def test_ipv6_is_looked_up_by_its_64():
    found = networks()
    assert found.look_up("2001:db8::1") == Network("DE", None, 3320, "household")
    assert found.look_up("2001:db8:0:ff:ffff::").asn == 3320
    assert found.look_up("2001:db8:0:100::") == UNKNOWN
    assert found.look_up("2001:db8:1::") == UNKNOWN
    assert found.look_up("::") == UNKNOWN
    assert found.look_up("ffff:" * 7 + "ffff") == UNKNOWN


def test_an_ipv4_address_written_as_ipv6_is_found_where_the_ipv4_address_is():
    assert networks().look_up("::ffff:203.0.113.5") == networks().look_up("203.0.113.5")


def test_many_at_once_are_found_as_one_by_one_and_what_is_no_address_is_unknown():
    found = networks()
    ips = ["203.0.113.5", "nonsense", "2001:db8::1", "", "192.0.2.9"]
    singles = [found.look_up(ip) if "." in ip or ":" in ip else UNKNOWN for ip in ips]
    assert found.look_up_all(ips) == singles
    with pytest.raises(AddressError):
        found.look_up("nonsense")


def test_a_list_of_data_centres_outranks_what_is_known_of_the_system():
    listed = ranges_of_kind(
        b"203.0.113.64,203.0.113.79,Some Host,https://example.com/\n", "data_centre", rank=1
    )
    found = networks(listed)
    assert kind(found, "203.0.113.63") == "household"
    assert kind(found, "203.0.113.64") == "data_centre"
    assert kind(found, "203.0.113.79") == "data_centre"
    assert kind(found, "203.0.113.80") == "household"


def test_exits_of_a_relay_are_never_called_a_data_centre():
    centres = ranges_of_kind(
        b"198.51.100.0,198.51.100.255,A,\n192.0.2.0/24,B,\n", "data_centre", rank=1
    )
    relays = relay_ranges(b"192.0.2.0/28,DE,DE-BE,Berlin,\n", rank=3)
    found = networks(centres, relays)
    assert kind(found, "198.51.100.9") == "relay"
    assert found.look_up("192.0.2.9") == Network("DE", "DE-BE", 16509, "relay")
    assert found.look_up("192.0.2.16") == Network("US", None, 16509, "data_centre")


def test_the_operators_own_list_goes_before_all_others():
    centres = ranges_of_kind(b"203.0.113.0/24,A\n", "data_centre", rank=1)
    own = ranges_with_kinds(b"prefix,kind,name\n203.0.113.8/32,commercial,A university\n", rank=4)
    found = networks(own, centres)
    assert kind(found, "203.0.113.8") == "commercial"
    assert kind(found, "203.0.113.9") == "data_centre"


def test_a_listed_address_inside_a_64_stands_for_the_whole_64():
    listed = ranges_of_kind(b"2001:db8:0:5::77,2001:db8:0:5::77,A,\n", "vpn")
    found = networks(listed)
    assert kind(found, "2001:db8:0:5::1") == "vpn"
    assert kind(found, "2001:db8:0:6::1") == "household"


NUMBERS = st.integers(0xCB007000, 0xCB0072FF)  # 203.0.112.0 to 203.0.114.255


@given(
    st.lists(st.tuples(NUMBERS, st.integers(0, 300)), max_size=12), st.lists(NUMBERS, max_size=40)
)
def test_a_look_up_in_a_list_agrees_with_a_scan_over_its_ranges(listed, asked):
    pairs = [(first, min(first + width, 0xCB0072FF)) for first, width in listed]
    text = "".join(
        f"{ipaddress.IPv4Address(first)},{ipaddress.IPv4Address(last)},x,\n"
        for first, last in pairs
    )
    lists = [ranges_of_kind(text.encode(), "vpn")] if pairs else []
    found = networks(*lists, systems={})
    for number in asked:
        inside = any(first <= number <= last for first, last in pairs)
        assert kind(found, str(ipaddress.IPv4Address(number))) == ("vpn" if inside else "unknown")


@given(st.ip_addresses(), st.data())
def test_a_prefix_is_the_range_that_the_standard_library_says(address, data):
    if getattr(address, "ipv4_mapped", None):
        return
    length = data.draw(st.integers(8 if address.version == 4 else 17, address.max_prefixlen))
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    shift = 0 if address.version == 4 else 64
    [each] = ranges_of_kind(f"{address}/{length},x\n".encode(), "vpn")[address.version]
    assert (each.first, each.last) == (int(network[0]) >> shift, int(network[-1]) >> shift)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"# nothing\n\n", "empty"),
        (b"203.0.113.0\n", "line 1"),
        (b"203.0.113.0,203.0.113.9,a\nhello,you,there\n", "line 2"),
        (b"203.0.113.9,203.0.113.0,a\n", "line 1"),
        (b"203.0.113.0,2001:db8::,a\n", "line 1"),
        (b"203.0.113.0/33,a\n", "line 1"),
        (b"0.0.0.0/0,the world\n", "cannot be of one kind"),
        (b"::/0,the world\n", "cannot be of one kind"),
        (b"".join(f"{n}.0.0.0/8,a\n".encode() for n in range(1, 223)), "cannot be|quarter"),
        (
            b"".join(
                f"{n}.{m}.0.0/11,a\n".encode() for n in range(64, 160) for m in range(0, 256, 32)
            ),
            "quarter",
        ),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'"203.0.113.0,203.0.113.9,a\n', "line"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused_whole_with_its_line(data, said):
    with pytest.raises(BadListError, match=said):
        ranges_of_kind(data, "data_centre")


@pytest.mark.parametrize(
    "row",
    [
        "203.0.113.0,203.0.113.9",
        "203.0.113.0,203.0.113.9,Germany",
        "203.0.113.0,203.0.113.9,DE,x1",
        "203.0.113.0,203.0.113.9,DE,4294967296",
    ],
)
def test_a_place_that_is_none_is_refused(row):
    with pytest.raises(BadListError, match="line 1"):
        located_ranges(row.encode())


def test_places_are_read_tab_separated_too():
    found = located_ranges(
        b"203.0.113.0\t203.0.113.255\t3320\tDE\tDTAG\n198.51.100.0\t198.51.100.255\t0\tNone\tNot routed\n"
    )
    assert [each.value for each in found[4]] == [("DE", "", 3320, ""), ("", "", 0, "")]


@pytest.mark.parametrize(
    "data", [b"", b"3320\n", b"3320,homely\n", b"x,vpn\n", b"asn,kind,operator\n"]
)
def test_a_list_of_systems_that_cannot_be_right_is_refused(data):
    with pytest.raises(BadListError):
        kinds_by_asn(data)


def test_the_built_in_list_of_systems_names_each_once_and_has_every_kind():
    raw = (ROOT / "layers/core/tallycast/measurement/networks/data/known_networks.csv").read_text()
    lines = [line for line in raw.splitlines()[1:] if not line.startswith(("#", "asn,"))]
    kinds = built_in_kinds()
    assert len(kinds) == len(lines) > 400
    assert set(kinds.values()) == set(KINDS) - {"unknown"}


def test_the_built_in_table_knows_every_system_of_the_built_in_list_or_almost():
    announced = set()
    for version in (4, 6):
        announced |= set(built_in_places().family(version).columns["asn"])
    missing = set(built_in_kinds()) - announced
    assert len(missing) <= 10, missing


@pytest.mark.parametrize(
    ("ip", "country", "asn", "network"),
    [
        ("8.8.8.8", "US", 15169, "data_centre"),
        ("73.1.2.3", "US", 7922, "household"),
        ("91.65.1.1", "DE", 3209, "household"),
        ("52.95.1.1", "US", 16509, "data_centre"),
        ("172.224.226.1", "GB", 36183, "relay"),
        ("2001:4860:4860::8888", "US", 15169, "data_centre"),
        ("10.0.0.1", None, None, "unknown"),
        ("192.168.1.1", None, None, "unknown"),
        ("127.0.0.1", None, None, "unknown"),
        ("::1", None, None, "unknown"),
        ("fd00::1", None, None, "unknown"),
        ("203.0.113.7", None, None, "unknown"),
        ("2001:db8::1", None, None, "unknown"),
        ("255.255.255.255", None, None, "unknown"),
        ("2a02:26f7:c9c8::1", "FR", 20940, "relay"),
    ],
)
def test_the_built_in_networks_know_well_known_addresses(ip, country, asn, network):
    assert built_in().look_up(ip) == Network(country, None, asn, network)


@pytest.mark.parametrize("version", [4, 6])
def test_the_built_in_table_is_sorted_and_says_something_of_every_address(version):
    starts = built_in_places().family(version).starts
    assert starts[0] == 0
    assert all(one < two for one, two in pairwise(starts))
    assert len(starts) > 300_000


@pytest.mark.skipif(
    not (FIXTURES / "user-agents").is_dir(),
    reason="the shared lists are not here: set TALLYCAST_SHARED",
)
def test_a_real_list_of_data_centres_is_read_whole_and_agrees_with_a_scan():
    data = (FIXTURES / "user-agents/datacenters.csv").read_bytes()
    listed = ranges_of_kind(data, "data_centre")
    assert len(listed[4]) + len(listed[6]) == 4752
    found = networks(listed, systems={})
    for each in listed[4][::50]:
        for number in (each.first - 1, each.first, each.last, each.last + 1):
            inside = any(one.first <= number <= one.last for one in listed[4])
            ip = str(ipaddress.IPv4Address(number))
            assert kind(found, ip) == ("data_centre" if inside else "unknown"), ip


def test_looking_up_needs_no_library_but_the_standard_one():
    code = (
        "import sys; sys.path.insert(0, 'layers/core');"
        "from tallycast.measurement.networks import built_in;"
        "assert built_in().look_up('8.8.8.8').country == 'US'"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
