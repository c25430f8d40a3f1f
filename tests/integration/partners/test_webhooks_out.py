"""Webhooks out against a real receiver that is flaky: exact counts, nothing lost, nothing twice."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.identity.audit.trail import AuditTrail
from tallycast.partners.webhooks.model import DeliveryStatus, DisabledReason, WebhookDisabledError
from tallycast.partners.webhooks.schedule import ATTEMPTS, OPENS_AT, WHOLE
from tallycast.partners.webhooks.sending import Outcome
from tests.support.receiver import Said
from tests.support.webhooks_platform import START

HOUR = timedelta(hours=1)


def test_an_event_arrives_once_and_signed_at_every_endpoint_that_wants_it(platform):
    all_of_it, _ = platform.endpoint("/all")
    platform.endpoint("/downloads", events=("DownloadsCounted",))
    platform.endpoint("/show", shows=("show_2",))
    platform.endpoint("/stranger", tenant="other")
    told = platform.tell(1, show_id="show_1")
    assert platform.pump() == {Outcome.DELIVERED: 1}
    [came] = platform.receiver.came
    assert (came.path, came.id, came.headers["content-type"]) == (
        "/all", told, "application/json",
    )  # fmt: skip
    platform.tell(2, "DownloadsCounted", show_id=None, shows=["show_2", "show_3"])
    platform.pump()
    assert sorted(each.path for each in platform.receiver.came[1:]) == [
        "/all", "/downloads", "/show",
    ]  # fmt: skip
    assert platform.receiver.at("/stranger") == []
    assert {each.status for each in platform.of(all_of_it)} == {DeliveryStatus.DELIVERED}


def test_the_standardwebhooks_library_verifies_what_is_sent(platform):
    from datetime import UTC, datetime

    platform.now = datetime.now(UTC)
    _, secret = platform.endpoint()
    platform.tell(1, title="Zürich, 漢字")
    platform.pump()
    [came] = platform.receiver.came
    payload = came.verified(secret)
    assert payload["type"] == "EpisodePublished"
    assert payload["data"]["title"] == "Zürich, 漢字"
    assert json.loads(came.body) == payload


def test_the_same_event_again_is_delivered_once(platform):
    platform.endpoint()
    for _ in range(3):
        platform.tell(1)
    platform.pump()
    platform.tell(1)
    platform.pass_time(HOUR)
    assert [each.id for each in platform.receiver.came] == ["evt_1"]


def test_events_in_any_order_and_twice_each_arrive_exactly_once(platform):
    endpoint, _ = platform.endpoint()
    numbers = [*range(1, 31), *range(30, 0, -1)]
    for number in numbers:
        platform.tell(number)
    platform.pass_time(HOUR)
    assert sorted(each.id for each in platform.receiver.came) == sorted(
        f"evt_{number}" for number in range(1, 31)
    )
    assert len(platform.of(endpoint, DeliveryStatus.DELIVERED)) == 30
    assert platform.queue.depth() == 0


# ── a receiver that fails ──


def test_a_failing_receiver_is_tried_ten_times_by_the_schedule_and_then_disabled(platform):
    endpoint, _ = platform.endpoint()
    platform.receiver.otherwise = Said(500, body=b"no " * 1000)
    platform.tell(1)
    platform.pump()
    platform.pass_time(timedelta(minutes=1), timedelta(seconds=5))
    platform.pass_time(WHOLE + HOUR, timedelta(minutes=15))
    came = platform.receiver.came
    assert len(came) == ATTEMPTS == 10
    assert {each.id for each in came} == {"evt_1"}
    assert len({each.body for each in came}) == 1
    stamps = [int(each.headers["webhook-timestamp"]) for each in came]
    gaps = [after - before for before, after in pairwise(stamps)]
    wanted = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    for gap, delay in zip(gaps, wanted, strict=True):
        assert delay <= gap <= delay + 2 * 900, (gap, delay)  # the test's steps and the rests
    [delivery] = platform.of(endpoint)
    assert (delivery.status, delivery.tries, delivery.next_at) == (DeliveryStatus.FAILED, 10, None)
    assert [each.status for each in delivery.attempts] == [500] * 10
    assert all(len(each.reply) == 1000 for each in delivery.attempts)
    state = platform.state(endpoint).document
    assert state.reason is DisabledReason.FAILING
    assert state.disabled_at > START + WHOLE
    head = AuditTrail(platform.core).head("acme").deed
    assert (head.actor, head.action, head.details) == (
        "system:send_webhook", "webhook.disable", {"reason": "failing"},
    )  # fmt: skip
    platform.pass_time(timedelta(hours=30), HOUR)
    assert len(platform.receiver.came) == 10


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (Said(500), 500),
        (Said(404), 404),
        (Said(301, {"Location": "/elsewhere"}), 301),
        (Said(307, {"Location": "/elsewhere"}), 307),
        (Said(pause=2.0), None),
        (Said(hang_up=True), None),
    ],
    ids=["500", "404", "301", "307", "time-out", "hang-up"],
)
def test_a_failure_is_logged_and_the_next_attempt_arrives(platform, said, shown):
    endpoint, _ = platform.endpoint()
    platform.receiver.answers["/hook"] = [said]
    platform.tell(1)
    assert platform.pump() == {Outcome.RETRIED: 1}
    assert platform.pass_time(timedelta(seconds=10), timedelta(seconds=5)) == {Outcome.DELIVERED: 1}
    [delivery] = platform.of(endpoint)
    failed, delivered = delivery.attempts
    assert (failed.status, delivered.status, delivery.status) == (shown, 204, "delivered")
    assert (failed.error is None) == (shown is not None)
    assert platform.receiver.at("/elsewhere") == []
    assert [each.id for each in platform.receiver.came] == ["evt_1", "evt_1"]


def test_410_disables_the_endpoint_at_once_and_nothing_more_is_sent(platform):
    endpoint, _ = platform.endpoint()
    platform.receiver.answers["/hook"] = [Said(410)]
    for number in range(1, 6):
        platform.tell(number)
    outcomes = platform.pump()
    assert outcomes == {Outcome.FAILED: 1, Outcome.HELD: 4}
    platform.tell(6)
    platform.pass_time(timedelta(days=4), HOUR)
    assert len(platform.receiver.came) == 1
    assert platform.state(endpoint).document.reason is DisabledReason.GONE
    assert len(platform.of(endpoint, DeliveryStatus.HELD)) == 5
    assert len(platform.of(endpoint, DeliveryStatus.FAILED)) == 1


@pytest.mark.parametrize("status", [429, 502, 504, 503])
def test_who_asks_to_be_left_alone_is_left_alone_by_every_delivery(platform, status):
    endpoint, _ = platform.endpoint()
    platform.receiver.answers["/hook"] = [Said(status, {"Retry-After": "600"})]
    for number in range(1, 4):
        platform.tell(number)
    platform.pump()
    platform.pass_time(timedelta(seconds=590), timedelta(seconds=10))
    assert len(platform.receiver.came) == 1
    platform.pass_time(timedelta(minutes=3), timedelta(seconds=10))
    assert len(platform.receiver.came) == 4
    assert {each.status for each in platform.of(endpoint)} == {DeliveryStatus.DELIVERED}
    assert sorted(each.tries for each in platform.of(endpoint)) == [1, 1, 2]


def test_a_slow_down_without_a_time_is_a_minute(platform):
    platform.endpoint()
    platform.receiver.answers["/hook"] = [Said(429)]
    platform.tell(1)
    platform.pump()
    platform.pass_time(timedelta(seconds=55), timedelta(seconds=5))
    assert len(platform.receiver.came) == 1
    platform.pass_time(timedelta(seconds=30), timedelta(seconds=5))
    assert len(platform.receiver.came) == 2


def test_nothing_of_many_events_is_lost_at_a_receiver_that_fails_every_other_time(platform):
    endpoint, _ = platform.endpoint()
    faults = [Said(500), Said(hang_up=True), Said(301), Said(502), Said(429, {"Retry-After": "1"})]
    seen: dict[str, int] = {}

    def script(came):
        seen[came.id] = seen.get(came.id, 0) + 1
        return faults[len(seen) % len(faults)] if seen[came.id] == 1 else Said()

    platform.receiver.scripts["/hook"] = script
    for number in range(1, 41):
        platform.tell(number)
    platform.pump()
    platform.pass_time(timedelta(hours=4))
    assert sorted(seen) == sorted(f"evt_{number}" for number in range(1, 41))
    assert set(seen.values()) == {2}
    assert len(platform.receiver.came) == 80
    assert len(platform.of(endpoint, DeliveryStatus.DELIVERED)) == 40
    assert platform.of(endpoint, DeliveryStatus.PENDING) == []
    assert platform.state(endpoint).document.enabled


def test_a_message_that_fails_does_not_disable_an_endpoint_that_takes_others(platform):
    endpoint, _ = platform.endpoint()
    platform.receiver.scripts["/hook"] = lambda came: Said(500 if came.id == "evt_1" else 204)
    platform.tell(1)
    platform.pump()
    platform.pass_time(timedelta(hours=1), timedelta(minutes=5))
    platform.tell(2)
    platform.pass_time(WHOLE + HOUR, timedelta(minutes=15))
    [failed] = platform.of(endpoint, DeliveryStatus.FAILED)
    assert (failed.message_id, failed.tries) == ("evt_1", 10)
    assert platform.state(endpoint).document.enabled


# ── one endpoint and the others ──


def test_a_dead_endpoint_delays_nobody_and_is_probed_one_at_a_time(platform):
    dead, _ = platform.endpoint("/dead")
    fine, _ = platform.endpoint("/fine")
    platform.receiver.scripts["/dead"] = lambda _: Said(500)
    for number in range(1, 31):
        platform.tell(number)
    platform.pump()
    assert len(platform.receiver.at("/fine")) == 30
    assert len(platform.receiver.at("/dead")) == OPENS_AT
    assert platform.circuits.health("acme", dead.id).failures == OPENS_AT
    platform.pass_time(HOUR)
    probes = len(platform.receiver.at("/dead")) - OPENS_AT
    assert 3 <= probes <= 10  # it rests half a minute, a minute … a quarter of an hour
    platform.receiver.scripts["/dead"] = lambda _: Said()
    platform.pass_time(timedelta(hours=4))
    assert {each.status for each in platform.of(dead)} == {DeliveryStatus.DELIVERED}
    assert {each.status for each in platform.of(fine)} == {DeliveryStatus.DELIVERED}
    assert len(platform.receiver.at("/fine")) == 30


def test_a_slow_endpoint_has_no_more_senders_than_slots(platform):
    from concurrent.futures import ThreadPoolExecutor

    from tallycast.partners.webhooks.circuit import SLOTS

    slow, _ = platform.endpoint("/slow")
    platform.receiver.scripts["/slow"] = lambda _: Said(pause=0.2)
    for number in range(1, 21):
        platform.tell(number)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(platform.sender.send, platform.queue.take()))
    assert platform.receiver.most_at_once["/slow"] <= SLOTS
    platform.pass_time(timedelta(minutes=10), timedelta(seconds=2))
    assert len(platform.receiver.came) == 20
    assert len(platform.of(slow, DeliveryStatus.DELIVERED)) == 20


# ── ours that fails ──


def test_a_sender_killed_between_sending_and_recording_repeats_with_the_same_id_only(platform):
    endpoint, _ = platform.endpoint()

    class KilledError(BaseException):
        pass

    class Killed(type(platform.deliveries)):
        def replace(self, before, after, due_at):
            if after.attempts:
                raise KilledError
            return super().replace(before, after, due_at)

    platform.tell(1)
    [handover] = platform.queue.take()
    with pytest.raises(KilledError):
        platform.broken(deliveries=Killed(platform.table)).send(handover)
    assert platform.sender.send(handover).outcome is Outcome.VOID  # the queue brings it again
    platform.pass_time(timedelta(minutes=1))
    assert len(platform.receiver.came) == 1  # the claim still holds
    platform.pass_time(timedelta(minutes=2))
    assert [each.id for each in platform.receiver.came] == ["evt_1", "evt_1"]
    assert platform.receiver.came[0].body == platform.receiver.came[1].body
    [delivery] = platform.of(endpoint)
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 1)


def test_while_secrets_cannot_be_opened_nothing_is_claimed_and_the_message_stays_valid(platform):
    platform.endpoint()
    platform.tell(1)
    [handover] = platform.queue.take()

    class Closed(type(platform.endpoints)):
        def keys(self, stored, now):
            raise ServiceUnavailableError("KMS does not answer")

    closed = Closed(platform.core, AuditTrail(platform.core), platform.sealer, platform.circuits)
    with pytest.raises(ServiceUnavailableError):
        platform.broken(endpoints=closed).send(handover)
    assert platform.receiver.came == []
    assert platform.sender.send(handover).outcome is Outcome.DELIVERED


def test_a_delivery_whose_message_was_lost_is_handed_over_by_the_tick(platform):
    platform.endpoint()
    platform.tell(1)
    platform.queue.waiting.clear()
    platform.pass_time(timedelta(minutes=14))
    assert platform.receiver.came == []
    platform.pass_time(timedelta(minutes=3))
    assert len(platform.receiver.came) == 1


def test_a_queue_that_refuses_loses_nothing_and_the_event_again_hands_over_what_waits(platform):
    platform.endpoint()
    put = platform.queue.put

    def refuse(_):
        raise ServiceUnavailableError("no")

    platform.queue.put = refuse
    with pytest.raises(ServiceUnavailableError):
        platform.tell(1)
    platform.queue.put = put
    platform.tell(1)
    assert platform.pump() == {Outcome.DELIVERED: 1}
    platform.pass_time(HOUR)
    assert len(platform.receiver.came) == 1


def test_two_ticks_at_once_hand_a_delivery_over_once(platform):
    platform.endpoint()
    platform.tell(1)
    platform.queue.waiting.clear()
    platform.now += timedelta(minutes=20)
    due = list(platform.deliveries.due(platform.now))
    assert platform.tick() == 1
    assert [platform.deliveries.hand_over(each, platform.now) for each in due] == [False]
    assert platform.pump() == {Outcome.DELIVERED: 1}


def test_a_tick_without_time_leaves_the_rest_to_the_next(platform):
    platform.endpoint()
    platform.tell(1)
    platform.queue.waiting.clear()
    platform.now += timedelta(minutes=20)
    assert platform.desk.hand_over_due(platform.now, time_left=lambda: 1.0) == 0
    assert platform.tick() == 1


def test_a_message_of_an_old_ticket_is_void(platform):
    platform.endpoint()
    platform.tell(1)
    [handover] = platform.queue.take()
    assert platform.sender.send(handover).outcome is Outcome.DELIVERED
    assert platform.sender.send(handover).outcome is Outcome.VOID
    gone = handover.model_copy(update={"delivery_id": "dlv_none"})
    assert platform.sender.send(gone).outcome is Outcome.VOID
    assert len(platform.receiver.came) == 1


# ── disabling, enabling, replay ──


def test_what_is_pending_when_a_person_disables_is_held_and_replayed_after_enabling(platform):
    endpoint, _ = platform.endpoint()
    platform.receiver.answers["/hook"] = [Said(500)]
    platform.tell(1)
    platform.pump()
    platform.tell(2)
    disabled = platform.endpoints.disable(platform.state(endpoint), platform.now, platform.deed)
    platform.tell(3)
    platform.pass_time(timedelta(days=2), HOUR)
    assert len(platform.receiver.came) == 1
    assert len(platform.of(endpoint, DeliveryStatus.HELD)) == 3
    with pytest.raises(WebhookDisabledError):
        platform.desk.replay_since(disabled, START, platform.now)
    with pytest.raises(WebhookDisabledError):
        platform.desk.ping(disabled, platform.now)
    enabled = platform.endpoints.enable(disabled, platform.now, platform.deed)
    platform.pass_time(HOUR)
    assert len(platform.receiver.came) == 1  # held until somebody asks
    assert platform.desk.replay_since(enabled, START, platform.now) == (3, False)
    platform.pump()
    assert sorted(each.id for each in platform.receiver.came[1:]) == ["evt_1", "evt_2", "evt_3"]
    assert {each.status for each in platform.of(endpoint)} == {DeliveryStatus.DELIVERED}


def test_a_replay_of_one_delivery_has_the_same_id_and_a_new_schedule(platform):
    endpoint, _ = platform.endpoint()
    platform.tell(1)
    platform.pump()
    [delivery] = platform.of(endpoint)
    again = platform.desk.replay(platform.state(endpoint), delivery, platform.now)
    assert (again.status, again.tries) == (DeliveryStatus.PENDING, 0)
    platform.pump()
    assert [each.id for each in platform.receiver.came] == ["evt_1", "evt_1"]
    [delivery] = platform.of(endpoint)
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 2)


def test_a_replay_is_of_what_failed_since_a_time_alone(platform):
    endpoint, _ = platform.endpoint()
    disabled = platform.endpoints.disable(endpoint, platform.now, platform.deed)
    for hour in range(4):
        platform.now = START + hour * HOUR
        platform.tell(hour)
    enabled = platform.endpoints.enable(disabled, platform.now, platform.deed)
    assert platform.desk.replay_since(enabled, START + 2 * HOUR, platform.now) == (2, False)
    platform.pump()
    assert [each.id for each in platform.receiver.came] == ["evt_2", "evt_3"]


def test_a_removed_endpoint_is_sent_nothing(platform):
    endpoint, _ = platform.endpoint()
    platform.tell(1)
    platform.endpoints.remove(endpoint, platform.now, platform.deed)
    assert platform.pump() == {Outcome.HELD: 1}
    platform.tell(2)
    platform.pass_time(HOUR)
    assert platform.receiver.came == []


# ── secrets and addresses ──


def test_both_secrets_sign_for_a_day_and_then_the_new_one_alone(platform):
    from standardwebhooks.webhooks import Webhook

    endpoint, old = platform.endpoint()
    made = platform.endpoints.rotate(endpoint, platform.now, platform.deed)
    platform.tell(1)
    platform.pump()
    platform.now += timedelta(hours=25)
    platform.tell(2)
    platform.pump()
    first, second = platform.receiver.came

    def signed(came, secret):
        from datetime import UTC, datetime

        at = datetime.fromtimestamp(int(came.headers["webhook-timestamp"]), UTC)
        return Webhook(secret).sign(came.id, at, came.body.decode())

    assert first.headers["webhook-signature"].split() == [
        signed(first, made.secret), signed(first, old),
    ]  # fmt: skip
    assert second.headers["webhook-signature"].split() == [signed(second, made.secret)]
    third = platform.endpoints.rotate(made.stored, platform.now, platform.deed)
    fourth = platform.endpoints.rotate(third.stored, platform.now, platform.deed)
    assert len(fourth.stored.document.secrets) == 2


def test_no_secret_lies_anywhere_in_the_clear(platform):
    _, secret = platform.endpoint()
    text = json.dumps([platform.core.scan()["Items"], platform.table.scan()["Items"]], default=str)
    assert secret not in text
    assert secret.removeprefix("whsec_") not in text


def test_a_sealed_secret_opens_for_its_own_endpoint_alone(platform):
    from tallycast.aws.errors import RequestRefusedError

    endpoint, _ = platform.endpoint()
    sealed = endpoint.document.secrets[0].sealed
    assert len(platform.sealer.open(sealed, "acme", endpoint.id)) == 32
    for tenant, of in (("other", endpoint.id), ("acme", "whk_other")):
        with pytest.raises(RequestRefusedError):
            platform.sealer.open(sealed, tenant, of)


def test_an_address_that_leads_inside_by_now_is_never_connected_to(platform):
    """The allow list opens the receiver for the endpoint, and is taken away before the attempt."""
    from functools import partial

    from tallycast.partners.webhooks.posting import post, settings_of

    endpoint, _ = platform.endpoint()
    platform.tell(1)
    [handover] = platform.queue.take()
    guarded = platform.broken(post=partial(post, settings=settings_of(()), now=platform.clock))
    assert guarded.send(handover).outcome is Outcome.RETRIED
    assert platform.receiver.came == []
    [delivery] = platform.of(endpoint)
    assert delivery.attempts[0].error == (
        "BlockedAddressError: leads to an address that is not of the public web"
    )
