"""Connections against a provider whose refresh tokens are good for one use."""

import dataclasses
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest

from tallycast.aws.errors import RequestRefusedError, ServiceUnavailableError
from tallycast.aws.records import Records
from tallycast.partners.connections.changes import events_of
from tallycast.partners.connections.grants import ProviderUnavailableError
from tallycast.partners.connections.invitations import BadStateError, read_state
from tallycast.partners.connections.model import (
    ConnectionNotFoundError,
    ConnectionNotReadyError,
    Health,
    State,
)
from tallycast.partners.connections.providers import ProviderNotFoundError
from tallycast.partners.connections.tokens import ConnectionBusyError
from tallycast.partners.connections.vault import SealBrokenError, Tokens
from tests.support.connected import BASE, NOON, a_deed, connected_platform
from tests.support.oauth_provider import OAuthProvider, Said


@pytest.fixture(scope="module")
def platform():
    with connected_platform() as made:
        yield made


@pytest.fixture
def world(platform):
    platform.wipe()
    with_provider = OAuthProvider()
    made = dataclasses.replace(platform, provider=with_provider, now=NOON, waited=[])
    made.secret()
    yield made
    with_provider.close()


def refreshes(world):
    return [each for each in world.provider.asked if each.get("grant_type") == "refresh_token"]


# ── connecting ──


def test_a_person_connects_an_account(world):
    connection_id = world.connect()
    connection = world.document(connection_id)
    [family] = world.provider.families
    assert (connection.state, connection.health) == (State.ACTIVE, Health.OK)
    assert connection.expires_at == NOON + timedelta(hours=1)
    assert connection.refresh_at == NOON + timedelta(minutes=45)
    assert connection.connected_by == "usr_owner"
    assert connection.scopes == ("read",)
    assert world.kept(connection_id) == Tokens(family.access[0], family.refresh)
    assert world.tokens.access_token("acme", connection_id).value == family.access[0]
    assert world.deeds() == [("usr_owner", "connection.begin"), ("usr_owner", "connection.connect")]


def test_the_provider_checks_the_verifier(world):
    sent = world.begin()
    brought = world.provider.consent(sent.authorization_url)
    world.provider.codes[brought["code"]]["code_challenge"] = "of another"
    returned = world.back(brought)
    assert "GrantRefusedError" in returned.problem
    assert world.document(sent.stored.id).state is State.CONNECTING


@pytest.mark.parametrize("auth", ["basic", "post"])
def test_both_ways_to_show_a_secret_are_taken(world, auth):
    world.provider.auth = auth
    world.secret()
    assert world.connect()


def test_no_token_lies_in_the_table_in_the_clear(world):
    world.connect()
    world.pass_(minutes=50)
    world.sweep()
    [family] = world.provider.families
    text = str(world.stacks.core.scan()["Items"])
    secrets = [
        *family.access,
        family.refresh,
        "s3cret",
        *(a.get("code_verifier", "-" * 9) for a in world.provider.asked),
    ]
    assert [each for each in secrets if each in text] == []


def test_a_state_is_good_once(world):
    brought = world.provider.consent(world.begin().authorization_url)
    assert world.back(brought).problem is None
    with pytest.raises(BadStateError):
        world.back(brought)
    assert len(world.provider.families) == 1


def test_of_two_who_come_back_at_once_one_gets_in(world):
    sent = world.begin()
    brought = world.provider.consent(sent.authorization_url)
    read, real = threading.Barrier(2), Records.find

    def together(self, *args):
        found = real(self, *args)
        read.wait()
        return found

    def come(_):
        try:
            return world.back(brought).problem is None
        except BadStateError:
            return False

    with (
        patch.object(Records, "find", together),
        ThreadPoolExecutor(2) as pool,
    ):
        assert sorted(pool.map(come, range(2))) == [False, True]
    assert world.document(sent.stored.id).generation == 1


def test_a_state_is_good_for_ten_minutes(world):
    brought = world.provider.consent(world.begin().authorization_url)
    world.pass_(minutes=10)
    with pytest.raises(BadStateError):
        world.back(brought)


def test_a_forged_state_opens_nothing(world):
    sent = world.begin()
    real = read_state(world.provider.consent(sent.authorization_url)["state"])
    others = [
        dataclasses.replace(real, secret="x" * 43),
        dataclasses.replace(real, tenant="other"),
        dataclasses.replace(real, tenant="A#B"),
        dataclasses.replace(real, connection_id="con_else"),
    ]
    for state in (*(each.text for each in others), "", "a b c", real.text[:-4], real.text + "A"):
        with pytest.raises(BadStateError):
            world.back({"state": state, "code": "code"})
    assert world.provider.asked == []


