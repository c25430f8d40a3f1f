"""Event-source mappings on DynamoDB streams fail, retry and give up as on AWS.

AWS: a batch that fails is tried again from the first record reported in `batchItemFailures`
(or whole), cut in halves when the mapping says so (a cut costs no try), at most
`MaximumRetryAttempts` times or until a record is older than `MaximumRecordAgeInSeconds`; then
facts about the batch go to the OnFailure destination and the shard moves on.

MiniStack: reported failures are taken as done, a batch that raises is tried for ever, nothing is
cut, and a slow function holds up every other mapping because it runs on the polling thread.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import dynamodb, lambda_svc

FOREVER = -1
_LONGEST_PAUSE_SECONDS = 8.0

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a mapping remembers of a batch that failed.

    Attributes:
        position: of the batch's first record.
        tries: how often it was tried again.
        size: how many records to take at once until `end` is passed.
        end: the position behind the batch that was cut.
    """

    position: int
    tries: int
    size: int
    end: int


def first_failure(batch: list[Record], answer: object) -> int | None:
    """Index of the first record that a partial answer reports as failed; None when none is.

    An answer that names no record of the batch counts against the whole batch, as on AWS.
    """
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except json.JSONDecodeError:
            return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return None
    if not isinstance(failures, list):
        return 0
    places = {record["dynamodb"]["SequenceNumber"]: i for i, record in enumerate(batch)}
    failed = []
    for failure in failures:
        name = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(name, str) or name not in places:
            return 0
        failed.append(places[name])
    return min(failed)


