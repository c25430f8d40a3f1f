"""A bundle of lists: one name for one state, and nothing in it that was not examined."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.kernel.errors import PermanentError
from tallycast.measurement import agents
from tallycast.measurement.networks.readers import BadListError
from tallycast.measurement.reference import DOCUMENTS, built_in, from_documents
from tallycast.measurement.reference.bundle import kinds_of
from tallycast.measurement.reference.examining import (
    Examined,
    ShrunkDocumentError,
    check_size,
    entries_built_in,
    examine,
)
from tallycast.measurement.reference.names import AGENTS, RANKS, UnknownDocumentError

LISTS = {
    "datacenters.csv": b"198.51.100.0,198.51.100.255,A host,\n",
    "vpns.csv": b"198.51.100.0/25,An exit\n",
    "relays.csv": b"198.51.100.0/26,DE,DE-BE,Berlin,\n",
    "ranges.csv": b"198.51.100.0/27,commercial,A university\n",
}


def test_the_built_in_reference_has_a_version_of_everything_that_ships():
    found = built_in()
    assert set(found.versions) == set(found.digests) == set(DOCUMENTS) - set(RANKS)
    assert all(version.startswith("built-in-") for version in found.versions.values())
    assert len(found.digest) == 16


def test_the_digest_follows_the_bytes_and_nothing_else():
    one = from_documents({"vpns.csv": LISTS["vpns.csv"], "relays.csv": LISTS["relays.csv"]})
    two = from_documents(
        {"relays.csv": LISTS["relays.csv"], "vpns.csv": LISTS["vpns.csv"]}, {"vpns.csv": "2026"}
    )
    assert one.digest == two.digest
    assert two.versions["vpns.csv"] == "2026"
    other = from_documents(
        {"vpns.csv": LISTS["vpns.csv"] + b"\n", "relays.csv": LISTS["relays.csv"]}
    )
    assert other.digest != one.digest != built_in().digest


def test_the_built_in_lists_given_as_documents_recognise_the_same():
    given_ = from_documents(agents.built_in_documents())
    sample = ["Overcast/3.0 (+http://overcast.fm/; iOS podcast app)", "curl/8.1", "", "nonsense"]
    assert given_.agents.classify(sample) == agents.built_in().classify(sample)


def test_a_document_of_another_name_is_refused():
    with pytest.raises(UnknownDocumentError, match=r"datacenters\.csv"):
        from_documents({"data-centres.csv": b""})


@given(st.sets(st.sampled_from(sorted(LISTS))))
def test_the_most_trusted_list_that_speaks_of_an_address_is_right(names):
    table = kinds_of({name: LISTS[name] for name in names})
    family = table.family(4)
    kinds = {
        "ranges.csv": "commercial",
        "relays.csv": "relay",
        "vpns.csv": "vpn",
        "datacenters.csv": "data_centre",
    }
    for width, name in (
        (32, "ranges.csv"),
        (64, "relays.csv"),
        (128, "vpns.csv"),
        (256, "datacenters.csv"),
    ):
        speaking = [
            each
            for each in kinds
            if each in names and list(kinds).index(each) >= list(kinds).index(name)
        ]
        expected = kinds[speaking[0]] if speaking else ""
        number = 0xC6336400 + width - 1
        column = family.columns.get("kind")
        found = table.words["kind"][column[family.row(number)]] if column else ""
        assert found == expected


@pytest.mark.parametrize("name", AGENTS)
def test_every_built_in_list_of_agents_passes_its_own_examination(name):
    body = agents.built_in_documents()[name]
    assert examine(name, body, {}).entries == entries_built_in(name) > 0


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@pytest.mark.parametrize("body", [b"", b"\n\n", b"{}", b"[]", b"\xff", b"<html></html>", b"null"])
def test_no_document_is_taken_out_of_nothing(name, body):
    with pytest.raises(PermanentError):
        examine(name, body, {})


@given(st.sampled_from(sorted(DOCUMENTS)), st.binary(max_size=100))
def test_random_bytes_are_refused_by_every_examination(name, body):
    with pytest.raises(PermanentError):
        examine(name, body, {})


def test_a_list_that_does_not_work_beside_the_others_is_refused():
    bad = {"bots.json": b'{"entries": [{"name": "X", "pattern": "("}]}'}
    with pytest.raises(PermanentError):
        examine("apps.json", agents.built_in_documents()["apps.json"], bad)


@pytest.mark.parametrize(
    ("entries", "in_use", "taken"),
    [
        (1, 0, True),
        (1, 1, True),
        (1, 2, True),
        (1, 3, False),
        (50, 100, True),
        (49, 100, False),
        (50, 101, False),
        (200, 100, True),
    ],
)
def test_less_than_half_is_refused(entries, in_use, taken):
    examined = Examined("vpns.csv", b"", entries)
    if taken:
        check_size(examined, in_use)
    else:
        with pytest.raises(ShrunkDocumentError):
            check_size(examined, in_use)


def test_prefixes_are_examined_and_used():
    body = json.dumps([{"prefixpattern": "stats.example.com/x"}]).encode()
    assert examine("prefixes.json", body, {}).entries == 1
    assert from_documents({"prefixes.json": body}).agents.prefix_hosts == {"stats.example.com"}


def test_a_bad_list_says_so_when_it_is_used():
    with pytest.raises(BadListError):
        _ = from_documents({"vpns.csv": b"nonsense\n"}).networks


def test_a_list_of_a_relays_exits_makes_no_data_centre_of_who_came_without_an_address():
    cloudflare = "104.16.0.1"
    listed = from_documents({"relays.csv": LISTS["relays.csv"]}).networks
    assert listed.look_up(cloudflare)[2:] == (13335, "data_centre")
    assert built_in().networks.look_up(cloudflare)[2:] == (13335, "relay")
    assert listed.kinds_of([13335, 36183, 54113]) == ["relay"] * 3
    assert built_in().networks.kinds_of([13335, 36183, 54113]) == ["relay"] * 3