def test_a_state_of_one_tenant_says_nothing_about_another(world):
    """The same id in two tenants: the state leads to the one it was made for."""
    sent = world.begin("acme")
    way = read_state(world.provider.consent(sent.authorization_url)["state"])
    stored = world.stored(sent.stored.id)
    records = world.means().records
    records.put(records.creation("other", stored.id, stored.document, NOON))
    forged = dataclasses.replace(way, tenant="other")
    returned = world.back({"state": forged.text, "code": "code"})
    # Even with a copied document: the verifier was sealed for the other tenant.
    assert "RequestRefusedError" in returned.problem
    assert world.provider.asked == []


def test_who_declines_may_begin_again(world):
    sent = world.begin()
    brought = world.provider.consent(sent.authorization_url)
    returned = world.back({"state": brought["state"], "error": "access_denied"})
    assert returned.problem == "you declined"
    with pytest.raises(BadStateError):
        world.back(brought)
    again = world.connections.begin_again(
        "acme", sent.stored.id, deed=a_deed("connection.reconnect"), base_url=BASE, now=world.now
    )
    assert world.back(world.provider.consent(again.authorization_url)).problem is None
    assert world.document(sent.stored.id).state is State.ACTIVE


def test_what_nobody_goes_through_with_is_cleared_away(world):
    sent = world.begin()
    assert world.sweep() == {}
    world.pass_(minutes=11)
    assert world.sweep() == {"cleared": 1}
    with pytest.raises(ConnectionNotFoundError):
        world.stored(sent.stored.id)
    assert world.deeds()[-1] == ("system:refresh_connections", "connection.clear")


def test_an_unknown_provider_is_refused(world):
    with pytest.raises(ProviderNotFoundError, match="loopback"):
        world.connections.begin("acme", "spotify", "", deed=a_deed(), base_url=BASE, now=NOON)


# ── refreshing ──


def test_tokens_are_refreshed_before_they_end_and_rotate(world):
    connection_id = world.connect()
    for hour in range(1, 6):
        world.pass_(minutes=46)
        assert world.sweep() == {"refreshed": 1}
        assert world.document(connection_id).generation == hour + 1
    assert world.sweep() == {}
    [family] = world.provider.families
    assert world.kept(connection_id) == Tokens(family.access[-1], family.refresh)
    assert (family.generation, family.ended) == (6, False)


def test_a_refresh_token_that_does_not_rotate_is_kept(world):
    world.provider.rotates = False
    connection_id = world.connect()
    first = world.kept(connection_id)
    world.pass_(minutes=46)
    assert world.sweep() == {"refreshed": 1}
    assert world.kept(connection_id).refresh == first.refresh
    assert world.kept(connection_id).access != first.access


@pytest.mark.parametrize("workers", [2, 8])
def test_of_many_workers_at_once_exactly_one_refreshes(world, workers):
    connection_id = world.connect()
    world.pass_(minutes=59, seconds=30)
    stored = world.stored(connection_id)
    start = threading.Barrier(workers)

    def refresh(_):
        start.wait()
        return world.refresher.refresh(stored).value

    with ThreadPoolExecutor(workers) as pool:
        outcomes = sorted(pool.map(refresh, range(workers)))
    assert outcomes == ["busy"] * (workers - 1) + ["refreshed"]
    assert len(refreshes(world)) == 1
    assert world.document(connection_id).generation == 2
    assert not world.provider.families[0].ended


def test_those_who_need_a_token_wait_for_the_one_who_fetches_it(world):
    connection_id = world.connect()
    world.pass_(minutes=59, seconds=30)
    start = threading.Barrier(6)
    patient = [dataclasses.replace(world.means(), pause=threading.Event().wait) for _ in range(6)]

    def ask(means):
        tokens = world.tokens
        tokens._means = means
        tokens._refresher._means = means
        start.wait()
        return tokens.access_token("acme", connection_id).value

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, patient))
    assert found == {world.provider.families[0].access[-1]}
    assert len(refreshes(world)) == 1


def test_a_token_on_demand_is_good_for_a_minute_at_least(world):
    connection_id = world.connect()
    world.pass_(minutes=58)
    assert world.tokens.access_token("acme", connection_id)
    assert refreshes(world) == []
    world.pass_(minutes=1)
    token = world.tokens.access_token("acme", connection_id)
    assert len(refreshes(world)) == 1
    assert token.expires_at == world.now + timedelta(hours=1)
    assert token.value not in repr(token)


