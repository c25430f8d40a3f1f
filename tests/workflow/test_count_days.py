"""The counting workflow with the real function behind it: every road a day can take."""

from datetime import date, timedelta
from unittest.mock import patch

import boto3
import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.measurement.counting.days import DayRef, DayStore
from tallycast.measurement.counting.settling import Settling
from tallycast.measurement.rollups.model import Thing
from tallycast.measurement.rollups.reading import CardReader
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tests.support.measurement_platform import a_log, listeners
from tests.support.measuring import AUDIO, DAY, LOG, NOON, objects, put
from tests.support.scene import NOW, TENANT, scene, stopped_clock
from tests.support.workflow import LAMBDA_ERRORS, Workflow, workflow

NEXT = DAY + timedelta(days=1)
RULES = "iab-2.3"
LAMBDAS_PAUSES = [2, 4, 8, 16, 30]
# Each task of the file with the step it takes; the step of the sample day is the first of its kind.
TASKS = {"Open": "open", "Count": "count", "Settle": "settle", "CountListeners": "listeners"}


class Counting(Workflow):
    """The counting workflow; a task is named after its step and its day or period."""

    def __init__(self, stage, name, handler):
        super().__init__(stage, name, handler, self._name)
        self._day_of: dict[str, str] = {}
        self.days = DayStore(stage.platform.stacks.metrics)

    def _name(self, event):
        if event["step"] == "listeners":
            return f"listeners {event['period']['period']}"
        day = event["day"]["day"] if event["step"] == "open" else self._day_of[event["run"]]
        return f"{event['step']} {day}"

    def answered(self, event, answer):
        if event["step"] == "open" and "run" in answer:
            self._day_of[answer["run"]] = event["day"]["day"]

    def of(self, plan):
        """Count the days of a plan; what came of the days, and of the periods."""
        given = {"plan": f"plans/{plan}.json", "periods": f"plans/{plan}.periods.json"}
        with stopped_clock():
            done = self.run(given, f"run-{len(self.tries)}-{plan}")
        return done["days"], done["listeners"]

    def state(self, day=DAY):
        return self.days.get(DayRef(tenant=TENANT, rules=RULES, day=day))

    def downloads(self, day=DAY):
        """The day's number as a person reads it; None where there is none."""
        reader = CardReader(self.stage.platform.stacks.metrics)
        card = reader.day(Thing(TENANT, RULES, "tenant", TENANT), day)
        return card and card.downloads

    def steps(self, day=DAY):
        """How often each step of a day was tried."""
        found = {name.partition(" ")[0]: n for name, n in self.tries.items() if str(day) in name}
        return {step: found.get(step, 0) for step in ("open", "count", "settle", "give_back")}

    def assert_still_due(self, day=DAY):
        """The day was given back: nobody has it, and a later tick hands it out again."""
        state = self.state(day)
        assert (state.lease_id, state.counted_at) == (None, None)
        assert state.due_at is not None
        assert state.ref in set(self.days.due(NOW + timedelta(hours=2)))


@pytest.fixture
def stage():
    """A tenant with a log of two days: three listeners on the first, two on the next."""
    with scene() as made:
        rows = listeners(3, time=NOON, url=AUDIO)
        rows += listeners(2, time=NOON + timedelta(days=1), url=AUDIO)
        put(made, "IntakeBucket", LOG, a_log(rows))
        made.run("ingest_log/log_file")
        yield made


@pytest.fixture
def plan(stage):
    """The plan that the tick makes of what waits."""
    answer, _ = stage.run("schedule_counts/tick")
    assert answer["days"] == 2
    return answer["plan"]


@pytest.fixture(name="workflow")
def count_workflow(stage, plan):
    with workflow(stage, "count_days", "count_downloads", Counting) as made:
        yield made


def once(steps):
    return {"open": 1, "count": 1, "settle": 1, "give_back": 0} | steps


# ── every day ──


