"""A table is read by several threads at the same time."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.dynamodb.conditions import Attr, Key

from tallycast.aws import clients
from tests.support.stacks import aws_stacks


@pytest.fixture(scope="module")
def stacks():
    with aws_stacks() as made:
        yield made


@pytest.fixture
def eager_threads():
    """Threads that give way to each other all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_get_what_they_asked_for_and_nothing_of_each_other(stacks, eager_threads):
    table = clients.table(stacks.outputs["MetricsTable"])
    readers = range(8)
    for reader in readers:
        for number in range(reader + 1):
            table.put_item(Item={"pk": f"reader-{reader}", "sk": f"day#{number}", "mine": reader})

    def read(reader):
        return [
            [item["mine"] for item in table.query(
                KeyConditionExpression=Key("pk").eq(f"reader-{reader}")
                & Key("sk").between("day#0", f"day#{reader}"),
                FilterExpression=Attr("mine").eq(reader),
            )["Items"]]
            for _ in range(25)
        ]  # fmt: skip

    with ThreadPoolExecutor(len(readers)) as pool:
        found = list(pool.map(read, readers))

    assert found == [[[reader] * (reader + 1)] * 25 for reader in readers]