def test_who_waits_for_a_lease_that_nobody_gives_back_is_told_to_come_again(world):
    connection_id = world.connect()
    world.pass_(minutes=59, seconds=30)
    assert world.refresher.hold(world.stored(connection_id)) is not None
    with pytest.raises(ConnectionBusyError):
        world.tokens.access_token("acme", connection_id)
    assert 10 < sum(world.waited) < 29
    assert refreshes(world) == []


class Killed(BaseException):
    """The worker is gone."""


def killed_when_storing(world, connection_id):
    """A worker that dies between the provider's answer and the table."""
    refresher = world.refresher

    def die(*_):
        raise Killed

    with patch.object(refresher, "_keep", die), pytest.raises(Killed):
        refresher.refresh(world.stored(connection_id))


def test_a_worker_that_dies_after_the_exchange_costs_the_connection_and_says_why(world):
    """The provider took the token, and what it gave died with the worker: OAuth has no way back."""
    connection_id = world.connect()
    world.pass_(minutes=46)
    killed_when_storing(world, connection_id)
    assert world.sweep() == {"busy": 1}  # the lease is held
    world.pass_(seconds=61)
    assert world.sweep() == {"broken": 1}
    connection = world.document(connection_id)
    assert (connection.state, connection.tokens) == (State.NEEDS_RECONNECT, None)
    assert "interrupted" in connection.problem
    assert world.deeds()[-1] == ("system:refresh_connections", "connection.break")
    with pytest.raises(ConnectionNotReadyError):
        world.tokens.access_token("acme", connection_id)
    assert world.sweep() == {}


def test_a_worker_that_dies_costs_nothing_where_tokens_do_not_rotate(world):
    world.provider.rotates = False
    connection_id = world.connect()
    world.pass_(minutes=46)
    killed_when_storing(world, connection_id)
    world.pass_(seconds=61)
    assert world.sweep() == {"refreshed": 1}
    assert world.document(connection_id).generation == 2


def test_a_worker_that_dies_before_the_exchange_costs_nothing(world):
    connection_id = world.connect()
    world.pass_(minutes=46)
    assert world.refresher.hold(world.stored(connection_id))
    world.pass_(seconds=61)
    assert world.sweep() == {"refreshed": 1}
    assert not world.provider.families[0].ended


def test_a_worker_that_slept_through_its_lease_still_saves_what_it_was_given(world):
    """Another found the old token used up and gave the connection up: the new tokens bring it back."""
    connection_id = world.connect()
    world.pass_(minutes=46)

    def sleep():
        world.pass_(seconds=61)
        assert world.sweep() == {"broken": 1}

    world.provider.moods = [sleep]
    assert world.refresher.refresh(world.stored(connection_id)).value == "refreshed"
    connection = world.document(connection_id)
    assert (connection.state, connection.generation) == (State.ACTIVE, 2)


def test_new_tokens_are_stored_although_the_table_stutters(world):
    world.connect()
    world.pass_(minutes=46)
    real, stutters = Records.put, [ServiceUnavailableError("busy")] * 3
    puts = []

    def put(self, write):
        puts.append(write)
        if len(puts) > 1 and stutters:  # the first one is the lease
            raise stutters.pop()
        real(self, write)

    with patch.object(Records, "put", put):
        assert world.sweep() == {"refreshed": 1}
    assert len(world.waited) == 3
    assert len(refreshes(world)) == 1


def test_kms_is_asked_before_the_provider_so_that_nothing_is_given_in_vain(world):
    connection_id = world.connect()
    world.pass_(minutes=46)
    refresher = world.refresher
    with patch.object(
        type(refresher._means.vault), "envelope", side_effect=ServiceUnavailableError("no KMS")
    ):
        assert refresher.refresh(world.stored(connection_id)).value == "failed"
    assert refreshes(world) == []
    world.pass_(minutes=1)
    assert world.sweep() == {"refreshed": 1}


def test_a_refused_grant_breaks_the_connection_and_is_told(world):
    connection_id = world.connect()
    world.provider.families[0].ended = True
    world.pass_(minutes=46)
    key = {"pk": f"TENANT#acme#CONNECTION#{connection_id}", "sk": "CONNECTION"}
    old = world.stacks.core.get_item(Key=key)["Item"]
    assert world.sweep() == {"broken": 1}
    new = world.stacks.core.get_item(Key=key)["Item"]
    [event] = events_of(old, new, at="2026-01-05T12:46:00Z")
    assert (event.connection_id, event.provider, event.label) == (connection_id, "loopback", "ours")
    assert "invalid_grant" in event.problem
    assert events_of(new, new, at="") == []
    assert events_of(None, new, at="") == []
    assert events_of(new, old, at="") == []
    assert "due_at" not in new