def next_trouble(
    before: Trouble | None, *, position: int, taken: int, done: int, cut: bool, most: int
) -> Trouble | None:
    """What to do after `taken` records from `position` on failed at the one numbered `done`.

    Returns:
        The trouble to go on with, or None when the tries are used up and the batch is given up.
    """
    start, left = position + done, taken - done
    same = before is not None and before.position == start
    tries = before.tries if before and same else 0
    end = max(before.end, position + taken) if before else position + taken
    if cut and left > 1:
        return Trouble(start, tries, (left + 1) // 2, end)
    if done:  # something succeeded: the rest is a batch of its own, with all its tries
        return Trouble(start, 0, left, end)
    if most != FOREVER and tries >= most:
        return None
    return Trouble(start, tries + 1, left, end)


@dataclass(frozen=True, slots=True)
class Step:
    """Where a mapping goes on after a batch.

    Attributes:
        given_up: the failed records were passed over and must be reported.
    """

    position: int
    trouble: Trouble | None
    given_up: bool = False


def after(
    before: Trouble | None,
    *,
    position: int,
    taken: int,
    failed: int | None,
    cut: bool,
    most: int,
    too_old: bool = False,
) -> Step:
    """The step after `taken` records from `position` on, of which the one numbered `failed` failed.

    `failed` is None when all went well and 0 when the whole batch failed.
    """
    behind = position + taken
    going_on = before if before is not None and behind < before.end else None
    if failed is None:
        return Step(behind, going_on)
    trouble = (
        None
        if too_old
        else next_trouble(before, position=position, taken=taken, done=failed, cut=cut, most=most)
    )
    if trouble is None:
        return Step(behind, going_on, given_up=True)
    return Step(trouble.position, trouble)


def how_many(batch_size: int, position: int, trouble: Trouble | None) -> int:
    """How many records to take next."""
    if trouble is None:
        return batch_size
    return min(batch_size, trouble.size, max(1, trouble.end - position))


_troubles: dict[str, Trouble] = {}
"""By mapping id; lost at a restart, which begins the count again."""


def _too_old(batch: list[Record], most_seconds: int) -> bool:
    if most_seconds <= 0:
        return False
    oldest = min(float(record["dynamodb"]["ApproximateCreationDateTime"]) for record in batch)
    return time.time() - oldest > most_seconds


def _go_on(esm_id: str, step: Step) -> None:
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[esm_id] = step.position
    if step.trouble is None:
        _troubles.pop(esm_id, None)
    else:
        _troubles[esm_id] = step.trouble


def _run_batch(
    esm: Record, function: Record, batch: list[Record], records: list[Record], position: int
) -> None:
    """Call the function with one batch and go on behind it, or remember its trouble.

    The batch is what the mapping's filter left of the records; positions count the records.
    """
    esm_id = esm["UUID"]
    result = lambda_svc._execute_function(function, {"Records": batch})
    failed: int | None = 0 if result.get("error") else None
    if failed is None and "ReportBatchItemFailures" in esm.get("FunctionResponseTypes", []):
        failed = first_failure(batch, result.get("body"))
    rest = batch[failed or 0 :]
    most = esm.get("MaximumRetryAttempts")
    too_old = failed is not None and _too_old(
        rest, int(esm.get("MaximumRecordAgeInSeconds") or FOREVER)
    )
    step = after(
        _troubles.get(esm_id),
        position=position,
        taken=len(records),
        # Records that the filter dropped before the failed one are done as well.
        failed=records.index(rest[0]) if failed else failed,
        cut=bool(esm.get("BisectBatchOnFunctionError")),
        most=FOREVER if most is None else int(most),
        too_old=too_old,
    )
    esm["LastProcessingResult"] = "FAILED" if failed is not None else f"OK - {len(batch)} records"
    if failed is not None:
        lambda_svc.logger.warning(
            "stream batch of %s failed: %s", esm["FunctionName"], result.get("body")
        )
    if step.given_up:
        why = "MaxRecordAgeExceeded" if too_old else "RetryAttemptsExhausted"
        lambda_svc._send_ddb_stream_failure_record(
            esm, function, rest, esm["EventSourceArn"], result, why
        )
    elif failed is not None and step.trouble is not None and step.trouble.tries:
        pause = min(_LONGEST_PAUSE_SECONDS, 0.25 * 2**step.trouble.tries)
        lambda_svc._esm_backoff_until[esm_id] = time.time() + pause
    _go_on(esm_id, step)


def _table_of(esm: Record) -> str:
    found = lambda_svc._dynamodb_stream_table_from_arn_spec(parse_arn(esm["EventSourceArn"]))
    return str(found[0]) if found else ""


def _poll_one(esm: Record) -> bool:
    """Send the mapping's next batch on its way; whether there was one."""
    esm_id = esm["UUID"]
    if lambda_svc._esm_inflight.get(esm_id) or (
        lambda_svc._esm_backoff_until.get(esm_id, 0) > time.time()
    ):
        return False
    function, _ = lambda_svc._get_func_record_for_qualifier(
        esm["FunctionName"], esm.get("Qualifier")
    )
    name = _table_of(esm)
    table = dynamodb._tables.get(name)
    if function is None or not table or table.get("LatestStreamArn") != esm["EventSourceArn"]:
        return False
    horizon = dynamodb.stream_start_position(name)
    with lambda_svc._dynamodb_stream_positions_lock:
        positions = lambda_svc._dynamodb_stream_positions
        if esm_id not in positions:
            from_start = esm.get("StartingPosition") == "TRIM_HORIZON"
            positions[esm_id] = horizon if from_start else dynamodb.stream_end_position(name)
        position = max(positions[esm_id], horizon)
        positions[esm_id] = position
    size = how_many(int(esm.get("BatchSize", 100)), position, _troubles.get(esm_id))
    records = dynamodb.stream_records_since(name, position, size)
    if not records:
        return False
    batch = lambda_svc._apply_filter_criteria(records, esm)
    if not batch:
        _go_on(
            esm_id,
            after(
                _troubles.get(esm_id),
                position=position,
                taken=len(records),
                failed=None,
                cut=False,
                most=FOREVER,
            ),
        )
        return True
    lambda_svc._dispatch_esm_batch(esm_id, _run_batch, esm, function, batch, records, position)
    return True


def _poll() -> bool:
    """One pass over the mappings on DynamoDB streams; whether any had work."""
    worked = False
    for account, region, esm in lambda_svc._iter_all_esms():
        try:
            source = parse_arn(esm.get("EventSourceArn", ""))
        except ArnParseError:
            continue
        if source.service != "dynamodb" or not esm.get("Enabled", True):
            continue
        account_token = _request_account_id.set(account)
        region_token = _request_region.set(region)
        try:
            worked = _poll_one(esm) or worked
        finally:
            _request_account_id.reset(account_token)
            _request_region.reset(region_token)
    return worked


def apply() -> None:
    """Replace MiniStack's polling of DynamoDB streams by ours."""
    lambda_svc._poll_dynamodb_streams = _poll