def test_every_day_of_a_plan_is_counted_and_then_the_weeks_and_months(workflow, plan):
    days, periods = workflow.of(plan)
    assert sorted(day["downloads"] for day in days) == [2, 3]
    assert [workflow.downloads(day) for day in (DAY, NEXT)] == [3, 2]
    for day, state in ((DAY, "final"), (NEXT, "provisional")):
        assert workflow.steps(day) == once({})
        assert (workflow.state(day).state, workflow.state(day).lease_id) == (state, None)
    assert len(periods) == 2
    assert {name for name in workflow.tries if name.startswith("listeners")} == {
        "listeners week",
        "listeners month",
    }
    assert workflow.pauses == []


def test_a_day_that_has_not_changed_costs_one_step(workflow, plan):
    workflow.of(plan)
    before = workflow.state()
    days, _ = workflow.of(plan)
    assert [day["unchanged"] for day in days] == [True, True]
    assert workflow.steps() == {"open": 2, "count": 1, "settle": 1, "give_back": 0}
    assert workflow.state().version == before.version == 1


def test_a_big_day_is_counted_in_shards_that_add_up(stage, workflow, plan):
    few = MeasurementSettings(rows_per_shard=1)
    MeasurementSettingsStore(stage.platform.stacks.core).put(TENANT, few)
    workflow.of(plan)
    assert workflow.steps() == once({"count": 3})
    assert (workflow.downloads(), workflow.state().shards) == (3, 3)


def test_a_plan_without_days_is_done_at_once(stage, workflow):
    for name in ("none", "none.periods"):
        put(stage, "LakeBucket", f"plans/{name}.json", b"[]")
    assert workflow.of("none") == ([], [])
    assert workflow.tries == {}


# ── what passes ──


def first(task):
    """The name of a task of the sample day."""
    return f"{TASKS[task]} month" if task == "CountListeners" else f"{TASKS[task]} {DAY}"


@pytest.mark.parametrize("task", TASKS)
def test_lambdas_troubles_and_those_of_aws_are_waited_out(workflow, plan, task):
    """One after the other, all that may pass."""
    troubles = [*LAMBDA_ERRORS, "ServiceUnavailableError"]
    workflow.before[first(task)] = list(troubles)
    workflow.of(plan)
    assert workflow.tries[first(task)] == 6
    workflow.assert_waited(LAMBDAS_PAUSES)
    assert all(workflow.longest_pauses(task, error) == LAMBDAS_PAUSES for error in troubles)
    assert workflow.downloads() == 3


def test_a_settlement_that_died_after_its_work_is_settled_once(workflow, plan):
    settle, tries = Settling.settle, []

    def refused_once(self, run):
        settled = settle(self, run)
        tries.append(run.day.day)
        if tries.count(run.day.day) == 1:
            raise ServiceUnavailableError("the answer was lost")
        return settled

    with patch.object(Settling, "settle", refused_once):
        workflow.of(plan)
    assert workflow.steps() == once({"settle": 2})
    assert (workflow.downloads(), workflow.state().version) == (3, 1)
    assert (workflow.state().state, workflow.state().lease_id) == ("final", None)


def lease(workflow, by="another-run", day=DAY):
    ref = DayRef(tenant=TENANT, rules=RULES, day=day)
    workflow.days.lease(ref, by, NOW, NOW + timedelta(hours=1))
    return ref


def test_a_day_that_another_run_counts_is_waited_for(workflow, plan):
    ref = lease(workflow)
    workflow.meanwhile = lambda: workflow.days.release(ref, "another-run")
    workflow.of(plan)
    assert workflow.steps() == once({"open": 2})
    assert workflow.downloads() == 3


def test_a_day_that_another_run_does_not_give_back_is_left_to_it(workflow, plan):
    lease(workflow)
    days, _ = workflow.of(plan)
    longest = workflow.longest_pauses("Open", "DayBeingCountedError")
    assert (longest, len(days)) == ([2, 4, 8, 16, 32, 60], 2)
    workflow.assert_waited(longest)
    assert workflow.steps() == {"open": 7, "count": 0, "settle": 0, "give_back": 0}
    assert workflow.state().lease_id == "another-run"
    assert workflow.downloads(NEXT) == 2


def test_a_period_whose_downloads_are_replaced_meanwhile_is_counted_again(workflow, plan):
    workflow.before["listeners month"] = ["LakeObjectMissingError"] * 2
    workflow.of(plan)
    assert workflow.tries["listeners month"] == 3
    assert len(workflow.pauses) == 2