def test_an_account_that_broke_is_connected_again_under_the_same_id(world):
    connection_id = world.connect()
    world.provider.families[0].ended = True
    world.pass_(minutes=46)
    world.sweep()
    again = world.connections.begin_again(
        "acme", connection_id, deed=a_deed("connection.reconnect"), base_url=BASE, now=world.now
    )
    assert world.document(connection_id).state is State.NEEDS_RECONNECT
    assert world.back(world.provider.consent(again.authorization_url)).problem is None
    connection = world.document(connection_id)
    assert (connection.state, connection.problem) == (State.ACTIVE, None)


def test_a_refresh_that_was_under_way_does_not_undo_a_reconnect(world):
    connection_id = world.connect()
    world.pass_(minutes=46)
    again = world.connections.begin_again(
        "acme", connection_id, deed=a_deed("connection.reconnect"), base_url=BASE, now=world.now
    )
    brought = world.provider.consent(again.authorization_url)
    world.provider.moods = [lambda: world.back(brought)]
    assert world.refresher.refresh(world.stored(connection_id)).value == "nothing"
    assert world.kept(connection_id).refresh == world.provider.families[1].refresh


def test_who_changes_a_connection_while_it_changes_is_told_to_come_again(world):
    connection_id = world.connect()
    connections = world.connections
    stale = world.stored(connection_id)
    world.pass_(minutes=46)
    world.sweep()
    with (
        patch.object(Records, "get", lambda *_: stale),
        pytest.raises(ConnectionBusyError),
    ):
        connections.begin_again("acme", connection_id, deed=a_deed(), base_url=BASE, now=world.now)
    removal = world.removal
    held = removal._refresher.hold(world.stored(connection_id))
    world.pass_(seconds=61)
    world.refresher.hold(world.stored(connection_id))
    with patch.object(removal, "_held", lambda *_: held), pytest.raises(ConnectionBusyError):
        removal("acme", connection_id, deed=a_deed("connection.remove"), now=world.now)
    assert world.document(connection_id).state is State.ACTIVE


def test_trouble_is_waited_out_longer_and_longer_and_then_over(world):
    connection_id = world.connect()
    world.pass_(minutes=46)
    waits = []
    for _ in range(5):
        world.provider.moods = [Said(503)]
        assert world.sweep() == {"failed": 1}
        connection = world.document(connection_id)
        waits.append((connection.refresh_at - world.now).total_seconds())
        assert connection.health is Health.FAILING
        assert world.sweep() == {}
        world.now = connection.refresh_at
    assert waits == [30, 60, 120, 240, 480]
    assert world.sweep() == {"refreshed": 1}
    assert world.document(connection_id).health is Health.OK
    assert world.document(connection_id).failures == 0


def test_while_the_provider_is_left_alone_a_token_that_is_good_is_used_and_no_other_asked_for(
    world,
):
    connection_id = world.connect()
    world.pass_(minutes=50)
    world.provider.moods = [Said(429, headers={"Retry-After": "1800"})]
    assert world.sweep() == {"failed": 1}
    assert world.tokens.access_token("acme", connection_id)
    world.pass_(minutes=10)
    with pytest.raises(ProviderUnavailableError):
        world.tokens.access_token("acme", connection_id)
    assert len(refreshes(world)) == 1


@pytest.mark.parametrize(
    "said",
    [
        Said(200, b"x" * 70_000),
        Said(200, b"<html>no</html>"),
        Said(200, json.dumps({"token_type": "Bearer"}).encode()),
        Said(200, json.dumps({"access_token": "a", "token_type": "mac"}).encode()),
        Said(302, b"", {"Location": "http://169.254.169.254/"}),
        Said(307, b"", {"Location": "/elsewhere"}),
        Said(200, b"\x1f\x8b\x00broken", {"Content-Encoding": "gzip"}),
        Said(401, b'{"error": "invalid_client"}'),
    ],
)
def test_a_hostile_answer_is_a_failure_that_ends_and_no_loss(world, said):
    connection_id = world.connect()
    before = world.kept(connection_id)
    world.pass_(minutes=46)
    world.provider.moods = [said]
    asked = len(world.provider.asked)
    assert world.sweep() == {"failed": 1}
    assert len(world.provider.asked) == asked + 1  # nothing was followed
    connection = world.document(connection_id)
    assert (connection.state, connection.health) == (State.ACTIVE, Health.FAILING)
    assert world.kept(connection_id) == before
    world.pass_(minutes=1)
    assert world.sweep() == {"refreshed": 1}


