"""Stacks once for a module; tables are emptied for each test."""

import pytest

from tests.support.stacks import aws_stacks
from tests.support.webhooks_platform import webhooks_platform


@pytest.fixture(scope="module")
def stacks():
    with aws_stacks() as made:
        yield made


@pytest.fixture
def platform(stacks):
    with webhooks_platform(stacks) as made:
        yield made