# ── what does not pass ──


def test_a_day_whose_file_was_compacted_meanwhile_is_given_back(stage, workflow, plan):
    """The run names objects; when one of them is gone, only another run can count the day."""

    def gone():
        [key] = objects(stage, "LakeBucket", f"requests/tenant={TENANT}/dt={DAY}/")
        bucket = stage.platform.stacks.outputs["LakeBucket"]
        boto3.client("s3").delete_object(Bucket=bucket, Key=key)

    workflow.after[f"open {DAY}"] = gone
    workflow.of(plan)
    assert workflow.steps() == once({"settle": 0, "give_back": 1})
    workflow.assert_still_due()
    assert workflow.pauses == []
    assert (workflow.downloads(), workflow.downloads(NEXT)) == (None, 2)


@pytest.mark.parametrize("task", ["Count", "Settle"])
@pytest.mark.parametrize("error", ["Sandbox.Timedout", "KeyError", "LeaseExpiredError"])
def test_what_nobody_foresaw_gives_the_day_back_and_holds_nobody_up(workflow, plan, task, error):
    workflow.before[first(task)] = [error]
    workflow.of(plan)
    settled = {"settle": 0} if task == "Count" else {}
    assert workflow.steps() == once({"give_back": 1, **settled})
    workflow.assert_still_due()
    assert workflow.downloads(NEXT) == 2
    assert workflow.pauses == []


@pytest.mark.parametrize("task", ["Count", "Settle"])
def test_troubles_that_do_not_end_give_the_day_back(workflow, plan, task):
    workflow.before[first(task)] = ["ServiceUnavailableError"] * 6
    workflow.of(plan)
    assert workflow.steps()[TASKS[task]] == 6
    assert workflow.steps()["give_back"] == 1
    workflow.assert_still_due()


@pytest.mark.parametrize("error", ["KeyError", "Sandbox.Timedout", "UnknownRuleSetError"])
def test_a_day_that_cannot_be_opened_stays_due_and_holds_nobody_up(workflow, plan, error):
    workflow.before[f"open {DAY}"] = [error]
    workflow.of(plan)
    assert workflow.steps() == {"open": 1, "count": 0, "settle": 0, "give_back": 0}
    workflow.assert_still_due()
    assert workflow.downloads(NEXT) == 2


def test_giving_back_waits_troubles_out(workflow, plan):
    workflow.before[f"count {DAY}"] = ["KeyError"]
    workflow.before[f"give_back {DAY}"] = [*LAMBDA_ERRORS, "ServiceUnavailableError"]
    workflow.of(plan)
    assert workflow.steps()["give_back"] == 6
    workflow.assert_waited(LAMBDAS_PAUSES)
    workflow.assert_still_due()


def test_a_day_that_cannot_even_be_given_back_is_free_when_its_lease_ends(workflow, plan):
    workflow.before[f"count {DAY}"] = ["KeyError"]
    workflow.before[f"give_back {DAY}"] = ["KeyError"]
    workflow.of(plan)
    state = workflow.state()
    assert state.lease_id is not None
    assert state.lease_until < NOW + timedelta(hours=1)
    assert state.due_at is not None
    assert workflow.downloads(NEXT) == 2


def test_a_period_that_cannot_be_counted_does_not_hold_up_the_other(workflow, plan):
    workflow.before["listeners month"] = ["KeyError"]
    workflow.of(plan)
    assert workflow.tries["listeners month"] == 1
    assert workflow.tries["listeners week"] == 1
    assert [workflow.downloads(day) for day in (DAY, NEXT)] == [3, 2]


def test_a_week_and_a_month_count_each_listener_once(stage, workflow, plan):
    """The two of the next day had been there the day before."""
    workflow.of(plan)
    reader = CardReader(stage.platform.stacks.metrics)
    thing = Thing(TENANT, RULES, "tenant", TENANT)
    [month] = reader.listeners(thing, "month", "2026-01", "2026-01")
    assert month.listeners == 3
    assert date.fromisocalendar(2026, 1, 4) == DAY
    [week] = reader.listeners(thing, "week", "2026-W01", "2026-W01")
    assert week.listeners == 3