def test_an_access_without_refresh_token_ends_with_it(world):
    world.provider.rotates = False
    with patch.object(world.provider, "_gave", gave_no_refresh_token(world.provider)):
        connection_id = world.connect()
    assert world.document(connection_id).refreshable is False
    world.pass_(minutes=59)
    assert world.sweep() == {}
    world.pass_(minutes=1)
    assert world.sweep() == {"broken": 1}
    assert "no refresh token" in world.document(connection_id).problem


def gave_no_refresh_token(provider):
    real = provider._gave

    def gave(family):
        said = json.loads(real(family).body)
        said.pop("refresh_token")
        return Said(body=json.dumps(said).encode())

    return gave


def test_one_connection_that_cannot_be_read_stops_no_other(world):
    broken, good = world.connect(), world.connect()
    world.pass_(minutes=46)
    key = {"pk": f"TENANT#acme#CONNECTION#{broken}", "sk": "CONNECTION"}
    item = world.stacks.core.get_item(Key=key)["Item"]
    document = json.loads(item["document"]) | {"tokens": "no seal"}
    world.stacks.core.put_item(Item={**item, "document": json.dumps(document)})
    assert world.sweep() == {"failed": 1, "refreshed": 1}
    assert world.document(good).generation == 2
    assert "SealBrokenError" in world.document(broken).problem


def test_a_round_without_time_leaves_the_rest_to_the_next(world):
    for _ in range(3):
        world.connect()
    world.pass_(minutes=46)
    left = iter([200.0, 10.0])
    assert dict(world.sweeper.run(lambda: next(left))) == {"refreshed": 1}
    assert world.sweep() == {"refreshed": 2}


# ── sealing ──


def test_tokens_open_for_their_connection_alone(world):
    vault = world.means().vault
    sealed = vault.envelope("acme", "con_1").seal_tokens(Tokens("a", "r"))
    assert vault.open_tokens(sealed, "acme", "con_1") == Tokens("a", "r")
    for tenant, connection in (("acme", "con_2"), ("other", "con_1")):
        with pytest.raises(RequestRefusedError):
            vault.open_tokens(sealed, tenant, connection)
    parts = json.loads(sealed)
    for broken in (
        "",
        "[]",
        "{}",
        json.dumps(parts | {"data": "AAAA"}),
        json.dumps(parts | {"key": 5}),
    ):
        with pytest.raises(SealBrokenError):
            vault.open_tokens(broken, "acme", "con_1")
    assert "'r'" not in repr(Tokens("a", "r"))
    assert repr(vault.envelope("acme", "con_1")).count("b'") == 0


# ── removing ──


def removed(world, connection_id):
    return world.removal("acme", connection_id, deed=a_deed("connection.remove"), now=world.now)


def test_access_is_taken_back_at_the_provider_and_here(world):
    connection_id = world.connect()
    refresh = world.kept(connection_id).refresh
    assert removed(world, connection_id).revoked is True
    assert world.provider.revoked == [refresh]
    assert world.provider.families[0].ended
    with pytest.raises(ConnectionNotFoundError):
        world.stored(connection_id)
    assert world.deeds()[-1] == ("usr_owner", "connection.remove")
    assert world.sweep() == {}


@pytest.mark.parametrize(
    "mood", [Said(503), Said(200, b"x" * 70_000), Said(400, b'{"error": "no"}')]
)
def test_a_provider_that_does_not_answer_keeps_nobody(world, mood):
    connection_id = world.connect()
    world.provider.moods = [mood]
    gone = removed(world, connection_id)
    assert (gone.revoked, bool(gone.problem)) == (False, True)
    with pytest.raises(ConnectionNotFoundError):
        world.stored(connection_id)


def test_a_provider_without_revocation_is_not_asked(world):
    world.secret(revoke_url=None, removal_url="https://p.example/apps")
    connection_id = world.connect()
    asked = len(world.provider.asked)
    gone = removed(world, connection_id)
    assert (gone.revoked, gone.problem, gone.provider.removal_url) == (
        False,
        None,
        "https://p.example/apps",
    )
    assert len(world.provider.asked) == asked


def test_a_connection_that_is_being_refreshed_is_not_removed_meanwhile(world):
    connection_id = world.connect()
    world.pass_(minutes=46)
    assert world.refresher.hold(world.stored(connection_id))
    with pytest.raises(ConnectionBusyError):
        removed(world, connection_id)
    world.pass_(seconds=61)
    assert removed(world, connection_id).revoked is True
