"""Generated sets that the tests only read."""

import pytest

from tallycast.demo.traffic.generate import Plan, generate
from tests.unit.demo.traffic.sets import SMALL, TOWNS


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return generate(Plan(**SMALL), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def towns(tmp_path_factory):
    return generate(Plan(**TOWNS), tmp_path_factory.mktemp("towns"))
