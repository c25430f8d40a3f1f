"""A stream's mapping loses no record and gives up only what never succeeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.local.bridge.streams import FOREVER, Step, after, first_failure, how_many


def records(count: int) -> list[dict[str, object]]:
    return [{"dynamodb": {"SequenceNumber": f"seq-{number}"}} for number in range(count)]


def named(*numbers: int) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": f"seq-{number}"} for number in numbers]}


def test_an_answer_without_failures_means_all_went_well():
    for answer in (None, "ok", "null", {}, {"batchItemFailures": []}, [], 7):
        assert first_failure(records(3), answer) is None


def test_the_first_reported_failure_counts_whatever_the_order():
    assert first_failure(records(5), named(3, 1, 4)) == 1


def test_an_answer_as_text_is_understood():
    assert first_failure(records(3), '{"batchItemFailures": [{"itemIdentifier": "seq-2"}]}') == 2


def test_a_failure_that_names_no_record_of_the_batch_counts_against_all_of_it():
    for failure in ({"itemIdentifier": "other"}, {"itemIdentifier": ""}, {}, "seq-1", None):
        assert first_failure(records(3), {"batchItemFailures": [failure]}) == 0
    assert first_failure(records(3), {"batchItemFailures": {"itemIdentifier": "seq-1"}}) == 0
    assert first_failure(records(3), {"batchItemFailures": [{"itemIdentifier": ["seq-1"]}]}) == 0


def test_a_record_that_is_too_old_is_given_up_at_once():
    step = after(None, position=4, taken=3, failed=0, cut=True, most=FOREVER, too_old=True)
    assert step == Step(position=7, trouble=None, given_up=True)


class Shard:
    """Runs a mapping over numbered records, some of which always fail."""

    def __init__(self, count, poison, *, batch_size, cut, most, reports):
        self.delivered: dict[int, int] = {}
        self.given_up: list[list[int]] = []
        position, trouble, self.calls = 0, None, 0
        while position < count:
            self.calls += 1
            assert self.calls < 5_000, "never ends"
            taken = list(range(position, count))[: how_many(batch_size, position, trouble)]
            bad = [number for number in taken if number in poison]
            failed = None if not bad else (bad[0] - position if reports else 0)
            good = taken if failed is None else taken[:failed]
            for number in taken if failed is None or reports else []:
                if number not in poison:
                    self.delivered[number] = self.delivered.get(number, 0) + 1
            step = after(
                trouble, position=position, taken=len(taken), failed=failed, cut=cut, most=most
            )
            if step.given_up:
                self.given_up.append(taken[len(good) :])
            position, trouble = step.position, step.trouble


shards = st.tuples(
    st.integers(1, 40),
    st.sets(st.integers(0, 39), max_size=6),
    st.integers(1, 12),
    st.integers(0, 4),
)


@given(shards, st.booleans())
def test_a_cut_shard_gives_up_exactly_the_poison_each_alone(shard, reports):
    count, poison, batch_size, most = shard
    poison = {number for number in poison if number < count}
    run = Shard(count, poison, batch_size=batch_size, cut=True, most=most, reports=reports)
    assert run.given_up == [[number] for number in sorted(poison)]
    assert set(run.delivered) == set(range(count)) - poison


@given(shards)
def test_an_uncut_shard_that_raises_gives_up_whole_batches_and_delivers_the_others(shard):
    count, poison, batch_size, most = shard
    poison = {number for number in poison if number < count}
    run = Shard(count, poison, batch_size=batch_size, cut=False, most=most, reports=False)
    lost = {number for batch in run.given_up for number in batch}
    assert poison <= lost
    assert set(run.delivered) == set(range(count)) - lost
    assert all(set(batch) & poison for batch in run.given_up)


def test_a_batch_is_tried_again_as_often_as_the_mapping_says():
    assert Shard(3, {1}, batch_size=3, cut=False, most=4, reports=False).calls == 5


@given(st.integers(1, 40), st.integers(1, 12))
def test_a_healthy_shard_is_read_once_in_whole_batches(count, batch_size):
    run = Shard(count, set(), batch_size=batch_size, cut=True, most=3, reports=True)
    assert run.calls == -(-count // batch_size)
    assert set(run.delivered.values()) == {1}
